"""``skmissdiff impute``: fill the missing cells of a table."""

import time

from skmissdiff.cli import _arguments as arguments
from skmissdiff.cli._messages import say
from skmissdiff.cli._options import add_model_options, add_table_options


def add_impute(commands, **parser):
    """Add the command to the parser's; return its own."""
    impute = commands.add_parser("impute", help="fill the missing cells of a table", **parser)
    add_table_options(impute, "the completed table; observed cells stay as they are")
    impute.add_argument(
        "--draws",
        type=arguments.positive_int,
        metavar="M",
        help="write M completed tables, drawn at random for multiple imputation, one below the "
        "other; the leading column .imp numbers them from 1 (without --draws: one table, filled "
        "with means and most probable levels)",
    )
    add_model_options(impute)
    impute.set_defaults(run=run_impute)
    return impute


def run_impute(args):
    from skmissdiff.cli._estimators import make_estimator
    from skmissdiff.cli._inputs import open_table

    table, seed = open_table(args)
    start = time.perf_counter()
    if table.n_missing == 0 and args.draws is None:
        frames = [table.frame]
        table.copy(args.output)
    elif table.n_missing == 0:
        frames = [table.frame] * args.draws
        table.write(args.output, frames, draws=True)
    else:
        imputer = make_estimator("MissDiffImputer", args, table, seed).fit(table.frame)
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

    say(summarize_imputation(table, frames))
    if not table.n_missing:
        say("nothing is missing: the table is copied as it is")
    say(f"wrote {args.output} in {time.perf_counter() - start:.1f} s (seed {seed})")
