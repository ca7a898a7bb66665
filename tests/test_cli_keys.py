"""Text that tells the rows apart: no model learns names, notes and identifiers from a file."""

import decimal

import pandas as pd
import pytest
from cli_helpers import run

WRITERS = {"csv": "to_csv", "parquet": "to_parquet"}
READERS = {"csv": pd.read_csv, "parquet": pd.read_parquet}
NOTE = "column 'who' has 39 levels in 39 cells, as names, notes and identifiers do, and is left out"


def write(frame, path):
    getattr(frame, WRITERS[path.suffix[1:]])(path, index=False)
    return path


def read(path):
    return READERS[path.suffix[1:]](path)


@pytest.fixture
def frame():
    frame = pd.DataFrame(
        {"who": [f"Person {i}" for i in range(40)], "x": range(40), "y": [i % 7 for i in range(40)]}
    ).convert_dtypes()
    frame.loc[3, "who"] = pd.NA
    frame.loc[5:9, "y"] = pd.NA
    return frame


@pytest.fixture(params=WRITERS)
def source(frame, tmp_path, request):
    return write(frame, tmp_path / f"in.{request.param}")


def test_they_are_carried_through(frame, source, tmp_path, capsys):
    out = tmp_path / f"out{source.suffix}"
    status, err = run(capsys, "impute", source, "-o", out, "--max-iter", 0)
    assert status == 0, err
    assert NOTE in err
    assert "carried through untouched: 'who'" in err
    found = read(out)
    assert found["who"].isna().tolist() == frame["who"].isna().tolist()
    assert found["who"].dropna().tolist() == frame["who"].dropna().tolist()
    assert found["y"].notna().all()


def test_no_generated_row_has_somebodys_name(source, tmp_path, capsys):
    out = tmp_path / "out.csv"
    status, err = run(capsys, "sample", source, "-o", out, "-n", 5, "--max-iter", 0)
    assert status == 0, err
    assert "not generated: 'who'" in err
    assert list(pd.read_csv(out)) == ["x", "y"]


def test_no_saved_model_knows_them(source, tmp_path, capsys):
    model, out = tmp_path / "m.npz", tmp_path / f"out{source.suffix}"
    status, err = run(capsys, "fit", source, "-o", model, "--max-iter", 0)
    assert status == 0, err
    assert "not known to the model: 'who'" in err
    assert b"Person" not in model.read_bytes()
    status, err = run(capsys, "impute", source, "-o", out, "--model", model)
    assert status == 0, err
    assert NOTE not in err
    assert read(out)["who"].dropna().str.startswith("Person").all()


def test_they_are_learnt_if_that_is_asked_for(source, tmp_path, capsys):
    out = tmp_path / f"out{source.suffix}"
    options = ["--categorical", "who", "--max-iter", 0]
    status, err = run(capsys, "impute", source, "-o", out, *options)
    assert status == 0, err
    assert "left out" not in err
    assert read(out)["who"].notna().all()
    model = tmp_path / "m.npz"
    assert run(capsys, "fit", source, "-o", model, *options, "-q") == (0, "")
    status, err = run(capsys, "impute", source, "-o", out, "--model", model)
    assert status == 0, err
    assert "left out" not in err
    assert read(out)["who"].notna().all()


def test_what_is_mostly_numbers_is_not_left_out(frame, tmp_path, capsys):
    frame["who"] = [f"{i}.25" for i in range(39)] + ["n/k"]
    source = write(frame, tmp_path / "in.csv")
    _, err = run(capsys, "impute", source, "-o", tmp_path / "out.csv", "--max-iter", 0)
    assert "column 'who' is mostly numbers" in err
    assert "left out" not in err


def test_one_column_is_left_to_learn_from(frame, tmp_path, capsys):
    source = write(frame[["who"]], tmp_path / "in.csv")
    options = ["--max-iter", 0]
    status, err = run(capsys, "impute", source, "-o", tmp_path / "out.csv", *options)
    assert status == 0, err
    assert "left out" not in err


@pytest.mark.parametrize(
    "values",
    [
        [decimal.Decimal(i) / 4 for i in range(40)],
        pd.Categorical([f"level {i}" for i in range(40)]),
        [pd.Timestamp("2024-01-01").date() + pd.Timedelta(days=i) for i in range(40)],
    ],
    ids=["decimals", "categories", "dates"],
)
def test_what_is_declared_or_no_text_is_not_left_out(frame, tmp_path, capsys, values):
    frame["who"] = values
    frame.loc[:4, "who"] = None
    source, out = write(frame, tmp_path / "in.parquet"), tmp_path / "out.parquet"
    status, err = run(capsys, "impute", source, "-o", out, "--max-iter", 0)
    assert status == 0, err
    assert "left out" not in err
    assert pd.read_parquet(out)["who"].notna().all()


def test_decimals_are_described_as_numbers(frame, tmp_path, capsys):
    frame["who"] = [None, *(decimal.Decimal(i) / 4 for i in range(39))]
    source, out = write(frame, tmp_path / "in.parquet"), tmp_path / "out.parquet"
    _, err = run(capsys, "impute", source, "-o", out, "--max-iter", 0)
    assert "0 .. 9.5, mean 4.75" in err
