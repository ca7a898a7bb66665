"""``skmissdiff sample``: generate complete rows like a table's."""

import time

from skmissdiff._support.files import TableError, atomic_output, import_pandas
from skmissdiff.cli import _arguments as arguments
from skmissdiff.cli._messages import say
from skmissdiff.cli._options import add_model_options, add_table_options

# Generated rows that the summary and the report are made from, the first ones. All are written.
LOOKED_AT = 100_000


def add_sample(commands, **parser):
    """Add the command to the parser's; return its own."""
    sample = commands.add_parser("sample", help="generate complete rows like a table's", **parser)
    add_table_options(sample, "the generated rows")
    add = sample.add_argument
    add(
        "-n",
        "--n-samples",
        type=arguments.positive_int,
        required=True,
        metavar="N",
        help="how many rows",
    )
    add(
        "--given",
        type=arguments.given,
        action="append",
        default=[],
        metavar="COL=VALUE",
        help="generate rows with this value in the column; may be repeated for other columns",
    )
    add(
        "--keep-missing",
        action="store_true",
        help="leave cells out where rows like them have missing ones in IN",
    )
    add_model_options(sample, refreshes=True)
    add_report_options(sample)
    sample.set_defaults(run=run_sample)
    return sample


def add_report_options(sample):
    group = sample.add_argument_group("the report")
    group.add_argument(
        "--report",
        metavar="FILE.html",
        help="write a page that compares the generated rows with those of IN: columns, pairs of "
        "columns, whether a classifier can tell them apart, nearness to training rows; cells that "
        "are missing in IN are left out (takes matplotlib)",
    )
    group.add_argument(
        "--holdout",
        type=arguments.share,
        metavar="SHARE",
        help="keep this share of the rows of IN from the training, 0.2 say, for the report: they "
        "show what real rows reach in each figure, and only beside them does it show whether rows "
        "were learnt by heart. The model then learns from fewer rows (default: it learns from all)",
    )


def run_sample(args):
    from skmissdiff.cli._estimators import make_estimator
    from skmissdiff.cli._holdout import check_report, split
    from skmissdiff.cli._inputs import open_table

    if args.holdout is not None and args.report is None:
        raise TableError("--holdout is for the report; add --report FILE.html")
    table, seed = open_table(args)
    if args.report is not None:
        check_report(args.report, table)
    train, holdout = split(table, args.holdout, seed)
    given = read_given_options(args.given, table, train)
    wishes = {"given": given} if given else {}
    if args.keep_missing:
        wishes["keep_missing"] = True
    start = time.perf_counter()
    sampler = make_estimator("MissDiffSampler", args, table, seed).fit(train)
    batches = sampler.sample_batches(args.n_samples, random_state=seed, **wishes)
    first = []
    with atomic_output(args.output) as path:
        table.write_to(path, args.output, keep_first(batches, first), completed=False)
        rows = import_pandas().concat(first)
        if args.report is not None:
            from skmissdiff.report import SyntheticReport

            # Before the table is moved to its place, so that there are both files or none.
            report = SyntheticReport(train, table.as_written(rows), holdout, random_state=seed)
            report.to_html(args.report)
    if args.quiet:
        return
    from skmissdiff.cli._summary import summarize_sample

    say(summarize_sample(table, rows, args.n_samples))
    if args.report is not None:
        held_out = "" if holdout is None else f" and {len(holdout)} held-out ones"
        say(f"wrote {args.report}: the generated rows beside the real ones{held_out}")
    say(f"wrote {args.output} in {time.perf_counter() - start:.1f} s (seed {seed})")


def read_given_options(options, table, train):
    """What --given says by column, checked before the long work."""
    from skmissdiff._encoding.encoder import TableEncoder
    from skmissdiff._table.given import read_given

    given = {}
    for name, text in options:
        if name in given:
            raise TableError(f"--given names column {name!r} twice; give it one value")
        given[name] = table.give(name, text, train)
    if given:
        encoder = TableEncoder().fit(train)
        read_given(given, encoder.schema_, encoder.categories_)
    return given


def keep_first(batches, kept):
    """Pass tables on, and put the first ``LOOKED_AT`` of their rows into a list."""
    room = LOOKED_AT
    for rows in batches:
        if room > 0:
            kept.append(rows[:room])
            room -= len(rows)
        yield rows
