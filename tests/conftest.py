"""Settings that must be in place before scipy, scikit-learn and torch are imported."""

import os

# scikit-learn's array API checks run only under this switch, which scipy reads once, at import.
os.environ["SCIPY_ARRAY_API"] = "1"
# The tables here are small: threads would only wait for each other, and long on a busy machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from cli_helpers import median, table  # noqa: F401
