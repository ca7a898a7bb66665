"""The estimators as the command's options ask for them."""

import sys

from skmissdiff._support.files import TableError
from skmissdiff.cli._messages import one_line, say


def make_estimator(name, args, table, seed):
    """Build an estimator with those parameters that the user gave."""
    import skmissdiff

    seen = set(table.frame.columns)
    bounds = {} if args.no_bounds else dict.fromkeys(table.numeric, "observed")
    bounds |= {name: table.read_bounds(name, ends) for name, ends in args.bounds if name in seen}
    given = {
        "method": args.method,
        "n_steps": args.n_steps,
        "max_iter": args.max_iter,
        "max_time": args.max_time,
        "n_refreshes": getattr(args, "n_refreshes", None),
        "categorical_features": getattr(table, "categorical", None),
        "snap": [column for column in args.snap if column in seen] or None,
        "relations": _found_relations(args, table) if args.relations else None,
    }
    given = {parameter: value for parameter, value in given.items() if value is not None}
    # None is none, whatever an estimator's own default is. Without any range of the user's, that of
    # every numeric column is meant, also of those that a frame holds as objects, as decimals.
    given["bounds"] = (bounds or None) if args.no_bounds or args.bounds else "observed"
    return getattr(skmissdiff, name)(random_state=seed, verbose=_verbose(args), **given)


def _found_relations(args, table):
    """What holds in every row of the table."""
    import skmissdiff

    if not len(table.frame):
        raise TableError(f"{table.path}: --relations found takes a table in a single, smaller file")
    found = skmissdiff.find_relations(table.frame)
    if not args.quiet:
        if not found:
            say("skmissdiff: note: no relation holds in every row")
        for relation in found:
            say(f"skmissdiff: note: in every row holds {one_line(relation)}")
    return found or None


def fitted_estimator(model, args):
    """The estimator of a saved model, with what may still be chosen."""
    wishes = {} if args.n_steps is None else {"n_steps": args.n_steps}
    return model.estimator.set_params(verbose=_verbose(args), **wishes)


def _verbose(args):
    return int(sys.stderr.isatty() and not args.quiet)
