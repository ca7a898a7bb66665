"""Warnings point at the line of the user."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from skmissdiff import MissDiffImputer, MissDiffSampler, TableEncoder
from skmissdiff.missingness import missing_pattern

FRAME = pd.DataFrame({"x": np.arange(20.0), "s": ["a", "b"] * 10, "empty": np.nan})
FRAME.loc[3, "x"] = np.nan
UNSEEN = FRAME.assign(s="c")
QUICK = {"max_iter": 2, "n_steps": 2, "keep_empty_features": True}


def in_a_pipeline():
    X = FRAME[["x", "empty"]]
    model = make_pipeline(MissDiffImputer(max_iter=2), LinearRegression())
    cross_val_score(model, X, np.arange(20.0), cv=2)


USES = {
    "fit": lambda: MissDiffImputer(max_iter=2).fit(FRAME),
    "fit_transform": lambda: MissDiffImputer(max_iter=2).fit_transform(FRAME),
    "few rows": lambda: MissDiffImputer(**QUICK).fit(FRAME[:3]),
    "sampler": lambda: MissDiffSampler(max_iter=2).fit(FRAME),
    "transform": lambda: MissDiffImputer(**QUICK).fit(FRAME).transform(UNSEEN),
    "multiple_impute": lambda: MissDiffImputer(**QUICK).fit(FRAME).multiple_impute(UNSEEN),
    "score": lambda: MissDiffImputer(**QUICK).fit(FRAME).score(UNSEEN),
    "score_samples": lambda: MissDiffSampler(**QUICK).fit(FRAME).score_samples(UNSEEN),
    "encoder": lambda: TableEncoder().fit(FRAME).transform(UNSEEN),
    "pattern": lambda: missing_pattern([[1.0, np.nan], [np.nan, 2.0]]),
    "pipeline": in_a_pipeline,
}


@pytest.mark.parametrize("use", USES)
def test_a_warning_points_at_the_line_of_the_user(use):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        USES[use]()
    assert caught
    assert {warning.filename for warning in caught} == {__file__}
