"""The table that a command works on, and all that can be checked before the long work."""

import os
import secrets

from skmissdiff._support.files import TableError, check_writable, file_kind
from skmissdiff.cli._file_table import DRAW_COLUMN
from skmissdiff.cli._messages import say
from skmissdiff.cli._reading import Reading
from skmissdiff.cli._tables import read_table


def open_table(args):
    """The table that the arguments name, and the seed."""
    file_kind(args.output)
    reading = Reading(
        delimiter=args.delimiter,
        encoding=args.encoding,
        decimal=args.decimal,
        thousands=args.thousands,
        missing_values=args.missing_values,
        na_spellings=not args.no_na_spellings,
        kinds=dict.fromkeys(args.categorical, "category") | dict.fromkeys(args.numeric, "number"),
        dates=dict(args.dates),
        ignore=args.ignore,
    )
    table = read_table(args.input, reading)
    table.require_columns([*(name for name, _ in args.bounds), *args.snap])
    if getattr(args, "draws", None) and DRAW_COLUMN in table.names:
        raise TableError(f"the table has a column {DRAW_COLUMN!r}; rename it to use --draws")
    check_writable(args.output)
    is_input = os.path.exists(args.output) and os.path.samefile(args.input, args.output)
    if is_input and not args.overwrite:
        raise TableError(f"{args.output}: this is the input; add --overwrite to replace it")
    if not args.quiet:
        for remark in table.remarks:
            say(f"skmissdiff: note: {remark}")
    seed = secrets.randbelow(2**31) if args.seed is None else args.seed
    return table, seed
