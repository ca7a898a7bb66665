"""Parameters that would do nothing beside the others are refused, not ignored.

Only a value other than the default is looked at, and only one that asks for something: False, 0
and None ask for nothing, which holds anywhere.
"""

from inspect import signature

from skmissdiff._methods import paper_method


def check_effects(estimator):
    """Raise if a parameter that was set has no effect.

    Parameters
    ----------
    estimator : MissDiffImputer or MissDiffSampler

    Raises
    ------
    ValueError
        With the way out.
    """
    for name, value in _asked_for(estimator):
        for reason, applies in _REASONS.get(name, ()):
            if applies(estimator):
                raise ValueError(f"{name}={value!r} has no effect {reason}")


def _asked_for(estimator):
    """Parameters that were set to something, by name."""
    defaults = signature(type(estimator)).parameters
    for name in _REASONS:
        value = getattr(estimator, name, None)
        is_set = name in defaults and value != defaults[name].default
        if is_set and value is not None and value is not False and value != 0:
            yield name, value


def _is_paper(estimator):
    return paper_method(estimator.method) is not None


def _takes_one_pass(estimator):
    return not _is_paper(estimator) and estimator.aggregate != "mode"


def _is_untrained(estimator):
    return estimator.max_iter == 0


_UNTRAINED = ("with max_iter=0, which trains no network: leave it out.", _is_untrained)

# For each parameter, why it may have no effect, with the way out, and when.
_REASONS = {
    "aggregate": [
        (
            "with sample_posterior=True: transform gives a draw, not a point estimate. Leave "
            "one of them out.",
            lambda e: e.sample_posterior,
        )
    ],
    "n_draws": [
        (
            "with sample_posterior=True, which gives one draw: leave it out, or use "
            "multiple_impute for several.",
            lambda e: e.sample_posterior,
        ),
        (
            "where no draws are made: method='masked' takes its mean and median from one pass "
            "of the network. Leave it out, use aggregate='mode', or multiple_impute for draws.",
            _takes_one_pass,
        ),
    ],
    "scaling": [
        (
            "on method='masked', which expects codes of about unit variance: use 'standard' or "
            "'quantile', or method='missdiff'.",
            lambda e: e.scaling == "minmax" and not _is_paper(e),
        )
    ],
    "n_refreshes": [
        (
            "with method='missdiff', which trains on observed cells alone: leave it out, or "
            "use method='masked'.",
            _is_paper,
        ),
        _UNTRAINED,
    ],
    "memory": [
        (
            "with random_state=None, where each training has a seed of its own and none is "
            "found again: set random_state to an int.",
            lambda e: e.random_state is None,
        ),
        (
            "with max_time, since a training that a clock has cut short is another one each "
            "time: leave one of them out.",
            lambda e: e.max_time is not None,
        ),
    ],
}
