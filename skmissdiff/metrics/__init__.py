"""How good imputed cells and generated rows are.

Every function says which direction is better, and the range of its figure. Tables are arrays,
lists or frames of pandas, polars and pyarrow; columns of both kinds are told apart as in the
estimators.
"""

from skmissdiff.metrics._draws import imputation_crps, interval_coverage
from skmissdiff.metrics._generation import (
    alpha_precision_beta_recall,
    c2st,
    marginal_score,
    pair_trend_score,
)
from skmissdiff.metrics._imputation import (
    imputation_error_rate,
    imputation_log_loss,
    imputation_mae,
    imputation_rmse,
)
from skmissdiff.metrics._imputed_rows import (
    correlation_error,
    imputation_energy_distance,
    imputation_wasserstein_distance,
    pair_trend_error,
)
from skmissdiff.metrics._privacy import distance_to_closest_record
from skmissdiff.metrics._utility import utility

__all__ = [
    "alpha_precision_beta_recall",
    "c2st",
    "correlation_error",
    "distance_to_closest_record",
    "imputation_crps",
    "imputation_energy_distance",
    "imputation_error_rate",
    "imputation_log_loss",
    "imputation_mae",
    "imputation_rmse",
    "imputation_wasserstein_distance",
    "interval_coverage",
    "marginal_score",
    "pair_trend_error",
    "pair_trend_score",
    "utility",
]
