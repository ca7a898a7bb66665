"""``skmissdiff fit``: train once, to impute or sample with ``--model`` as often as one likes."""

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
'part-*.parquet'; such a table, and a large Parquet file, is read in bounded memory.
"""


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
    from skmissdiff.cli._estimators import make_estimator
    from skmissdiff.cli._inputs import check_output, choose_seed, open_table
    from skmissdiff.cli._many_files import ManyFiles, summarize_files
    from skmissdiff.cli._saved_model import save_model
    from skmissdiff.cli._summary import summarize_fit

    if not str(args.output).lower().endswith(".npz"):
        raise TableError(f"{args.output}: the name of the model must end in .npz")
    if args.purpose == "impute" and args.n_refreshes is not None:
        raise TableError("--n-refreshes is for models that generate rows; add --for sample")
    check_output(args)
    table, seed = open_table(args, may_be_many=True), choose_seed(args)
    start = time.perf_counter()
    name = {"impute": "MissDiffImputer", "sample": "MissDiffSampler"}[args.purpose]
    estimator = make_estimator(name, args, table, seed)
    is_many = isinstance(table, ManyFiles)
    estimator.fit(table.stream if is_many else table.frame)
    save_model(estimator, table, args.output)
    if args.quiet:
        return
    say(summarize_files(table, estimator) if is_many else summarize_fit(table))
    say(f"wrote {args.output} in {time.perf_counter() - start:.1f} s (seed {seed})")
