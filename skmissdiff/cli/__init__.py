"""The command ``skmissdiff``: complete a table in a file, or generate one like it."""

from skmissdiff.cli._main import main

__all__ = ["main"]
