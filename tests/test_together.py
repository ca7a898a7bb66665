"""Columns that are never observed in the same row are told when a model is fitted."""

import time
import warnings

import numpy as np
import pandas as pd
import pytest

from skmissdiff import MissDiffImputer, MissDiffSampler
from skmissdiff._table.together import never_together
from skmissdiff.missingness import missing_pattern


def merged(n=40):
    """Two files with one column in common."""
    table = pd.DataFrame(np.random.default_rng(0).normal(size=(n, 3)), columns=["a", "b", "c"])
    table.loc[: n // 2 - 1, "b"] = np.nan
    table.loc[n // 2 :, "c"] = np.nan
    return table


@pytest.mark.parametrize("kind", [MissDiffImputer, MissDiffSampler])
def test_fit_names_the_pair_once(kind):
    with pytest.warns(UserWarning, match="same row: column 'b' and column 'c'. ") as caught:
        kind(max_iter=2).fit(merged())
    assert len(caught) == 1
    assert caught[0].filename == __file__


def test_one_row_with_both_is_enough():
    table = merged()
    table.loc[0, "b"] = 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        MissDiffImputer(max_iter=2).fit(table)


def test_few_rows_miss_each_other_by_chance():
    assert len(never_together(merged(6).isna().to_numpy())) == 0


@pytest.mark.filterwarnings("ignore:Never observed")
def test_pairs_are_those_of_the_pattern():
    rng = np.random.default_rng(1)
    missing = rng.random((9000, 12)) < 0.5
    missing[:, 3] |= ~missing[:, 7]
    missing[:, 0] |= ~missing[:, 11]
    missing[:, 5] = True
    found = missing_pattern(np.where(missing, np.nan, 1.0)).never_together
    assert [tuple(pair) for pair in never_together(missing).tolist()] == list(found)
    assert len(found) == 2


def test_wide_tables_cost_little():
    missing = np.zeros((60, 8000), dtype=bool)
    missing[:30, ::2] = True
    missing[30:, 1::2] = True
    start = time.process_time()
    assert len(never_together(missing)) > 0
    assert time.process_time() - start < 2
