"""Warnings that point at the line of the user who called, not into a library."""

import os
import sys
import warnings

import joblib
import sklearn

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# scikit-learn calls in pipelines and searches, and around `transform`; joblib in parallel.
_INSIDE = tuple(
    folder + os.sep
    for folder in (_PACKAGE, *(os.path.dirname(m.__file__) for m in (sklearn, joblib)))
)


def warn(message, category=UserWarning):
    """Issue a warning at the line that called the package.

    Parameters
    ----------
    message : str
    category : type
    """
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_INSIDE):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)
