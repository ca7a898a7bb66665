"""Settings that must be in place before scipy and scikit-learn are imported."""

import os

# scikit-learn's array API checks run only under this switch, which scipy reads once, at import.
os.environ["SCIPY_ARRAY_API"] = "1"
