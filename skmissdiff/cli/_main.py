"""The command ``skmissdiff``: complete a table in a file, or generate one like it."""

import argparse
import os
import sys
import warnings

from skmissdiff import __version__
from skmissdiff.cli._command_demo import add_demo
from skmissdiff.cli._command_fit import add_fit
from skmissdiff.cli._command_impute import add_impute
from skmissdiff.cli._command_sample import add_sample
from skmissdiff.cli._messages import one_line, say, show_warning

EXIT_OK, EXIT_FAILURE, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130

_DESCRIPTION = """\
Trains a diffusion model on a table with missing cells, and uses it to fill them (impute) or to
generate complete rows (sample), at once or by a saved model (fit). Tables are text files (.csv,
.tsv, .txt, each also with .gz) with a header and one row per line, or Parquet files (.parquet).
"""

_EPILOG = """\
A missing cell of a text file is an empty one, or NA, N/A, NaN, NULL, null, None, #N/A and the
other spellings that pandas.read_csv knows. A column is numeric if all its other cells are numbers,
with decimal points or commas, marks between thousands, percent or currency signs, but without
leading zeros and without more digits than a float64 keeps. It holds dates if all are like
2024-12-31, 2024-12-31T08:30, 2024/12/31 or 31-Dec-2024, or as --dates says, and times if all are
like 8:30, 08:30:15 or 8:30 PM. Else it is categorical, or left out of the model if nearly all its
cells differ, as names do. The summary says what was recognised. Observed cells are written back as
they are, character by character, in the same encoding, and filled cells as their column writes its
own: with as many decimals as its most precise cell, whole numbers among whole numbers, whole days
among whole days.

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
    args = make_parser().parse_args(argv)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("default", UserWarning)
            warnings.showwarning = show_warning
            args.run(args)
    except KeyboardInterrupt:
        say("skmissdiff: interrupted, nothing was written")
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
        say(f"skmissdiff: error: {kind}{one_line(error) or type(error).__name__}")
        return EXIT_USAGE if usage else EXIT_FAILURE
    return EXIT_OK


def make_parser():
    """The parser of all commands; what they do is imported when they run."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = _Parser(
        prog="skmissdiff", description=_DESCRIPTION, epilog=_EPILOG, formatter_class=raw
    )
    parser.add_argument("--version", action="version", version=f"skmissdiff {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", title="commands")
    for command in (
        add_impute(commands, epilog=_EPILOG, formatter_class=raw),
        add_sample(commands),
        add_fit(commands),
        add_demo(commands),
    ):
        command.add_argument("--traceback", action="store_true", help="show where an error arose")
    return parser
