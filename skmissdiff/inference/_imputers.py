"""Several completed tables from any imputer that can draw."""

import copy

from sklearn.base import clone


class DrawingImputer:
    """A fitted imputer, or several, that completes tables several times.

    Completing the same table again gives the same tables: nothing that is fitted changes.

    Parameters
    ----------
    imputers : list
        One imputer that has `multiple_impute`, or one for each draw.
    n_imputations : int
        Number of draws.
    seed : int or None
        Of the draws of the one imputer. None is left to the imputer.
    """

    def __init__(self, imputers, n_imputations, seed):
        self.imputers = imputers
        self.n_imputations = n_imputations
        self.seed = seed

    def draw(self, X):
        """List of completed tables."""
        if hasattr(self.imputers[0], "multiple_impute"):
            return self.imputers[0].multiple_impute(
                X, n_imputations=self.n_imputations, random_state=self.seed
            )
        # scikit-learn's IterativeImputer draws on from the generator that its fit has used.
        return [copy.deepcopy(imputer).transform(X) for imputer in self.imputers]


def fit_drawing_imputer(imputer, X, n_imputations, rng):
    """Fit copies of an imputer such that they give `n_imputations` draws.

    Parameters
    ----------
    imputer : transformer
        With `multiple_impute(X, n_imputations, random_state)`, which is fitted once, or with
        parameters `sample_posterior` (set) and `random_state`, which is fitted for each draw
        with another seed, so that draws differ by what their parameters might be, too.
    X : array-like or frame
        The table.
    n_imputations : int
        Number of draws.
    rng : RandomState
        Gives the seeds.

    Returns
    -------
    drawing : DrawingImputer
    """
    if hasattr(imputer, "multiple_impute"):
        fitted = seeded(clone(imputer), rng).fit(X)
        return DrawingImputer([fitted], n_imputations, new_seed(rng))
    _check_draws(imputer)
    fitted = [seeded(clone(imputer), rng, always=True).fit(X) for _ in range(n_imputations)]
    return DrawingImputer(fitted, n_imputations, None)


def seeded(estimator, rng, always=False):
    """The estimator, with seeds wherever it has a `random_state` that is None, or anywhere."""
    seeds = {
        name: new_seed(rng)
        for name, value in sorted(estimator.get_params(deep=True).items())
        if name.rpartition("__")[2] == "random_state" and (always or value is None)
    }
    return estimator.set_params(**seeds) if seeds else estimator


def new_seed(rng):
    """A seed from a generator."""
    return int(rng.randint(2**31 - 1))


def _check_draws(imputer):
    parameters = imputer.get_params(deep=True)
    known = {name.rpartition("__")[2]: value for name, value in parameters.items()}
    name = type(imputer).__name__
    if "sample_posterior" not in known or "random_state" not in known:
        raise TypeError(
            f"imputer {name} gives one value for a cell, and several completed tables would all "
            "be the same. It must have multiple_impute, as MissDiffImputer has, or "
            "sample_posterior and random_state, as scikit-learn's IterativeImputer has."
        )
    if not known["sample_posterior"]:
        raise ValueError(
            f"imputer {name} has sample_posterior={known['sample_posterior']}, so that all "
            "completed tables would be the same: set sample_posterior=True."
        )
