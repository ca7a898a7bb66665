"""``skmissdiff impute`` of several files, or of a large one: each in parts, by a saved model."""

import contextlib
import functools
import os
import time

from skmissdiff import __version__
from skmissdiff._support.files import TableError, atomic_output, digest_of, file_kind
from skmissdiff.cli._messages import say
from skmissdiff.cli._parquet_parts import complete_parquet
from skmissdiff.cli._parts import (
    Journal,
    input_parts,
    is_folder,
    stands_for_many,
    state_of,
)
from skmissdiff.cli._where import read_rules

# What of the arguments changes the files that are written.
_OPTIONS = (
    *("draws", "only", "where", "n_steps", "key", "delimiter", "encoding", "decimal", "thousands"),
    *("missing_values", "no_na_spellings", "dates"),
)


def impute_parts(args, model, new_seed):
    """Complete files into a folder, all that are not there yet.

    Parameters
    ----------
    args : argparse.Namespace
    model : SavedModel
    new_seed : callable
        Gives the seed of the draws if the user gave none.
    """
    from skmissdiff.cli._estimators import fitted_estimator

    parts = input_parts(args.input, args.output)
    work = {"command": "impute", "version": __version__, "model": digest_of(args.model)}
    work |= {name: getattr(args, name) for name in _OPTIONS}
    imputer = fitted_estimator(model, args).set_params(verbose=0)
    start = time.perf_counter()
    n_before = n_filled = 0
    with Journal(args.output, work, args.seed, new_seed, args.overwrite) as journal:
        for number, (source, name) in enumerate(parts, 1):
            state = state_of(source)
            if journal.is_done(name, state):
                n_before += 1
                continue
            with journal.writing(name, state) as target:
                filled = complete_file(args, model, imputer, journal.seed, source, target, name)
            n_filled += filled
            if not args.quiet:
                say(f"wrote {target}: {filled} cells filled ({number} of {len(parts)} files)")
        seed = journal.seed
    if args.quiet:
        return
    if n_before:
        say(f"{n_before} files were there already")
    shown = f" (seed {seed})" if args.draws else ""
    seconds = time.perf_counter() - start
    say(f"completed {len(parts) - n_before} files in {seconds:.1f} s{shown}")


def impute_alone(args, model, seed):
    """Complete one file into another, in bounded memory if both are Parquet."""
    from skmissdiff.cli._estimators import fitted_estimator

    start = time.perf_counter()
    imputer = fitted_estimator(model, args).set_params(verbose=0)
    filled = complete_file(args, model, imputer, seed, args.input, args.output, None)
    if not args.quiet:
        seconds = time.perf_counter() - start
        say(f"wrote {args.output}: {filled} cells filled, in {seconds:.1f} s (seed {seed})")


def complete_file(args, model, imputer, seed, source, target, name):
    """Complete a file in one move; its ``name`` is that of the partition.

    Returns
    -------
    n_filled : int
    """
    complete = functools.partial(
        imputer.transform_batches,
        key=args.key or None,
        partition=name,
        impute_columns=args.only or None,
        where=read_rules(args.where, list(model.styles), model.value_of),
    )
    # The point estimates of a model that draws for them have the seed of its fit.
    draws = [{}]
    if args.draws is not None:
        draws = [{"draw": draw, "random_state": seed} for draw in range(args.draws)]
    with contextlib.ExitStack() as stack:
        if file_kind(source) == file_kind(target) == "parquet":
            temporary = stack.enter_context(atomic_output(target))
            return complete_parquet(source, temporary, model, complete, draws, args.key)
        return _complete_whole(args, model, complete, draws, source, target)


def _complete_whole(args, model, complete, draws, source, target):
    """Complete a file that is read as a whole, as text files are."""
    from skmissdiff.cli._inputs import reading_of
    from skmissdiff.cli._tables import read_table

    table = read_table(source, reading_of(args, model))
    table.require_columns(args.key)
    if args.only:
        table.complete_only(args.only)
    frames = [table.frame] * len(draws)
    if table.n_missing:
        keys = {name: table.cells(name) for name in args.key if name not in table.frame}
        frame = table.frame.assign(**keys)
        frames = [
            table.with_gaps(next(iter(complete([frame], **draw)))[list(table.frame)])
            for draw in draws
        ]
    table.write(target, frames, draws=args.draws is not None)
    return table.n_filled(frames)


def goes_into_folder(args):
    """Whether files are completed into a folder; refuses several files without one."""
    several = len(args.input) > 1 or stands_for_many(args.input[0])
    if is_folder(args.output) and (args.model or several or not os.path.isdir(args.output)):
        if args.model is None:
            raise TableError(
                f"{args.output}: completing files into a folder takes a --model; make one with "
                "'skmissdiff fit'"
            )
        return True
    if several:
        raise TableError(
            f"{args.output}: several files are completed into a folder; write -o {args.output}/"
        )
    return False
