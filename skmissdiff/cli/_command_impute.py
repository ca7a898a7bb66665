"""``skmissdiff impute``: fill the missing cells of a table."""

import time

from skmissdiff._support.files import TableError, atomic_output
from skmissdiff.cli import _arguments as arguments
from skmissdiff.cli._messages import remembered_warnings, say
from skmissdiff.cli._options import (
    KIND_OPTIONS,
    TRAINING_OPTIONS,
    add_model_options,
    add_table_options,
    add_training_options,
)

# Of the known cells, hidden for the report.
HIDDEN_SHARE = 0.1


def add_impute(commands, **parser):
    """Add the command to the parser's; return its own."""
    impute = commands.add_parser("impute", help="fill the missing cells of a table", **parser)
    add_table_options(impute, "the completed table; observed cells stay as they are", several=True)
    add = impute.add_argument
    add(
        "--draws",
        type=arguments.positive_int,
        metavar="M",
        help="write M completed tables, drawn at random for multiple imputation, one below the "
        "other; the leading column .imp numbers them from 1 (without --draws: one table, filled "
        "with means and most probable levels)",
    )
    add(
        "--only",
        type=arguments.names,
        action="extend",
        default=[],
        metavar="COL,..",
        help="fill the cells of these columns; missing cells of others inform them, and stay",
    )
    add(
        "--where",
        type=arguments.rule,
        action="append",
        default=[],
        metavar="COL:OTHER=VALUE,..",
        help="fill the cells of COL only in rows whose OTHER has this value, or one of these, "
        "known or imputed: --where week:pregnant=yes leaves the week empty where nobody is "
        "pregnant; may be repeated for other columns",
    )
    add(
        "--key",
        type=arguments.names,
        action="extend",
        default=[],
        metavar="COL,..",
        help="columns that tell rows apart: with them, and a --model, draws of a row are the same "
        "in whatever file it is (default: rows are told apart by file and number)",
    )
    add_model_options(impute, takes_saved=True)
    add_training_options(impute)
    add_report_options(impute)
    impute.set_defaults(run=run_impute)
    return impute


def add_report_options(impute):
    group = impute.add_argument_group("the report")
    group.add_argument(
        "--report",
        metavar="FILE.html",
        help="write a page on what was imputed: each column beside what was observed, how good "
        "cells of known value are imputed, single rows, the training (takes matplotlib)",
    )
    group.add_argument(
        "--holdout",
        type=arguments.share_or_zero,
        metavar="SHARE",
        help="hide this share of the known cells for the report, from a second training, to say "
        "how good imputed cells are; OUT is not changed by it. 0 hides none and saves the time "
        f"(default: {HIDDEN_SHARE:g}; with --model 0, and no second training)",
    )


def run_impute(args):
    from skmissdiff.cli._holdout import check_report
    from skmissdiff.cli._impute_parts import goes_into_folder, impute_alone, impute_parts
    from skmissdiff.cli._inputs import check_table_output, choose_seed, open_table
    from skmissdiff.cli._many_files import files_of

    if args.holdout is not None and args.report is None:
        raise TableError("--holdout is for the report; add --report FILE.html")
    if args.key and args.model is None:
        raise TableError("--key is for --model; a table that is learnt from is whole")
    if goes_into_folder(args):
        _refuse_report(args)
        impute_parts(args, _open_model(args), lambda: choose_seed(args))
        return
    (args.input,) = args.input
    check_table_output(args)
    model = _open_model(args)
    is_large = args.output.lower().endswith(".parquet") and files_of(args.input) is not None
    if model is not None and (args.key or is_large):
        _refuse_report(args)
        impute_alone(args, model, choose_seed(args))
        return
    table, seed = open_table(args, model), choose_seed(args)
    if args.only:
        table.complete_only(args.only)
    chosen = _chosen(args, table, model)
    if args.report is not None:
        check_report(args.report, table)
        if table.n_missing == 0:
            raise TableError(
                f"{table.path}: nothing is missing, so there is nothing to report; leave --report "
                "out"
            )
    start = time.perf_counter()
    if table.n_missing == 0 and args.draws is None:
        frames = [table.frame]
        table.copy(args.output)
    elif table.n_missing == 0:
        frames = [table.frame] * args.draws
        table.write(args.output, frames, draws=True)
    else:
        frames = _complete_and_write(args, table, model, seed, chosen)
    if args.quiet:
        return
    from skmissdiff.cli._summary import summarize_imputation

    say(summarize_imputation(table, frames))
    if not table.n_missing:
        say("nothing is missing: the table is copied as it is")
    if args.report is not None:
        say(f"wrote {args.report}: what was imputed, and how good it is")
    say(f"wrote {args.output} in {time.perf_counter() - start:.1f} s (seed {seed})")


def _refuse_report(args):
    if args.report is not None:
        raise TableError(
            "--report is for one table that is read whole, not for a folder, several files or "
            "--key; leave it out, or make one of a part of the rows"
        )


def _open_model(args):
    """The model that is named, or None."""
    from skmissdiff.cli._inputs import refuse_beside_model
    from skmissdiff.cli._saved_model import load_model

    if args.model is None:
        return None
    refuse_beside_model(args, TRAINING_OPTIONS, "it was trained with its own")
    refuse_beside_model(args, KIND_OPTIONS, "it knows what its columns hold")
    refuse_beside_model(args, ["ignore"], "columns that it does not know are carried through")
    return load_model(args.model, "MissDiffImputer")


def _chosen(args, table, model):
    """Which gaps are to be filled, as `transform` takes it: nothing where all are."""
    from skmissdiff.cli._where import check_rules, read_rules

    if model is None:
        rules = read_rules(args.where, table.names, table.value_of)
        if rules is not None:
            check_rules(rules, table.frame)
    else:
        rules = read_rules(args.where, list(model.styles), model.value_of)
    chosen = {"impute_columns": args.only or None, "where": rules}
    return {name: value for name, value in chosen.items() if value is not None}


def _complete_and_write(args, table, model, seed, chosen):
    """Write the completed tables, one of best guesses or several draws, and the report."""
    from skmissdiff.cli._estimators import fitted_estimator, make_estimator

    said = []
    with remembered_warnings(said):
        if model is None:
            imputer = make_estimator("MissDiffImputer", args, table, seed).fit(table.frame)
        else:
            imputer = fitted_estimator(model, args)
        if args.draws is None:
            frames = [imputer.transform(table.frame, **chosen)]
        else:
            frames = imputer.multiple_impute(
                table.frame, n_imputations=args.draws, random_state=seed, **chosen
            )
    frames = [table.with_gaps(frame) for frame in frames]
    with atomic_output(args.output) as path:
        table.write_to(path, args.output, frames, draws=args.draws is not None)
        if args.report is not None:
            # Before the table is moved to its place, so that there are both files or none.
            _write_report(args, table, imputer, frames, said, seed)
    return frames


def _write_report(args, table, imputer, frames, said, seed):
    from skmissdiff.report import ImputationReport

    share = args.holdout
    if share is None:
        share = HIDDEN_SHARE if args.model is None else 0.0
    report = ImputationReport(
        imputer,
        table.frame,
        imputations=[table.as_written(frame) for frame in frames],
        hidden_fraction=share or None,
        refit=args.model is None,
        remarks=[*table.notes, *table.remarks, *said],
        random_state=seed,
    )
    report.to_html(args.report)
