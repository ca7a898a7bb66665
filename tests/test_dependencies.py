"""Numbers that a categorical column tells."""

import numpy as np
import pandas as pd
import pytest

from skmissdiff import MissDiffSampler, TableEncoder
from skmissdiff._encoding.dependencies import dependent_numbers
from skmissdiff._table.frames import read_table

YEARS = {"school": 9, "college": 13, "master": 14, "doctor": 17}


def degrees(n_rows=3000, seed=0, missing=0.2):
    """A degree, the years it takes, and a number beside them; with holes."""
    rng = np.random.default_rng(seed)
    degree = rng.choice(list(YEARS), n_rows, p=[0.4, 0.35, 0.2, 0.05])
    years = np.array([YEARS[name] for name in degree], dtype=float)
    frame = pd.DataFrame(
        {"degree": degree, "years": years, "age": 20 + years + rng.normal(size=n_rows)}
    )
    return frame.mask(rng.random(frame.shape) < missing)


def found(frame, max_values=100):
    values = dependent_numbers(read_table(frame), max_values)
    return [name for name, of_column in zip(frame, values, strict=True) if of_column is not None]


def test_a_number_that_levels_tell_is_found():
    assert found(degrees()) == ["years"]


def test_a_few_errors_do_not_hide_it():
    frame = degrees()
    frame.loc[frame.index[::500], "years"] = 13.0
    assert found(frame) == ["years"]
    frame.loc[frame.index[::20], "years"] = 13.0
    assert found(frame) == []


def test_levels_that_occur_once_tell_nothing():
    frame = degrees(200)
    frame["degree"] = [f"person {i}" for i in range(len(frame))]
    assert found(frame) == []


def test_a_number_that_hardly_varies_needs_more_than_agreement():
    """Zero nearly always: any column would be right nearly always."""
    frame = degrees()
    frame["years"] = np.where(np.arange(len(frame)) % 100 == 0, 1.0, 0.0)
    assert found(frame) == []


def test_levels_that_share_a_code_tell_nothing():
    frame = degrees()
    assert found(frame, max_values=4) == ["years"]
    assert found(frame, max_values=3) == []


def test_stray_values_are_counted_in_all_rows():
    frame = degrees(60_000)
    frame.loc[frame.index[1::1000], "years"] = np.arange(60) / 7  # between the rows looked at
    assert found(frame) == []


def test_codes_are_those_of_levels():
    frame = degrees()
    encoder = TableEncoder(functional_dependencies=True).fit(frame)
    names = encoder.get_feature_names_out().tolist()
    assert names[4:] == ["years_9", "years_13", "years_14", "years_17", "age"]
    row = pd.DataFrame({"degree": ["school"], "years": [12.9], "age": [30.0]})
    assert encoder.transform(row)[0, 4:8].tolist() == [0, 1, 0, 0]
    back = encoder.inverse_transform(encoder.transform(frame))
    pd.testing.assert_frame_equal(back, frame, check_exact=False)


@pytest.fixture(scope="module")
def sampler():
    return MissDiffSampler(max_iter=200, random_state=0).fit(degrees())


def test_generated_pairs_are_real_ones(sampler):
    rows = sampler.sample(2000)
    assert rows["years"].dtype == float
    assert (rows["years"] != rows["degree"].map(YEARS)).mean() < 0.02


def test_such_a_number_is_given_as_a_number(sampler):
    rows = sampler.sample(500, given={"years": 14.2})
    assert (rows["years"] == 14.2).all()
    assert (rows["degree"] == "master").mean() > 0.97
    assert sampler.sample(500, given={"degree": "doctor"})["years"].eq(17).mean() > 0.97


def test_scores_tell_impossible_pairs(sampler):
    likely = pd.DataFrame({"degree": ["school"], "years": [9.0], "age": [29.0]})
    impossible = likely.assign(years=17.0)
    assert sampler.score_samples(likely)[0] > sampler.score_samples(impossible)[0] + 3


def test_values_that_were_not_seen_are_unlikely(sampler):
    likely = pd.DataFrame({"degree": ["school"], "years": [9.0], "age": [29.0]})
    for value in (9.5, -1e9):
        assert sampler.score_samples(likely.assign(years=value))[0] < (
            sampler.score_samples(likely)[0] - 5
        )


@pytest.mark.parametrize(("aggregate", "expected"), [("mean", 11.8), ("median", 13), ("mode", 9)])
def test_point_estimates_are_those_of_numbers(sampler, aggregate, expected):
    """.4 x 9, .35 x 13, .2 x 14 and .05 x 17, where nothing is known."""
    imputer = sampler.to_imputer().set_params(aggregate=aggregate)
    row = pd.DataFrame({"degree": [None], "years": [np.nan], "age": [np.nan]}, dtype=object)
    row = row.astype({"years": float, "age": float})
    assert imputer.transform(row)["years"][0] == pytest.approx(expected, abs=0.3)
