"""What the command says: one line at a time, on standard error."""

import contextlib
import sys
import warnings


def say(text):
    """Write a line at once, whatever becomes of the command."""
    print(text, file=sys.stderr, flush=True)


def one_line(message):
    """A message without its line breaks."""
    return " ".join(str(message).split())


def show_warning(message, category, filename, lineno, file=None, line=None):
    """Say a warning in one line, without the place in the code."""
    say(f"skmissdiff: warning: {one_line(message)}")


@contextlib.contextmanager
def remembered_warnings(texts):
    """Put the warnings that are said meanwhile into a list, too."""
    with warnings.catch_warnings():

        def show(message, *place, **options):
            texts.append(one_line(message))
            show_warning(message, *place, **options)

        warnings.showwarning = show
        yield
