"""What the benchmarks take from skmissdiff's own tools, in one place."""

from skmissdiff import metrics
from skmissdiff.missingness import ampute

LEARNERS = ["decision_tree", "adaboost", "linear", "mlp", "random_forest", "boosting"]
GENERATION = [
    *("accuracy", "f1", "auc", "rmse", "r2"),
    *("marginal", "pair_trend", "c2st", "alpha_precision", "beta_recall"),
    *("share_nearer_to_train", "distance", "distance_holdout", "duplicates"),
]


def hide(frame, mechanism, rate, seed):
    """Which cells to hide, bool, shape of ``frame``; cells missing by nature are not hidden."""
    return ampute(frame, mechanism, rate, random_state=seed)[1]


def imputation_errors(truth, completed, hidden, unit, pooled):
    """Errors of hidden cells, numbers in ``unit``, and the energy distance of the rows.

    Errors are over all cells together (``pooled``), or per column and then averaged.
    """
    average = "cells" if pooled else "columns"
    scale = unit.to_dict()
    return {
        "rmse": metrics.imputation_rmse(truth, completed, hidden, average=average, scale=scale),
        "mae": metrics.imputation_mae(truth, completed, hidden, average=average, scale=scale),
        "error_rate": metrics.imputation_error_rate(truth, completed, hidden, average=average),
        "energy_distance": metrics.imputation_energy_distance(
            truth, completed, hidden, random_state=0
        ),
    }


def generation_figures(train, holdout, generated, targets, seed):
    """Figures of generated rows against real rows that were not trained on.

    ``accuracy``, ``f1`` and ``auc`` are of a target of levels, ``rmse`` and ``r2`` of one of
    numbers: means over six learners that are trained on the generated rows.
    """
    figures = {}
    for target in targets:
        scores = metrics.utility(holdout, generated, target, random_state=seed)
        mean = scores.pop("mean")
        main = "auc" if "auc" in mean else "rmse"
        figures |= mean
        figures |= {f"{main}_{learner}": score[main] for learner, score in scores.items()}
    precision, recall = metrics.alpha_precision_beta_recall(holdout, generated, random_state=seed)
    closest = metrics.distance_to_closest_record(train, generated, holdout, random_state=seed)
    return figures | {
        "marginal": metrics.marginal_score(holdout, generated),
        "pair_trend": metrics.pair_trend_score(holdout, generated),
        "c2st": metrics.c2st(holdout, generated, random_state=seed),
        "alpha_precision": precision,
        "beta_recall": recall,
        **{name: value for name, value in closest.items() if name in GENERATION},
    }
