"""Spoil tables in known ways, and look at the pattern of the gaps that a table has.

`ampute` hides cells by a mechanism, so that what is imputed can be compared with what was there.
`missing_pattern` counts the gaps of a table and `plot_missing_pattern` draws them.
"""

from skmissdiff.missingness._ampute import ampute
from skmissdiff.missingness._pattern import MissingPattern, missing_pattern
from skmissdiff.missingness._pattern_plot import plot_missing_pattern

__all__ = ["MissingPattern", "ampute", "missing_pattern", "plot_missing_pattern"]
