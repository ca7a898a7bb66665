"""The table that a command works on, and all that can be checked before the long work."""

import os
import secrets

from skmissdiff._support.files import TableError, check_writable, file_kind
from skmissdiff.cli._file_table import DRAW_COLUMN
from skmissdiff.cli._many_files import files_of, open_many
from skmissdiff.cli._messages import say
from skmissdiff.cli._reading import Reading
from skmissdiff.cli._tables import read_table


def open_table(args, model=None, may_be_many=False):
    """The table that the arguments name, for a model if there is one.

    With ``may_be_many`` it may be in several files, or in a large one, see `open_many`.
    """
    reading = reading_of(args, model)
    paths = files_of(args.input) if may_be_many else None
    if paths is None:
        table = read_table(args.input, reading)
    else:
        table = open_many(args.input, paths, reading)
    table.require_columns([*(name for name, _ in args.bounds), *args.snap])
    if getattr(args, "draws", None) and DRAW_COLUMN in table.names:
        raise TableError(f"the table has a column {DRAW_COLUMN!r}; rename it to use --draws")
    if not args.quiet:
        for remark in table.remarks:
            say(f"skmissdiff: note: {remark}")
    return table


def reading_of(args, model=None):
    """How the arguments say that a table is to be read."""
    return Reading(
        delimiter=args.delimiter,
        encoding=args.encoding,
        decimal=args.decimal,
        thousands=args.thousands,
        missing_values=args.missing_values,
        na_spellings=not args.no_na_spellings,
        kinds=dict.fromkeys(args.categorical, "category") | dict.fromkeys(args.numeric, "number"),
        dates=dict(args.dates),
        ignore=args.ignore,
        model=model,
    )


def check_output(args):
    """Refuse an output that cannot be written, or that is the input."""
    check_writable(args.output)
    source, target = args.input, args.output
    if source is None or not (os.path.exists(source) and os.path.exists(target)):
        return
    if os.path.samefile(source, target) and not getattr(args, "overwrite", False):
        raise TableError(f"{target}: this is the input; add --overwrite to replace it")


def check_table_output(args):
    """As `check_output`, for a table."""
    file_kind(args.output)
    check_output(args)


def choose_seed(args):
    """The seed that the user gave, or a new one."""
    return secrets.randbelow(2**31) if args.seed is None else args.seed


def refuse_beside_model(args, options, reason):
    """Refuse options that have no effect on a model that is fitted already."""
    for option in options:
        value = getattr(args, option, None)
        if value is not None and value is not False and value != []:  # 0 is given, too
            raise TableError(f"--{option.replace('_', '-')} makes no sense with --model: {reason}")
