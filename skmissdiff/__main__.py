"""``python -m skmissdiff`` is the command ``skmissdiff``."""

import sys

from skmissdiff.cli import main

if __name__ == "__main__":
    sys.exit(main())
