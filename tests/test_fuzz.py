"""Any table: every promise holds, or an error names the column before any training.

``SKMISSDIFF_EXAMPLES=2000 pytest tests/test_fuzz.py`` takes that many tables to fit, and
as many that cannot be.
"""

import copy
import math
import re
import warnings
from datetime import UTC, date, datetime, timedelta, timezone
from unittest.mock import patch

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from table_strategies import (
    N_EXAMPLES,
    NAMES,
    SETTINGS,
    cells_of,
    columns_of,
    missing_of,
    pairs_of_tables,
)

from skmissdiff import MissDiffImputer, PaperMethod, _base

pytestmark = pytest.mark.slow

LIBRARIES = ("pandas", "polars", "array", "list")
EMPTY = "Skipping features without any observed values"
FEW = re.compile(r".* too few to train a network")
UNSEEN = "Found categories that were not seen in fit"
N_SAMPLES = 4

PARAMS = st.fixed_dictionaries(
    {
        "aggregate": st.sampled_from(["mean", "median", "mode"]),
        "bounds": st.sampled_from([None, "observed"]),
        "early_stopping": st.booleans(),
        "keep_empty_features": st.booleans(),
        "max_categories": st.sampled_from([2, 3, 100, None]),
        "max_iter": st.integers(2, 5),
        "n_draws": st.integers(1, 3),
        "n_resample": st.integers(1, 2),
        "n_steps": st.integers(1, 4),
        "random_state": st.integers(0, 9),
        "sample_posterior": st.booleans(),
        "scaling": st.sampled_from(["standard", "quantile", "minmax"]),
        "snap": st.booleans(),
    }
)

INSTANT = datetime(2020, 5, 17, tzinfo=UTC)
# Cells that no column of numbers or levels can hold; the last one of each is repeated.
UNREADABLE = {
    "pandas": {
        "infinite": ([1.0, np.inf], "float64"),
        "complex": ([1j, None], "complex128"),
        "mixed": (["a", 1], "object"),
        "mixed with booleans": ([True, 0.5], "object"),
        "mixed with dates": ([1.5, date(2020, 5, 17)], "object"),
        "several zones": ([INSTANT, INSTANT.astimezone(timezone(timedelta(hours=1)))], "object"),
        "lists": ([None, [1]], "object"),
        "bytes": ([b"a"], "object"),
        "sparse": ([0.0, 1.0], "Sparse[float]"),
    },
    "polars": {
        "infinite": ([1.0, -np.inf], pl.Float64),
        "lists": ([[1], None], pl.List(pl.Int64)),
        "records": ([{"a": 1}], pl.Struct({"a": pl.Int64})),
        "bytes": ([b"a", None], pl.Binary),
    },
    "array": {
        "infinite": ([1.0, np.inf], None),
        "mixed": ([1, "a"], None),
        "mixed with booleans": ([True, 0.5], None),
        "dicts": ([None, {}], None),
    },
}


def build(method, params):
    """An imputer with those of the parameters that have an effect beside each other."""
    params = dict(params)
    n_resample, n_draws = params.pop("n_resample"), params.pop("n_draws")
    if params["sample_posterior"]:
        del params["aggregate"]
    elif method == "missdiff" or params["aggregate"] == "mode":
        params["n_draws"] = n_draws
    if method == "masked" and params["scaling"] == "minmax":
        del params["scaling"]
    if method == "missdiff":
        method = PaperMethod(n_resample=n_resample)
    return MissDiffImputer(method, **params)


def call(function, *args, allowed=()):
    """What the function returns, and the warnings that it gives, each of an allowed kind."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = function(*args)
    texts = [str(warning.message) for warning in caught]
    texts = [text for text in texts if not FEW.match(text)]
    assert all(text.startswith(allowed) for text in texts), texts
    return result, texts


def select(table, keep):
    return [column for column, kept in zip(columns_of(table), keep, strict=True) if kept]


def dtypes(table):
    return list(table.dtypes) if isinstance(table, pd.DataFrame) else table.dtypes


def check_looks(out, table, keep, known):
    """Same container, names and, in columns where something is known, dtypes."""
    if isinstance(table, list):
        assert isinstance(out, np.ndarray)
        return
    assert type(out) is type(table)
    if isinstance(table, np.ndarray):
        assert out.dtype.kind == table.dtype.kind
        assert out.dtype.kind == "U" or out.dtype == table.dtype
        return
    assert list(out.columns) == [n for n, kept in zip(table.columns, keep, strict=True) if kept]
    wanted = [dtype for dtype, kept in zip(dtypes(table), keep, strict=True) if kept]
    for dtype, own, is_known in zip(dtypes(out), wanted, known[keep], strict=True):
        if is_known and isinstance(own, pd.CategoricalDtype):
            # A list of categories may have been extended by those of the fit.
            assert set(own.categories) <= set(dtype.categories)
            assert own.ordered == dtype.ordered
        elif is_known:
            assert own == dtype


def check_completed(out, table, keep):
    missing = missing_of(table)
    check_looks(out, table, keep, ~missing.all(axis=0))
    if isinstance(table, pd.DataFrame):
        assert out.index.equals(table.index)
    assert not missing_of(out).any()
    cells = columns_of(out) if isinstance(table, list) else cells_of(out)
    given_cells = select(table, keep)
    for column, own, gaps in zip(cells, given_cells, missing[:, keep].T, strict=True):
        observed = [value for value, gap in zip(column, gaps, strict=True) if not gap]
        own = [value for value, gap in zip(own, gaps, strict=True) if not gap]
        # A list becomes an array, in which 1 may be 1.0.
        assert observed == (own if isinstance(table, list) else list(map(repr, own)))


def check_sample(rows, train, keep, bounds):
    missing = missing_of(train)
    known = ~missing.all(axis=0)
    check_looks(rows, train, keep, known)
    assert len(rows) == N_SAMPLES
    assert not missing_of(rows).any()
    for column, own, gaps in zip(
        columns_of(rows), select(train, keep), missing[:, keep].T, strict=True
    ):
        observed = [value for value, gap in zip(own, gaps, strict=True) if not gap]
        if not observed:
            continue
        if isinstance(observed[0], str | bool):
            assert set(column) <= set(observed)
        elif bounds == "observed" and any(isinstance(value, float) for value in observed):
            low, high = min(map(float, observed)), max(map(float, observed))
            assert math.nextafter(low, -math.inf) <= min(map(float, column))
            assert max(map(float, column)) <= math.nextafter(high, math.inf)
        elif bounds == "observed":  # whole numbers of any size, dates, decimals: exactly
            assert min(observed) <= min(column)
            assert max(column) <= max(observed)


@pytest.mark.parametrize("method", ["masked", "missdiff"])
@settings(max_examples=max(1, N_EXAMPLES // 2), **SETTINGS)
@given(tables=pairs_of_tables(50, 12, LIBRARIES, NAMES), params=PARAMS)
def test_every_promise_holds(method, tables, params):
    train, new = tables
    imputer = build(method, params)
    before = copy.deepcopy(train), copy.deepcopy(new)
    empty = missing_of(train).all(axis=0)
    if empty.all():
        with (
            patch.object(_base, "train_denoiser") as training,
            pytest.raises(ValueError, match="no observed cell"),
        ):
            imputer.fit(train)
        assert not training.called
        return
    keep = ~empty | params["keep_empty_features"]
    _, texts = call(imputer.fit, train, allowed=EMPTY)
    assert len(texts) == (not keep.all())
    for table in (train, new):
        out, texts = call(imputer.transform, table, allowed=UNSEEN)
        assert len(texts) <= (table is new)
        check_completed(out, table, keep)
        draws, texts = call(imputer.multiple_impute, table, 2, allowed=UNSEEN)
        assert len(texts) <= (table is new)
        for draw in draws:
            check_completed(draw, table, keep)
    sampler = imputer.to_sampler()
    rows, _ = call(sampler.sample, N_SAMPLES)
    check_sample(rows, train, keep, params["bounds"])
    for table, copied in zip(tables, before, strict=True):
        assert cells_of(table) == cells_of(copied)
        if not isinstance(table, list):
            check_looks(table, copied, np.full(len(empty), True), np.full(len(empty), True))


@st.composite
def unreadable_tables(draw):
    """A table with a column that cannot be used, and how a message has to name it."""
    library = draw(st.sampled_from([*UNREADABLE]))
    table, _ = draw(pairs_of_tables(20, 6, (library,), NAMES))
    n_rows, n_columns = len(table), len(columns_of(table))
    place = draw(st.integers(0, n_columns))
    cells, dtype = UNREADABLE[library][draw(st.sampled_from([*UNREADABLE[library]]))]
    if n_rows < len(cells):
        table = table[[0] * 2] if library != "pandas" else table.iloc[[0] * 2]
        n_rows = 2
    cells = (cells + cells[-1:] * n_rows)[:n_rows]
    if library == "array":
        column = np.empty((n_rows, 1), dtype=object)
        column[:, 0] = cells
        return np.hstack([table[:, :place], column, table[:, place:]], dtype=object), (
            f"olumn {place} "
        )
    name = draw(st.text(max_size=3).filter(lambda text: text not in [*table.columns]))
    if library == "pandas":
        table.columns = table.columns.astype(str)  # scikit-learn takes names of one type only
        name = next(n for n in (name, "long name") if n not in [*table.columns])
        table.insert(place, name, pd.Series(cells, dtype=dtype).array)
    else:
        table = table.insert_column(place, pl.Series(name, cells, dtype=dtype))
    return table, f"olumn {name!r} "


@settings(max_examples=N_EXAMPLES, **SETTINGS)  # nothing is trained: they cost little
@given(case=unreadable_tables(), method=st.sampled_from(["masked", "missdiff"]))
def test_unreadable_columns_are_named_before_training(case, method):
    table, label = case
    imputer = MissDiffImputer(method, max_iter=2)
    with (
        patch.object(_base, "train_denoiser") as training,
        pytest.raises((TypeError, ValueError)) as caught,
    ):
        imputer.fit(table)
    assert label.strip() in str(caught.value)
    assert not training.called
    assert vars(imputer) == vars(MissDiffImputer(method, max_iter=2))
