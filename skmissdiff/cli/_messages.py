"""What the command says: one line at a time, on standard error."""

import sys


def say(text):
    """Write a line at once, whatever becomes of the command."""
    print(text, file=sys.stderr, flush=True)


def one_line(message):
    """A message without its line breaks."""
    return " ".join(str(message).split())


def show_warning(message, category, filename, lineno, file=None, line=None):
    """Say a warning in one line, without the place in the code."""
    say(f"skmissdiff: warning: {one_line(message)}")
