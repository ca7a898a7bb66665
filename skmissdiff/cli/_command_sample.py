"""``skmissdiff sample``: generate complete rows like a table's."""

import time

from skmissdiff._support.files import TableError, atomic_output, import_pandas
from skmissdiff.cli import _arguments as arguments
from skmissdiff.cli._messages import say
from skmissdiff.cli._options import (
    KIND_OPTIONS,
    READING_OPTIONS,
    TRAINING_OPTIONS,
    add_model_options,
    add_table_options,
    add_training_options,
)

_DESCRIPTION = """\
Generates complete rows like those of the table IN, or of the table that --model was fitted to. A
model of 'skmissdiff fit' remembers how a text file was written, with its encoding, delimiter,
decimals and dates; rows of any other model are written plainly.
"""
ROWS_PER_FILE = 1_000_000
# Generated rows that the summary and the report are made from, the first ones. All are written.
LOOKED_AT = 100_000


def add_sample(commands, **parser):
    """Add the command to the parser's; return its own."""
    sample = commands.add_parser(
        "sample",
        help="generate complete rows like a table's",
        description=_DESCRIPTION,
        **parser,
    )
    add_table_options(sample, "the generated rows", is_optional=True)
    add = sample.add_argument
    add(
        "-n",
        "--n-samples",
        "--rows",
        type=arguments.positive_int,
        required=True,
        metavar="N",
        help="how many rows",
    )
    add(
        "--rows-per-file",
        type=arguments.positive_int,
        metavar="N",
        help="of the Parquet files in a folder OUT/ (default: 1000000)",
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
    add_model_options(sample, takes_saved=True)
    add_training_options(sample, refreshes="")
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
    from skmissdiff.cli._inputs import check_table_output, choose_seed
    from skmissdiff.cli._parts import is_folder

    if args.holdout is not None and args.report is None:
        raise TableError("--holdout is for the report; add --report FILE.html")
    if args.input is None and args.model is None:
        raise TableError("name a table IN to learn from, or a --model")
    into_folder = args.model is not None and is_folder(args.output)
    if args.model is None and args.output.endswith("/"):
        raise TableError(
            f"{args.output}: generating rows into a folder takes a --model; make one with "
            "'skmissdiff fit'"
        )
    if args.rows_per_file is not None and not into_folder:
        raise TableError("--rows-per-file is for a folder; write -o OUT/")
    if into_folder:
        sample_into_folder(args, lambda: choose_seed(args))
        return
    check_table_output(args)
    seed = choose_seed(args)
    if args.model is not None:
        sample_from_model(args, seed)
    else:
        sample_from_table(args, seed)


def sample_from_table(args, seed):
    """Train on a table and generate rows like its own."""
    from skmissdiff._encoding.encoder import TableEncoder
    from skmissdiff.cli._estimators import make_estimator
    from skmissdiff.cli._holdout import check_report, split
    from skmissdiff.cli._inputs import open_table

    table = open_table(args)
    if args.report is not None:
        check_report(args.report, table)
    train, holdout = split(table, args.holdout, seed)
    given = read_given_options(args.given, table, train, lambda: TableEncoder().fit(train))
    start = time.perf_counter()
    sampler = make_estimator("MissDiffSampler", args, table, seed).fit(train)
    batches = sampler.sample_batches(args.n_samples, random_state=seed, **wishes(args, given))
    first = []
    with atomic_output(args.output) as path:
        rows = map(table.as_generated, batches)
        table.write_to(path, args.output, keep_first(rows, first), completed=False)
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


def sample_from_model(args, seed):
    """Generate rows by a saved model, without a table."""
    from skmissdiff.cli._model_table import as_pandas

    sampler, table, given = open_sampler(args)
    start = time.perf_counter()
    batches = sampler.sample_batches(args.n_samples, random_state=seed, **wishes(args, given))
    first = []
    rows = (table.as_generated(as_pandas(batch)) for batch in batches)
    table.write(args.output, keep_first(rows, first), completed=False)
    if args.quiet:
        return
    from skmissdiff.cli._summary import summarize_sample

    say(summarize_sample(table, import_pandas().concat(first), args.n_samples))
    say(f"wrote {args.output} in {time.perf_counter() - start:.1f} s (seed {seed})")


def sample_into_folder(args, new_seed):
    """Generate rows by a saved model into files, those that are not there yet."""
    import skmissdiff
    from skmissdiff._stream.source import block_rows
    from skmissdiff._support.files import digest_of
    from skmissdiff.cli._model_table import as_pandas
    from skmissdiff.cli._parts import Journal

    sampler, table, given = open_sampler(args)
    sampler.set_params(verbose=0)
    size = args.rows_per_file or ROWS_PER_FILE
    work = {"command": "sample", "version": skmissdiff.__version__, "model": digest_of(args.model)}
    work |= {name: getattr(args, name) for name in ("n_steps", "given", "keep_missing")}
    work["rows_per_file"] = size
    begun = time.perf_counter()
    with Journal(args.output, work, args.seed, new_seed, args.overwrite) as journal:
        firsts = range(0, args.n_samples, size)
        names = [f"part-{number:05}.parquet" for number in range(len(firsts))]
        journal.refuse_others(names)
        for name, first in zip(names, firsts, strict=True):
            n_rows = min(size, args.n_samples - first)
            if journal.is_done(name, n_rows):
                continue
            options = {"random_state": journal.seed, "start": first, **wishes(args, given)}
            batches = sampler.sample_batches(n_rows, block_rows(len(table.names)), **options)
            with journal.writing(name, n_rows) as target:
                rows = (table.as_generated(as_pandas(batch)) for batch in batches)
                table.write(target, rows, completed=False)
            if not args.quiet:
                say(f"wrote {target}: {first + n_rows} of {args.n_samples} rows")
        if not args.quiet:
            took = f"{time.perf_counter() - begun:.1f} s (seed {journal.seed})"
            say(f"{args.n_samples} rows are in {args.output}, in {took}")


def open_sampler(args):
    """The sampler of a saved model, the table that it writes, and what is given of its rows."""
    from skmissdiff.cli._estimators import fitted_estimator
    from skmissdiff.cli._inputs import refuse_beside_model
    from skmissdiff.cli._model_table import ModelTable
    from skmissdiff.cli._parts import is_folder
    from skmissdiff.cli._saved_model import load_model

    refuse_beside_model(args, ["input"], "it generates rows without a table; leave IN out")
    refuse_beside_model(args, ["report"], "there is no table to compare with")
    refuse_beside_model(args, TRAINING_OPTIONS, "it was trained with its own")
    reading = [n for n in READING_OPTIONS if n != "overwrite" or not is_folder(args.output)]
    refuse_beside_model(args, [*KIND_OPTIONS, *reading], "no table is read")
    model = load_model(args.model, "MissDiffSampler")
    sampler = fitted_estimator(model, args)
    table = ModelTable(model)
    given = read_given_options(args.given, table, table.frame, lambda: sampler.encoder_)
    return sampler, table, given


def wishes(args, given):
    """What is asked of the rows, as the sampler takes it."""
    asked = {"given": given} if given else {}
    return asked | ({"keep_missing": True} if args.keep_missing else {})


def read_given_options(options, table, train, encoder):
    """What --given says by column, checked before the long work by an encoder, made if needed."""
    from skmissdiff._table.given import read_given

    given = {}
    for name, text in options:
        if name in given:
            raise TableError(f"--given names column {name!r} twice; give it one value")
        given[name] = table.give(name, text, train)
    if given:
        known = encoder()
        read_given(given, known.schema_, known.categories_)
    return given


def keep_first(batches, kept):
    """Pass tables on, and put the first ``LOOKED_AT`` of their rows into a list."""
    room = LOOKED_AT
    for rows in batches:
        if room > 0:
            kept.append(rows[:room])
            room -= len(rows)
        yield rows
