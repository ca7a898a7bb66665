"""Reports on imputed tables and on generated rows: what a reader looks at first."""

from skmissdiff.report._imputation_report import ImputationReport
from skmissdiff.report._report import SyntheticReport

__all__ = ["ImputationReport", "SyntheticReport"]
