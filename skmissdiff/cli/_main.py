"""The command ``skmissdiff``: complete a table in a file, or generate one like it."""

import argparse
import csv
import math
import os
import secrets
import sys
import time
import warnings

from skmissdiff import __version__
from skmissdiff._support.files import (
    TableError,
    atomic_output,
    check_writable,
    file_kind,
    import_pandas,
)

EXIT_OK, EXIT_FAILURE, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130
# Generated rows that the summary and the report are made from, the first ones. All are written.
LOOKED_AT = 100_000

_DESCRIPTION = """\
Trains a diffusion model on a table with missing cells, and uses it to fill them (impute) or to
generate complete rows (sample). Tables are CSV (.csv, .csv.gz) or Parquet (.parquet) files, with
a header and one row per line.
"""

_EPILOG = """\
A missing cell of a CSV file is an empty one, or NA, N/A, NaN, NULL, null, None, #N/A and the
other spellings that pandas.read_csv knows. A column is numeric if all its other cells are numbers
without leading zeros and without more digits than a float64 keeps, else it is categorical. Observed
cells are written back as they are, character by character. Filled cells have as many decimals as
the column's most precise cell, and a column of whole numbers gets whole numbers.

exit status: 0 done, 1 failed while running, 2 wrong options or unusable input, 130 interrupted
"""


class _Parser(argparse.ArgumentParser):
    """Reports errors in one line."""

    def error(self, message):
        self.exit(EXIT_USAGE, f"skmissdiff: error: {message} (see '{self.prog} --help')\n")


def main(argv=None):
    """Run the command.

    Parameters
    ----------
    argv : list of str, optional
        Arguments; by default those of the process.

    Returns
    -------
    int
        The exit status.
    """
    args = _make_parser().parse_args(argv)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("default", UserWarning)
            warnings.showwarning = _show_warning
            args.run(args)
    except KeyboardInterrupt:
        _say("skmissdiff: interrupted, nothing was written")
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has left, as head does; Python must not complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILURE
    except Exception as error:
        if args.traceback:
            raise
        usage = isinstance(error, (ValueError, TypeError))
        kind = "" if usage or isinstance(error, OSError) else f"{type(error).__name__}: "
        _say(f"skmissdiff: error: {kind}{_one_line(error) or type(error).__name__}")
        return EXIT_USAGE if usage else EXIT_FAILURE
    return EXIT_OK


def _make_parser():
    raw = argparse.RawDescriptionHelpFormatter
    parser = _Parser(
        prog="skmissdiff", description=_DESCRIPTION, epilog=_EPILOG, formatter_class=raw
    )
    parser.add_argument("--version", action="version", version=f"skmissdiff {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", title="commands")

    impute = commands.add_parser("impute", help="fill the missing cells of a table", epilog=_EPILOG)
    impute.formatter_class = raw
    _add_table_options(impute, "the completed table; observed cells stay as they are")
    impute.add_argument(
        "--draws",
        type=_positive_int,
        metavar="M",
        help="write M completed tables, drawn at random for multiple imputation, one below the "
        "other; the leading column .imp numbers them from 1 (without --draws: one table, filled "
        "with means and most probable levels)",
    )
    _add_model_options(impute)
    impute.set_defaults(run=_run_impute)

    sample = commands.add_parser("sample", help="generate complete rows like a table's")
    _add_table_options(sample, "the generated rows")
    sample.add_argument(
        "-n", "--n-samples", type=_positive_int, required=True, metavar="N", help="how many rows"
    )
    sample.add_argument(
        "--given",
        type=_given,
        action="append",
        default=[],
        metavar="COL=VALUE",
        help="generate rows with this value in the column; may be repeated for other columns",
    )
    sample.add_argument(
        "--keep-missing",
        action="store_true",
        help="leave cells out where rows like them have missing ones in IN",
    )
    _add_model_options(sample)
    sample.add_argument(
        "--n-refreshes",
        type=_whole_number,
        metavar="N",
        help="draw the missing cells anew N times while training (default: 4); training takes "
        "three times as long as with 0, and it is worth it where cells are missing at random but "
        "not completely at random",
    )
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
        type=_share,
        metavar="SHARE",
        help="keep this share of the rows of IN from the training, 0.2 say, for the report: they "
        "show what real rows reach in each figure, and only beside them does it show whether rows "
        "were learnt by heart. The model then learns from fewer rows (default: it learns from all)",
    )
    sample.set_defaults(run=_run_sample)

    demo = commands.add_parser("demo", help="compare imputers on a data set of scikit-learn's")
    demo.add_argument("--seed", type=_seed, default=0, metavar="S", help="default: 0")
    demo.set_defaults(run=_run_demo)
    for command in (impute, sample, demo):
        command.add_argument("--traceback", action="store_true", help="show where an error arose")
    return parser


def _add_table_options(command, output):
    add = command.add_argument
    add("input", metavar="IN", help="the table with missing cells, .csv, .csv.gz or .parquet")
    add("-o", "--output", required=True, metavar="OUT", help=f"{output}; same endings")
    add("--overwrite", action="store_true", help="allow OUT to be IN")
    add("-q", "--quiet", action="store_true", help="no progress and no summary")
    group = command.add_argument_group("the table")
    add = group.add_argument
    add(
        "--delimiter",
        default=",",
        type=_delimiter,
        metavar="CHAR",
        help="of CSV cells, default ','",
    )
    columns = {"type": _names, "action": "extend", "default": [], "metavar": "COL,.."}
    add("--categorical", **columns, help="columns of numbers that stand for categories")
    add("--numeric", **columns, help="columns of numbers with leading zeros or many digits")
    add("--ignore", **columns, help="columns to leave out of the model, such as row names")
    values = {"type": _names, "action": "extend", "default": [], "metavar": "TEXT,.."}
    add("--missing-values", **values, help="more spellings of a missing CSV cell, such as ?")
    add("--no-na-spellings", action="store_true", help="take NA, None, null and so on for text")


def _add_model_options(command):
    group = command.add_argument_group("the model")
    add = group.add_argument
    add("--seed", type=_seed, metavar="S", help="makes the result repeatable; default: a new one")
    add("--method", choices=["masked", "missdiff"], help="missdiff is the paper's, as printed")
    add("--n-steps", type=_positive_int, metavar="N", help="diffusion steps")
    add("--max-iter", type=_positive_int, metavar="N", help="at most so much training")
    add("--max-time", type=_seconds, metavar="SECONDS", help="at most so long a training")
    bounds = {"type": _bounds, "action": "append", "default": [], "metavar": "COL=LOW:HIGH"}
    add(
        "--bounds",
        **bounds,
        help="range of a column's new values; either end may be left out (default: the range of "
        "its observed values)",
    )
    add("--no-bounds", action="store_true", help="let new values leave the observed range")
    snap = {"type": _names, "action": "extend", "default": [], "metavar": "COL,.."}
    add("--snap", **snap, help="columns whose new values are to be values seen in IN")


def _run_impute(args):
    table, seed = _open_table(args)
    start = time.perf_counter()
    if table.n_missing == 0 and args.draws is None:
        frames = [table.frame]
        table.copy(args.output)
    elif table.n_missing == 0:
        frames = [table.frame] * args.draws
        table.write(args.output, frames, draws=True)
    else:
        imputer = _make_estimator("MissDiffImputer", args, table, seed).fit(table.frame)
        if args.draws is None:
            frames = [imputer.transform(table.frame)]
        else:
            frames = imputer.multiple_impute(
                table.frame, n_imputations=args.draws, random_state=seed
            )
        table.write(args.output, frames, draws=args.draws is not None)
    if args.quiet:
        return
    from skmissdiff.cli._summary import summarize_imputation

    _say(summarize_imputation(table, frames))
    if not table.n_missing:
        _say("nothing is missing: the table is copied as it is")
    _say(f"wrote {args.output} in {time.perf_counter() - start:.1f} s (seed {seed})")


def _run_sample(args):
    if args.holdout is not None and args.report is None:
        raise TableError("--holdout is for the report; add --report FILE.html")
    table, seed = _open_table(args)
    if args.report is not None:
        _check_report(args, table)
    train, holdout = _split(table, args.holdout, seed)
    given = _read_given(args.given, table, train)
    wishes = {"given": given} if given else {}
    if args.keep_missing:
        wishes["keep_missing"] = True
    start = time.perf_counter()
    sampler = _make_estimator("MissDiffSampler", args, table, seed).fit(train)
    batches = sampler.sample_batches(args.n_samples, random_state=seed, **wishes)
    first = []
    with atomic_output(args.output) as path:
        table.write_to(path, args.output, _keep_first(batches, first), completed=False)
        rows = import_pandas().concat(first)
        if args.report is not None:
            from skmissdiff.report import SyntheticReport

            # Before the table is moved to its place, so that there are both files or none.
            report = SyntheticReport(train, table.as_written(rows), holdout, random_state=seed)
            report.to_html(args.report)
    if args.quiet:
        return
    from skmissdiff.cli._summary import summarize_sample

    _say(summarize_sample(table, rows, args.n_samples))
    if args.report is not None:
        held_out = "" if holdout is None else f" and {len(holdout)} held-out ones"
        _say(f"wrote {args.report}: the generated rows beside the real ones{held_out}")
    _say(f"wrote {args.output} in {time.perf_counter() - start:.1f} s (seed {seed})")


def _read_given(options, table, train):
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


def _keep_first(batches, kept):
    """Pass tables on, and put the first ``LOOKED_AT`` of their rows into a list."""
    room = LOOKED_AT
    for rows in batches:
        if room > 0:
            kept.append(rows[:room])
            room -= len(rows)
        yield rows


def _check_report(args, table):
    """Check what the report takes, before the long work."""
    from skmissdiff.report._plots import import_matplotlib

    if not args.report.lower().endswith((".html", ".htm")):
        raise TableError(f"{args.report}: the name of the report must end in .html")
    if table.n_rows < 2:
        raise TableError(f"{table.path}: a report takes at least 2 rows")
    try:
        import_matplotlib()
    except ImportError as error:
        raise TableError(f"the report's {error}") from None
    check_writable(args.report)


def _split(table, share, seed):
    """The rows to train on, and those held out for the report, None without a share."""
    if share is None:
        return table.frame, None
    import numpy as np

    n_held_out = round(share * table.n_rows)
    if n_held_out < 2 or table.n_rows - n_held_out < 2:
        raise TableError(
            f"{table.path}: --holdout {share:g} of {table.n_rows} rows leaves {n_held_out} to hold "
            f"out and {table.n_rows - n_held_out} to learn from; each takes at least 2"
        )
    held_out = np.zeros(table.n_rows, dtype=bool)
    held_out[np.random.default_rng(seed).permutation(table.n_rows)[:n_held_out]] = True
    train = table.frame[~held_out]
    for name in train:
        if train[name].isna().all():
            raise TableError(
                f"{table.path}: every value of column {name!r} is in the rows held out; lower "
                "--holdout, change --seed or --ignore the column"
            )
    return train, table.frame[held_out]


def _run_demo(args):
    from skmissdiff.cli._demo import run_demo

    run_demo(args.seed)


def _open_table(args):
    """Check all that can be checked before the long work; return the table and the seed."""
    from skmissdiff.cli._tables import DRAW_COLUMN, read_table

    file_kind(args.output)
    table = read_table(
        args.input,
        delimiter=args.delimiter,
        missing_values=args.missing_values,
        na_spellings=not args.no_na_spellings,
        kinds=dict.fromkeys(args.categorical, "category") | dict.fromkeys(args.numeric, "number"),
        ignore=args.ignore,
    )
    table.require_columns([*(name for name, _ in args.bounds), *args.snap])
    if getattr(args, "draws", None) and DRAW_COLUMN in table.names:
        raise TableError(f"the table has a column {DRAW_COLUMN!r}; rename it to use --draws")
    check_writable(args.output)
    is_input = os.path.exists(args.output) and os.path.samefile(args.input, args.output)
    if is_input and not args.overwrite:
        raise TableError(f"{args.output}: this is the input; add --overwrite to replace it")
    if not args.quiet:
        for remark in table.remarks:
            _say(f"skmissdiff: note: {remark}")
    seed = secrets.randbelow(2**31) if args.seed is None else args.seed
    return table, seed


def _make_estimator(name, args, table, seed):
    """Build an estimator with those parameters that the user gave."""
    import skmissdiff

    seen = set(table.frame.columns)
    bounds = {} if args.no_bounds else dict.fromkeys(table.numeric, "observed")
    bounds |= {column: ends for column, ends in args.bounds if column in seen}
    given = {
        "method": args.method,
        "n_steps": args.n_steps,
        "max_iter": args.max_iter,
        "max_time": args.max_time,
        "n_refreshes": getattr(args, "n_refreshes", None),
        "snap": [column for column in args.snap if column in seen] or None,
    }
    given = {parameter: value for parameter, value in given.items() if value is not None}
    given["bounds"] = bounds or None  # "observed" by default
    verbose = int(sys.stderr.isatty() and not args.quiet)
    return getattr(skmissdiff, name)(random_state=seed, verbose=verbose, **given)


def _say(text):
    print(text, file=sys.stderr, flush=True)


def _one_line(error):
    return " ".join(str(error).split())


def _show_warning(message, category, filename, lineno, file=None, line=None):
    """Say a warning in one line, without the place in the code."""
    _say(f"skmissdiff: warning: {_one_line(message)}")


def _positive_int(text):
    value = int(text) if text.strip().lstrip("+").isdecimal() else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return value


def _whole_number(text):
    value = int(text) if text.strip().lstrip("+").isdecimal() else -1
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0")
    return value


def _seed(text):
    value = int(text) if text.strip().isdecimal() else -1
    if not 0 <= value < 2**32:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to 2**32 - 1")
    return value


def _seconds(text):
    value = _float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return value


def _share(text):
    value = _float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share between 0 and 1")
    return value


def _float(text):
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if math.isnan(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number")
    return value


def _delimiter(text):
    text = {"\\t": "\t", "tab": "\t"}.get(text, text)
    if len(text) != 1 or text in '"\r\n':
        raise argparse.ArgumentTypeError(f"{text!r} is not one character")
    return text


def _names(text):
    """Column names between commas; a name with a comma goes in quotation marks."""
    return next(csv.reader([text]), [])


def _given(text):
    name, equals, value = text.partition("=")
    if not (equals and name):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form COL=VALUE")
    return name, value


def _bounds(text):
    name, equals, ends = text.rpartition("=")
    low, colon, high = ends.partition(":")
    if not (equals and colon and name):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form COL=LOW:HIGH")
    low = _float(low) if low.strip() else -math.inf
    high = _float(high) if high.strip() else math.inf
    if low > high:
        raise argparse.ArgumentTypeError(f"{text!r}: the lower end is above the upper one")
    return name, (low, high)
