"""Saved models: no pickle, no surprise."""

import datetime as dt
import json
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

import skmissdiff
from skmissdiff import MissDiffImputer, MissDiffSampler, PaperMethod
from skmissdiff._persistence import read_model, write_model


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=50), "y": rng.integers(0, 5, 50).astype(float)})
    frame["z"] = pd.Categorical(np.where(frame["x"] > 0, "up", "down"))
    return frame.mask(rng.random(frame.shape) < 0.3)


@pytest.fixture(scope="module", params=["masked", "missdiff"])
def fitted(request, frame):
    return MissDiffImputer(request.param, max_iter=5, n_steps=5, random_state=0).fit(frame)


def test_round_trip_keeps_everything(fitted, frame, tmp_path):
    fitted.save(tmp_path / "model.npz")
    loaded = MissDiffImputer.load(tmp_path / "model.npz")
    draws = zip(fitted.multiple_impute(frame, 2), loaded.multiple_impute(frame, 2), strict=True)
    for left, right in draws:
        pd.testing.assert_frame_equal(left, right, check_exact=True)
    pd.testing.assert_frame_equal(fitted.transform(frame), loaded.transform(frame))
    pd.testing.assert_frame_equal(fitted.to_sampler().sample(9), loaded.to_sampler().sample(9))
    assert loaded.get_params()["n_steps"] == 5
    assert loaded.loss_curve_ == fitted.loss_curve_
    assert set(vars(loaded)) == set(vars(fitted))


@pytest.mark.parametrize("position", [0, 0.3, 0.6, 0.95])
def test_a_damaged_file_is_refused(fitted, tmp_path, position):
    path = tmp_path / "model.npz"
    fitted.save(path)
    content = bytearray(path.read_bytes())
    start = int(position * len(content))
    content[start : start + 40] = bytes(40)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"model\.npz"):
        MissDiffImputer.load(path)


@pytest.mark.parametrize("content", [b"", b"not a model", b"PK\x03\x04 half an archive"])
def test_a_file_that_is_no_archive_is_refused(content, tmp_path):
    path = tmp_path / "model.npz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"model\.npz"):
        MissDiffImputer.load(path)


def test_foreign_archives_pickles_and_other_formats_are_refused(tmp_path):
    path = tmp_path / "model.npz"
    np.savez(path, weights=np.ones(3))
    with pytest.raises(ValueError, match="not a skmissdiff model"):
        MissDiffImputer.load(path)
    np.savez(path, json=np.array([{"an": "object"}], dtype=object))
    with pytest.raises(ValueError, match=r"model\.npz"):
        MissDiffImputer.load(path)
    for version, way_out in ((99, "Update skmissdiff"), (2, "Fit it again")):
        text = json.dumps({"format": "skmissdiff", "version": version, "state": None}).encode()
        np.savez(path, json=np.frombuffer(text, dtype=np.uint8))
        with pytest.raises(ValueError, match=way_out):
            MissDiffImputer.load(path)


def rewritten(path, change):
    """Change the JSON of a saved model."""
    with np.load(path) as archive:
        members = {name: archive[name] for name in archive.files}
    content = json.loads(members.pop("json").tobytes())
    change(content)
    text = np.frombuffer(json.dumps(content).encode(), dtype=np.uint8)
    with open(path, "wb") as file:
        np.savez(file, json=text, **members)
    return content


def packed_scaler(value):
    """Where in a file the scaler of scikit-learn is."""
    if isinstance(value, dict):
        if "sklearn" in value:
            return value
        value = list(value.values())
    if isinstance(value, list):
        return next(filter(None, map(packed_scaler, value)), None)
    return None


@pytest.mark.parametrize(
    ("scaling", "name"),
    [
        ("standard", "StandardScaler"),
        ("quantile", "QuantileTransformer"),
        ("minmax", "MinMaxScaler"),
    ],
)
def test_scalers_are_kept_as_what_scikit_learn_documents(scaling, name, frame, tmp_path):
    path = tmp_path / "model.npz"
    method = "missdiff" if scaling == "minmax" else "masked"
    sampler = MissDiffSampler(method, scaling=scaling, max_iter=2, n_steps=3).fit(frame)
    sampler.save(path)
    scaler = packed_scaler(rewritten(path, lambda content: None)["state"])
    assert scaler["sklearn"] == name
    documented = {key for key, _ in scaler["fitted"]["dict"]}
    assert documented
    assert not any(key.startswith("_") for key in documented)
    loaded = MissDiffSampler.load(path)
    pd.testing.assert_frame_equal(loaded.sample(5), sampler.sample(5))


def test_a_file_of_another_scikit_learn_is_taken_with_a_warning(fitted, frame, tmp_path):
    path = tmp_path / "model.npz"
    fitted.save(path)
    content = rewritten(path, lambda content: content["written_by"].update(sklearn="1.2.0"))
    assert content["written_by"]["skmissdiff"] == skmissdiff.__version__
    with pytest.warns(UserWarning, match=r"with scikit-learn 1\.2\.0") as caught:
        loaded = MissDiffImputer.load(path)
    assert caught[0].filename == __file__
    pd.testing.assert_frame_equal(loaded.transform(frame), fitted.transform(frame))


def test_a_file_that_another_scikit_learn_cannot_read_says_so(fitted, tmp_path):
    path = tmp_path / "model.npz"
    fitted.save(path)

    def rename_a_parameter(content):
        content["written_by"]["sklearn"] = "99.1"
        packed_scaler(content["state"])["params"]["dict"].append(["later", True])

    rewritten(path, rename_a_parameter)
    with pytest.raises(ValueError, match=r"with scikit-learn 99\.1.*StandardScaler.*fit the model"):
        MissDiffImputer.load(path)


@pytest.mark.parametrize(
    ("column", "low"),
    [
        (pd.date_range("2020-01-01", periods=30), pd.Timestamp("2020-01-02")),
        (pd.date_range("2020-01-01", periods=30), dt.datetime(2020, 1, 2)),
        (pd.to_timedelta(np.arange(30), "h"), pd.Timedelta(hours=1)),
    ],
)
def test_bounds_of_times_are_saved(column, low, tmp_path):
    path = tmp_path / "model.npz"
    frame = pd.DataFrame({"when": column, "x": np.arange(30.0)})
    frame.loc[::4, "when"] = pd.NaT
    imputer = MissDiffImputer(bounds={"when": (low, None)}, max_iter=2).fit(frame)
    imputer.save(path)
    loaded = MissDiffImputer.load(path)
    pd.testing.assert_frame_equal(loaded.transform(frame), imputer.transform(frame))
    later = {"when": (low + dt.timedelta(minutes=1), None)}
    for fitted in (imputer, loaded):
        with pytest.raises(ValueError, match=r"^bounds was"):
            fitted.set_params(bounds=later).transform(frame)


def test_the_method_of_the_paper_is_saved(frame, tmp_path):
    path = tmp_path / "model.npz"
    imputer = MissDiffImputer(PaperMethod("cosine", n_resample=2), max_iter=2, n_steps=3).fit(frame)
    imputer.save(path)
    loaded = MissDiffImputer.load(path)
    assert loaded.method.get_params() == imputer.method.get_params()
    pd.testing.assert_frame_equal(loaded.transform(frame), imputer.transform(frame))


def test_a_sampler_is_not_loaded_as_an_imputer(fitted, tmp_path):
    fitted.to_sampler().save(tmp_path / "model.npz")
    with pytest.raises(ValueError, match="holds a MissDiffSampler"):
        MissDiffImputer.load(tmp_path / "model.npz")
    assert isinstance(MissDiffSampler.load(tmp_path / "model.npz"), MissDiffSampler)


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "model.npz"
    write_model(path, {"value": 1}, ())
    with pytest.raises(TypeError, match="cannot be saved"):
        write_model(path, {"value": object()}, ())
    assert read_model(path, ()) == {"value": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["model.npz"]


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        1.5,
        float("inf"),
        "text",
        (1, [2, "x"]),
        {1: "a", "b": (None,)},
        slice(1, 3),
        np.float32(0.1),
        np.arange(3),
        dt.datetime(2020, 5, 17, 12, 30, 1, 5, tzinfo=dt.UTC),
        dt.date(2020, 5, 17),
        dt.timedelta(days=-1, microseconds=3),
        Decimal("0.10"),
    ],
)
def test_values_come_back_as_they_were(value, tmp_path):
    write_model(tmp_path / "file.npz", value, ())
    back = read_model(tmp_path / "file.npz", ())
    assert type(back) is type(value)
    np.testing.assert_equal(back, value)
