"""A report on generated rows beside the real ones: what a reader looks at first."""

from skmissdiff.report._report import SyntheticReport

__all__ = ["SyntheticReport"]
