"""What the sampler's documentation promises."""

import time

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError

from skmissdiff import MissDiffImputer, MissDiffSampler, PaperMethod, _base
from skmissdiff._diffusion.inference import CALL_ROWS
from skmissdiff.missingness import ampute

METHODS = ["masked", "missdiff"]
LEVELS = ["low", "mid", "high"]
N_ROWS = 50


def build(method="masked", **params):
    quick = {"max_iter": 5, "n_steps": 3, "random_state": 0}
    return MissDiffSampler(method, **{**quick, **params})


def with_holes(values, rng, n_missing=12):
    out = list(values)
    for row in rng.choice(len(out), n_missing, replace=False):
        out[row] = None
    return out


def cells():
    """Columns as lists; those named "full" have no missing cell."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=N_ROWS)
    return {
        "x": with_holes(z.tolist(), rng),
        "whole": with_holes(np.rint(3 * z).tolist(), rng),
        "count": with_holes(np.rint(40 * z + 100).astype(int).tolist(), rng),
        "full": np.rint(5 * z).astype(int).tolist(),
        "size": with_holes([LEVELS[i] for i in np.digitize(z, [-0.5, 0.5])], rng),
        "flag": with_holes((z > 0).tolist(), rng),
        "full_flag": (z > 1).tolist(),
        "city": with_holes(rng.choice(["Rome", "Oslo"], N_ROWS).tolist(), rng),
    }


def make_pandas():
    dtypes = {
        "x": "float32",
        "whole": "float64",
        "count": "UInt8",
        "full": "int16",
        "size": pd.CategoricalDtype(LEVELS, ordered=True),
        "flag": "boolean",
        "full_flag": "bool",
        "city": "str",
    }
    data = {name: pd.Series(v, dtype=dtypes[name]) for name, v in cells().items()}
    return pd.DataFrame(data).assign(note=pd.Series(cells()["city"], dtype=object))


def make_polars():
    schema = {
        "x": pl.Float32,
        "whole": pl.Float64,
        "count": pl.UInt8,
        "full": pl.Int16,
        "size": pl.Enum(LEVELS),
        "flag": pl.Boolean,
        "full_flag": pl.Boolean,
        "city": pl.Categorical,
    }
    data = {name: pl.Series(v, dtype=schema[name], strict=False) for name, v in cells().items()}
    return pl.DataFrame(data)


@pytest.fixture(params=[make_pandas, make_polars], ids=["pandas", "polars"])
def frame(request):
    return request.param()


@pytest.fixture(params=METHODS)
def method(request):
    return request.param


def numbers(n_rows=40, n_columns=3):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_rows, 1)) + 0.5 * rng.normal(size=(n_rows, n_columns))
    X[rng.random(X.shape) < 0.25] = np.nan
    return X


def dtypes(table):
    return table.dtypes.tolist() if isinstance(table, pd.DataFrame) else table.dtypes


def test_rows_look_like_the_training_table(method, frame):
    rows = build(method).fit(frame).sample(30)
    assert type(rows) is type(frame)
    assert list(rows.columns) == list(frame.columns)
    assert dtypes(rows) == dtypes(frame)
    assert len(rows) == 30
    for name in frame.columns:
        drawn, observed = rows[name].to_list(), set(frame[name].to_list())
        assert not any(pd.isna(value) for value in drawn)
        if name in ("size", "flag", "full_flag", "city", "note"):
            assert set(drawn) <= observed
        elif name != "x":
            assert all(float(value).is_integer() for value in drawn)
    if isinstance(rows, pd.DataFrame):
        assert rows.index.equals(pd.RangeIndex(30))


@pytest.mark.parametrize("dtype", [np.float64, np.float32, object])
def test_arrays(method, dtype):
    X = numbers().astype(dtype)
    rows = build(method).fit(X).sample(6)
    assert isinstance(rows, np.ndarray)
    assert rows.dtype == dtype
    assert rows.shape == (6, 3)
    assert np.isfinite(rows.astype(float)).all()


def test_integers_and_text_in_arrays(method):
    X = np.random.default_rng(0).integers(0, 5, size=(30, 2)).astype(np.int8)
    rows = build(method).fit(X).sample(200)
    assert rows.dtype == np.int8
    text = np.array([["a", "long"], ["b", "no"]] * 10)
    rows = build(method).fit(text).sample(20)
    assert rows.dtype.kind == "U"
    assert set(rows[:, 0]) <= {"a", "b"}
    assert set(rows[:, 1]) <= {"long", "no"}


def test_lists(method):
    rows = build(method).fit([[1.5, "a"], [None, "b"], [2.5, None]] * 8).sample(5)
    assert rows.shape == (5, 2)
    assert set(rows[:, 1]) <= {"a", "b"}
    assert all(isinstance(value, float) and np.isfinite(value) for value in rows[:, 0])


def test_one_row_by_default(method):
    assert build(method).fit(numbers()).sample().shape == (1, 3)


def test_a_shorter_sample_begins_a_longer_one(method):
    sampler = build(method, n_steps=2).fit(numbers())
    long = sampler.sample(CALL_ROWS + 88)  # more than one call of the network
    for n_samples in (1, 7, CALL_ROWS, CALL_ROWS + 1):
        assert_array_equal(sampler.sample(n_samples), long[:n_samples])
    assert len(np.unique(long, axis=0)) == len(long)


def test_prefix_of_a_frame(method, frame):
    sampler = build(method).fit(frame)
    assert sampler.sample(3).equals(sampler.sample(9)[:3])


def test_batches_have_one_progress(capsys):
    sampler = build(n_steps=2).fit(numbers()).set_params(verbose=1)
    assert len(list(sampler.sample_batches(25, 10))) == 3
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(",")[0] for line in lines] == ["Sampling: 25/25"]


def test_seeds(method, frame):
    sampler = build(method).fit(frame)
    own = sampler.sample(5)
    assert sampler.sample(5).equals(own)
    other = sampler.sample(5, random_state=3)
    assert not other.equals(own)
    assert sampler.sample(5, random_state=3).equals(other)
    assert sampler.sample(5, random_state=np.random.RandomState(3)).equals(other)
    assert clone(sampler).fit(frame).sample(5).equals(own)
    assert not build(method, random_state=1).fit(frame).sample(5).equals(own)


@pytest.mark.parametrize(
    ("wrong", "error"), [(0, ValueError), (-3, ValueError), (2.0, TypeError), ("9", TypeError)]
)
def test_wrong_number_of_samples(wrong, error):
    with pytest.raises(error, match="n_samples"):
        build().fit(numbers()).sample(wrong)


def test_not_fitted():
    with pytest.raises(NotFittedError, match="MissDiffSampler"):
        MissDiffSampler().sample()


def test_steps_of_masked_may_change_after_fit(frame):
    # Networks that nobody judges have a say, and only then steps count.
    sampler = build(early_stopping=False).fit(frame)
    few = sampler.sample(5)
    many = sampler.set_params(n_steps=12).sample(5)
    assert not many.equals(few)
    assert build(n_steps=12, early_stopping=False).fit(frame).sample(5).equals(many)
    sampler.set_params(n_steps=0)
    with pytest.raises(ValueError, match="The 'n_steps' parameter of MissDiffSampler"):
        sampler.sample(5)


def test_steps_of_missdiff_may_not():
    sampler = build("missdiff").fit(numbers())
    before = sampler.sample(5)
    sampler.set_params(n_steps=12)
    with pytest.raises(ValueError, match="n_steps was 3 when this MissDiffSampler was fitted"):
        sampler.sample(5)
    assert_array_equal(sampler.set_params(n_steps=3).sample(5), before)
    assert not np.array_equal(
        sampler.set_params(method=PaperMethod(reverse_variance="small")).sample(5), before
    )


def test_samples_follow_the_training_distribution():
    rng = np.random.default_rng(0)
    covariance = np.array([[1.0, 0.8, 0.0], [0.8, 1.0, 0.0], [0.0, 0.0, 4.0]])
    X = rng.multivariate_normal([5.0, -2.0, 0.0], covariance, size=600)
    X[rng.random(X.shape) < 0.2] = np.nan
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    frame["s"] = np.where(rng.random(600) < 0.8, "often", "seldom")
    rows = build(max_iter=0, n_steps=20).fit(frame).sample(3000)
    assert_allclose(rows[["a", "b", "c"]].mean(), np.nanmean(X, axis=0), atol=0.12)
    assert_allclose(rows[["a", "b", "c"]].corr(), frame[["a", "b", "c"]].corr(), atol=0.06)
    assert_allclose(rows[["a", "b", "c"]].std(), np.nanstd(X, axis=0), rtol=0.08)
    assert (rows["s"] == "often").mean() == pytest.approx(0.8, abs=0.06)


def test_whole_numbers_bounds_and_snap(method):
    X = numbers(60)
    observed = build(method, bounds="observed").fit(X).sample(300)
    assert (observed >= np.nanmin(X, axis=0)).all()
    assert (observed <= np.nanmax(X, axis=0)).all()
    snapped = build(method, snap=True).fit(X).sample(50)
    assert all(np.isin(snapped[:, j], X[:, j]).all() for j in range(3))
    one = build(method, bounds={1: (0, 0.5)}).fit(X).sample(100)
    assert (one[:, 1] >= 0).all()
    assert (one[:, 1] <= 0.5).all()
    assert np.ptp(one[:, 0]) > 1


def test_refit_on_other_columns(method, frame):
    sampler = build(method).fit(frame)
    rows = sampler.fit(numbers()).sample(4)
    assert_array_equal(rows, build(method).fit(numbers()).sample(4))


def test_one_fit_serves_both(method, frame, monkeypatch):
    sampler = build(method).fit(frame)

    def no_training(*args, **kwargs):
        raise AssertionError("trained again")

    monkeypatch.setattr(_base, "train_denoiser", no_training)
    imputer = sampler.to_imputer()
    assert type(imputer) is MissDiffImputer
    assert imputer.denoiser_ is sampler.denoiser_
    own = set(sampler.get_params()) - {"n_refreshes"}
    assert {name: imputer.get_params()[name] for name in own} == {
        name: sampler.get_params()[name] for name in own
    }
    completed = imputer.transform(frame)
    assert dtypes(completed) == dtypes(frame)
    assert imputer.to_sampler().sample(5).equals(sampler.sample(5))
    assert imputer.get_feature_names_out().tolist() == list(frame.columns)
    with_indicators = imputer.set_params(add_indicator=True).transform(frame)
    assert with_indicators.shape[1] > frame.shape[1]


def test_the_imputer_of_a_sampler_is_the_fitted_imputer(method, frame):
    sampler = build(method, n_refreshes=0).fit(frame)
    imputer = clone(sampler.to_imputer()).fit(frame)
    assert sampler.to_imputer().transform(frame).equals(imputer.transform(frame))


def test_generation_needs_no_missing_cells(method):
    X = np.nan_to_num(numbers())
    assert np.isfinite(build(method).fit(X).sample(4)).all()


def test_drawn_cells_reach_the_model_of_a_small_table():
    """Weights that were best before the first refresh are not kept."""
    X, _ = ampute(load_iris().data, "mar", 0.4, strength=3, random_state=1)
    rows = [
        MissDiffSampler(max_iter=60, n_refreshes=n, random_state=1).fit(X).sample(20)
        for n in (1, 4)
    ]
    assert not np.array_equal(*rows)


def test_max_time_bounds_refreshes_too():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(6000, 12))
    X[rng.random(X.shape) < 0.3] = np.nan
    start = time.monotonic()
    MissDiffSampler(max_time=2, random_state=0).fit(X)
    assert time.monotonic() - start < 8  # with its refreshes it would take twice that


@pytest.mark.parametrize("library", ["array", "pandas", "polars", "pyarrow"])
def test_arrow_batches_are_of_one_schema(library):
    rng = np.random.default_rng(0)
    x = rng.normal(size=200)
    frame = pd.DataFrame({"x": x, "n": np.rint(2 * x).astype(int), "c": np.where(x > 0, "u", "v")})
    frame["c"] = frame["c"].astype("category")
    make = {
        "array": lambda f: f[["x", "n"]].to_numpy(),
        "pandas": lambda f: f,
        "polars": pl.from_pandas,
        "pyarrow": lambda f: pa.Table.from_pandas(f, preserve_index=False),
    }[library]
    sampler = MissDiffSampler(max_iter=0, random_state=0).fit(make(frame))
    reader = sampler.sample_batches(25, 10, as_arrow=True)
    batches = list(reader)
    assert [len(batch) for batch in batches] == [10, 10, 5]
    assert all(batch.schema == reader.schema for batch in batches)
    names = ["x0", "x1"] if library == "array" else ["x", "n", "c"]
    assert reader.schema.names == names
    whole = sampler.sample(25)
    if library == "array":
        whole = pd.DataFrame(whole, columns=names)
    elif library != "pandas":
        whole = whole.to_pandas()
    for name in names:
        column = pa.Table.from_batches(batches)[name].to_pylist()
        assert column == whole[name].tolist()


def test_arrow_batches_with_gaps_keep_their_types():
    """A column of whole numbers is float64 in pandas only where it has gaps."""
    frame = pd.DataFrame({"n": np.arange(200), "m": np.arange(200.0)})
    frame.loc[::20, "m"] = np.nan
    frame["n"] = frame["n"].mask(frame.index % 20 == 1).astype("Int64")
    sampler = MissDiffSampler(max_iter=0, random_state=0).fit(frame)
    reader = sampler.sample_batches(60, 3, keep_missing=True, as_arrow=True)
    assert reader.schema.types == [pa.int64(), pa.float64()]
    table = reader.read_all()
    assert table["n"].null_count > 0
    assert table["m"].null_count > 0


@pytest.mark.parametrize("library", ["array", "pandas"])
def test_text_for_missing_numbers_is_null_in_arrow(library):
    frame = pd.DataFrame({"m": np.arange(200.0), "c": ["u", "v"] * 100}).astype(object)
    frame.loc[::20, :] = "?"
    table = frame if library == "pandas" else frame.to_numpy()
    sampler = MissDiffSampler(max_iter=0, missing_values="?", random_state=0).fit(table)
    reader = sampler.sample_batches(100, 9, keep_missing=True, as_arrow=True)
    drawn = reader.read_all()
    assert drawn.schema.types[0] == pa.float64()
    assert drawn.column(0).null_count > 0
    assert "?" in drawn.column(1).to_pylist()
    plain = pd.DataFrame(sampler.sample(100, keep_missing=True)).iloc[:, 0]
    assert drawn.column(0).to_pylist() == [None if v == "?" else v for v in plain]


def test_parts_of_a_sample_are_made_apart():
    frame = pd.DataFrame({"a": np.arange(100.0), "b": np.arange(100.0) ** 2})
    sampler = MissDiffSampler(max_iter=0, random_state=0).fit(frame)
    parts = [*sampler.sample_batches(8, 5), *sampler.sample_batches(7, 5, start=8)]
    pd.testing.assert_frame_equal(pd.concat(parts), sampler.sample(15))
    with pytest.raises(ValueError, match="start == -1"):
        sampler.sample_batches(5, start=-1)
