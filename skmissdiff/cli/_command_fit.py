"""``skmissdiff fit``: train once, to impute or sample with ``--model`` as often as one likes."""

import os
import time

from skmissdiff._support.files import TableError
from skmissdiff.cli._messages import say
from skmissdiff.cli._options import (
    add_input,
    add_model_options,
    add_output,
    add_reading_options,
    add_training_options,
)

_DESCRIPTION = """\
Trains a model on a table and saves it, for --model of impute and sample. The file holds weights
and JSON, no code; it also remembers how the columns are written, so that sample can write rows
like those of the table without it. In Python, MissDiffImputer.load reads it, or with --for sample
MissDiffSampler.load. IN may be a folder of Parquet files or a pattern in quotation marks, such as
'part-*.parquet'; such a table, and a large Parquet file, is read in bounded memory, and by several
processes where torchrun or the like has started them. Of several text files, 'part-*.csv', one at a
time is in memory, and the first one decides what the columns are.
"""

_NAMES = {"impute": "MissDiffImputer", "sample": "MissDiffSampler"}


def add_fit(commands):
    """Add the command to the parser's; return its own."""
    fit = commands.add_parser("fit", help="train a model and save it", description=_DESCRIPTION)
    add_input(fit, many=True)
    add_output(fit, "the model, .npz")
    fit.add_argument(
        "--for",
        dest="purpose",
        choices=["impute", "sample"],
        default="impute",
        help="what it is mainly for (default: impute). Either command takes either model: but one "
        "for sample keeps no training rows, which help small tables in imputation, and knows "
        "skewed columns and --keep-missing better",
    )
    add_reading_options(fit)
    add_model_options(fit)
    add_training_options(fit, refreshes="only with --for sample; ")
    fit.set_defaults(run=run_fit)
    return fit


def run_fit(args):
    from skmissdiff.cli._inputs import check_output, choose_seed, open_table

    if not str(args.output).lower().endswith(".npz"):
        raise TableError(f"{args.output}: the name of the model must end in .npz")
    if args.purpose == "impute" and args.n_refreshes is not None:
        raise TableError("--n-refreshes is for models that generate rows; add --for sample")
    check_output(args)
    table, seed = open_table(args, may_be_many=True), choose_seed(args)
    if hasattr(table, "stream"):
        _fit_many(args, table, seed)
    else:
        _fit_one(args, table, seed)


def _fit_one(args, table, seed):
    """Fit to a table in memory."""
    from skmissdiff.cli._estimators import make_estimator
    from skmissdiff.cli._saved_model import save_model
    from skmissdiff.cli._summary import summarize_fit

    if os.environ.get("WORLD_SIZE", "1") != "1":
        raise TableError(
            f"{args.input}: only a folder or a pattern of files is fitted in several "
            "processes; start the command in one"
        )
    start = time.perf_counter()
    estimator = make_estimator(_NAMES[args.purpose], args, table, seed).fit(table.frame)
    save_model(estimator, table, args.output)
    _say_done(args, summarize_fit(table), start, seed)


def _fit_many(args, table, seed):
    """Fit to files that are read batch by batch, in all processes that were started."""
    from skmissdiff._base import launched_processes
    from skmissdiff.cli._estimators import make_estimator
    from skmissdiff.cli._many_files import summarize_files
    from skmissdiff.cli._saved_model import save_model

    start = time.perf_counter()
    with launched_processes() as processes:
        args.quiet |= processes.rank > 0
        estimator = make_estimator(_NAMES[args.purpose], args, table, seed).fit(table.stream)
        # All have the same model. The others wait, so that none looks done before it is written.
        processes.first(lambda: save_model(estimator, table, args.output))
    if not args.quiet:
        _say_done(args, summarize_files(table, estimator), start, seed)


def _say_done(args, summary, start, seed):
    if args.quiet:
        return
    say(summary)
    say(f"wrote {args.output} in {time.perf_counter() - start:.1f} s (seed {seed})")
