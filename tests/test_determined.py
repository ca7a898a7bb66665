"""Numbers that a categorical column tells."""

import numpy as np
import pandas as pd
import pytest

from skmissdiff import MissDiffSampler, TableEncoder
from skmissdiff._dataframe import read_table
from skmissdiff._determined import determined_numbers

YEARS = {"school": 9, "college": 13, "master": 14, "doctor": 17}


def degrees(n_rows=3000, seed=0, missing=0.2):
    """A degree, the years it takes, and a number beside them; with holes."""
    rng = np.random.default_rng(seed)
    degree = rng.choice(list(YEARS), n_rows, p=[0.5, 0.3, 0.15, 0.05])
    years = np.array([YEARS[name] for name in degree], dtype=float)
    frame = pd.DataFrame(
        {"degree": degree, "years": years, "age": 20 + years + rng.normal(size=n_rows)}
    )
    return frame.mask(rng.random(frame.shape) < missing)


def found(frame):
    return [frame.columns[j] for j in determined_numbers(read_table(frame))]


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


def test_codes_are_those_of_levels():
    frame = degrees()
    encoder = TableEncoder(determined=True).fit(frame)
    names = encoder.get_feature_names_out().tolist()
    assert names[4:] == ["years_9", "years_13", "years_14", "years_17", "age"]
    row = pd.DataFrame({"degree": ["school"], "years": [12.9], "age": [30.0]})
    assert encoder.transform(row)[0, 4:8].tolist() == [0, 1, 0, 0]
    back = encoder.inverse_transform(encoder.transform(frame))
    pd.testing.assert_frame_equal(back, frame, check_exact=False)


@pytest.fixture(scope="module")
def sampler():
    return MissDiffSampler(max_iter=200, batch_size=512, random_state=0).fit(degrees())


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
