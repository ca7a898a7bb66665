"""Tables are spoiled without touching the rest of them: dtypes, names, index, the input itself."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from skmissdiff.missingness import ampute

MECHANISMS = [
    *("mcar", "independent", "row", "column", "block", "monotone"),
    *("mar", "mnar_logistic", "mnar_self", "mnar_quantile"),
]


@pytest.fixture(scope="module")
def numbers():
    return np.random.default_rng(3).normal(size=(100, 6))


def _frame(n_rows=60):
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "whole": rng.integers(0, 9, n_rows),
            "small": rng.integers(0, 200, n_rows).astype(np.uint8),
            "real": rng.normal(size=n_rows).astype(np.float32),
            "flag": rng.random(n_rows) < 0.5,
            "level": pd.Categorical(rng.choice(["a", "b", "c"], n_rows), ["a", "b", "c", "z"]),
            "text": rng.choice(["x", "y"], n_rows),
            "nullable": pd.array(rng.integers(0, 9, n_rows), dtype="Int32"),
        },
        index=np.arange(n_rows) * 2 + 5,
    )


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_pandas_frame_keeps_dtypes_index_and_names(mechanism):
    frame = _frame()
    before = frame.copy(deep=True)
    frame.attrs["source"] = "survey"
    spoiled, mask = ampute(frame, mechanism, 0.3, block_shape=(3, 2), random_state=0)
    pd.testing.assert_frame_equal(frame, before)
    np.testing.assert_array_equal(spoiled.isna().to_numpy(), mask)
    nullable = {"whole": "Int64", "small": "UInt8", "flag": "boolean"}
    for j, name in enumerate(frame):
        expected = nullable.get(name) if mask[:, j].any() else None
        assert spoiled[name].dtype == (expected or frame[name].dtype), name
        kept = ~mask[:, j]
        assert spoiled[name][kept].tolist() == frame[name][kept].tolist()
    pd.testing.assert_index_equal(spoiled.index, frame.index)
    pd.testing.assert_index_equal(spoiled.columns, frame.columns)
    assert spoiled.attrs == {"source": "survey"}
    assert list(spoiled["level"].cat.categories) == ["a", "b", "c", "z"]


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_polars_and_arrow_frames_keep_dtypes(mechanism):
    frame = _frame()
    _, mask = ampute(frame, mechanism, 0.3, random_state=0)
    as_polars = pl.from_pandas(frame).with_columns(pl.col("level").cast(pl.Enum(["a", "b", "c"])))
    as_arrow = pa.Table.from_pandas(frame, preserve_index=False)
    for table in (as_polars, as_arrow):
        spoiled, own = ampute(table, mechanism, 0.3, random_state=0)
        np.testing.assert_array_equal(own, mask)
        assert type(spoiled) is type(table)
        # Arrow's tables have metadata that pandas wrote.
        assert list(spoiled.schema) == list(table.schema)
        rows = spoiled.to_dicts() if table is as_polars else spoiled.to_pylist()
        original = table.to_dicts() if table is as_polars else table.to_pylist()
        for got, had, gaps in zip(rows, original, mask, strict=True):
            expected = [None if gap else had[name] for name, gap in zip(had, gaps, strict=True)]
            assert list(got.values()) == expected


@pytest.mark.parametrize(
    ("X", "dtype"),
    [
        (np.arange(40).reshape(10, 4), np.float64),
        (np.arange(40, dtype=np.float32).reshape(10, 4), np.float32),
        (np.full((10, 4), "a"), object),
        (np.full((10, 4), True), object),
        (np.full((10, 4), "a", dtype=object), object),
        (np.arange(40).reshape(10, 4).tolist(), np.float64),
    ],
)
def test_arrays(X, dtype):
    before = np.array(X)
    spoiled, mask = ampute(X, random_state=0)
    assert isinstance(spoiled, np.ndarray)
    assert spoiled.dtype == dtype
    np.testing.assert_array_equal(pd.isna(spoiled), mask)
    assert (spoiled[~mask] == before[~mask]).all()
    np.testing.assert_array_equal(X, before)


def test_result_shares_no_memory_with_the_input(numbers):
    X = numbers[:5].copy()
    spoiled, _ = ampute(X, missing_rate=0.0)
    spoiled[:] = 0
    np.testing.assert_array_equal(X, numbers[:5])
    frame = pd.DataFrame(X)
    spoiled, _ = ampute(frame, missing_rate=0.0)
    spoiled.iloc[:, :] = 0
    np.testing.assert_array_equal(frame, numbers[:5])


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_seeds(numbers, mechanism):
    masks = [ampute(numbers, mechanism, random_state=seed)[1] for seed in (0, 0, 1)]
    np.testing.assert_array_equal(masks[0], masks[1])
    assert (masks[0] != masks[2]).any()
    _, mask = ampute(numbers, mechanism, random_state=np.random.RandomState(0))
    np.testing.assert_array_equal(mask, masks[0])


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mechanism": "mnar"}, "The 'mechanism' parameter of ampute must be a str among"),
        ({"missing_rate": 1.2}, "The 'missing_rate' parameter of ampute must be a float in"),
        ({"observed_fraction": 1.0}, "'observed_fraction' parameter of ampute"),
        ({"tail": "left"}, "The 'tail' parameter of ampute must be a str among"),
        ({"random_state": "a"}, "The 'random_state' parameter of ampute"),
        ({"observed_columns": [9]}, "observed_columns names column 9, but X has 6 columns"),
        ({"observed_columns": ["a"]}, "observed_columns names column 'a', but X has no column"),
        ({"observed_columns": [True]}, "observed_columns has 1 booleans, but X has 6 columns"),
        ({"observed_columns": range(6)}, "No column may lose cells"),
        ({"mechanism": "mar", "observed_columns": []}, "needs at least one observed column"),
        ({"mechanism": "block", "block_shape": (0, 2)}, "block_shape must be two whole numbers"),
        ({"mechanism": "block", "block_shape": (2,)}, "block_shape must be two whole numbers"),
        ({"mechanism": "block", "column_groups": [[0, 1], [1]]}, "names column 1 more than once"),
        ({"mechanism": "block", "column_groups": [[]]}, "at least one column in each group"),
        (
            {"mechanism": "mnar_quantile", "missing_rate": 0.4, "tail_fraction": 0.3},
            "missing_rate=0.4 is more than tail_fraction=0.3",
        ),
    ],
)
def test_errors(numbers, options, message):
    with pytest.raises(ValueError, match=message):
        ampute(numbers, **options)


def test_mar_needs_two_columns(numbers):
    with pytest.raises(ValueError, match=r"needs at least one observed column .* got 1 column"):
        ampute(numbers[:, :1], "mar")


def test_block_hides_groups_of_columns_together():
    frame = _frame(400)
    groups = [["whole", "text"], [3, -1]]
    options = {"column_groups": groups, "block_shape": (1, 1), "random_state": 0}
    _, mask = ampute(frame, "block", 0.3, **options)
    np.testing.assert_array_equal(mask[:, 0], mask[:, 5])
    np.testing.assert_array_equal(mask[:, 3], mask[:, 6])
    assert (mask[:, 0] != mask[:, 3]).any()
    assert not mask[:, [1, 2, 4]].any()
    assert mask[:, [0, 3, 5, 6]].mean() == pytest.approx(0.3, abs=0.01)
