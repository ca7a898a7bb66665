"""Columns of every kind come back as they were, after training on a table with holes."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from skmissdiff import MissDiffSampler
from skmissdiff.missingness import ampute

pytestmark = pytest.mark.slow

N_TRAIN, N_ROWS = 4000, 8000
# The 2,800 cells that a column was learnt from are themselves up to .03 from the truth.
MAX_KS = 0.05


def truth(n_rows, seed):
    """Columns that hang together through a Gaussian copula."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(n_rows, 1))
    z = 0.6 * common + 0.8 * rng.normal(size=(n_rows, 7))
    u = stats.norm.cdf(z)
    zero_inflated = np.where(u[:, 1] < 0.6, 0.0, stats.lognorm.ppf((u[:, 1] - 0.6) / 0.4, 1.5))
    modes = np.digitize(u[:, 5], [0.3, 0.7])
    skewed = stats.lognorm.ppf(u[:, 0], 1.0)
    return pd.DataFrame(
        {
            "skewed": skewed,
            "zero_inflated": zero_inflated,
            "heavy_tailed": stats.t.ppf(u[:, 2], 1.5),
            "bounded": stats.beta.ppf(u[:, 3], 0.5, 0.5),
            "integer": stats.poisson.ppf(u[:, 4], 3.0),
            "multi_modal": np.array([-4.0, 0.0, 3.0])[modes] + 0.2 * rng.normal(size=n_rows),
            "constant": np.full(n_rows, 7.5),
            "near_duplicate": skewed * (1 + 0.001 * rng.normal(size=n_rows)),
        }
    )


@pytest.fixture(scope="module")
def tables():
    """The truth, and rows of a model of spoiled ones."""
    spoiled = ampute(truth(N_TRAIN, 0), "mcar", 0.3, random_state=0)[0]
    sampler = MissDiffSampler(max_iter=300, random_state=0).fit(spoiled)
    return truth(N_ROWS, 1), sampler.sample(N_ROWS)


CONTINUOUS = [
    "skewed",
    "zero_inflated",
    "heavy_tailed",
    "bounded",
    "multi_modal",
    "near_duplicate",
]


@pytest.mark.parametrize("name", CONTINUOUS)
def test_a_column_of_numbers_has_its_distribution(tables, name):
    true, generated = tables
    assert stats.ks_2samp(true[name], generated[name]).statistic < MAX_KS


def test_a_column_of_counts_has_its_frequencies(tables):
    true, generated = (table["integer"].clip(upper=8) for table in tables)
    # As many rows as have something to say beside the sampling error of the training rows.
    counts = [rows.value_counts().sort_index() for rows in (true, generated.head(1000))]
    assert counts[0].index.equals(counts[1].index)
    assert stats.chi2_contingency(np.array(counts)).pvalue > 0.001


def test_zeros_keep_their_share(tables):
    true, generated = ((table["zero_inflated"] == 0).mean() for table in tables)
    assert generated == pytest.approx(true, abs=0.04)


def test_modes_keep_their_gaps(tables):
    """Nothing where nothing was: between the modes there are four standard deviations."""
    _, generated = tables
    gaps = generated["multi_modal"].between(-3, -1) | generated["multi_modal"].between(1, 2)
    assert gaps.mean() < 0.03


def test_a_constant_stays(tables):
    assert (tables[1]["constant"] == 7.5).all()


def test_a_copy_of_a_column_stays_close_to_it(tables):
    _, generated = tables
    ratio = generated["near_duplicate"] / generated["skewed"]
    assert (ratio - 1).abs().median() < 0.1
    assert stats.spearmanr(generated["skewed"], generated["near_duplicate"]).statistic > 0.99
