"""skmissdiff fit on several Parquet files."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cli_helpers import fails, run
from stream.streams import assert_same_model, mixed_table

from skmissdiff import MissDiffImputer
from skmissdiff.cli import _many_files


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three files of a table."""
    path = tmp_path_factory.mktemp("parts")
    table = mixed_table(240)
    for number in range(3):
        pq.write_table(table.slice(80 * number, 80), path / f"part-{number}.parquet")
    return path


QUICK = ["--max-iter", 2, "--seed", 0]


def test_a_pattern_a_folder_and_python_give_the_same_model(folder, tmp_path, capsys):
    by_pattern, by_folder = tmp_path / "pattern.npz", tmp_path / "folder.npz"
    status, err = run(capsys, "fit", folder / "part-*.parquet", "-o", by_pattern, *QUICK)
    assert status == 0
    assert "3 files, 240 rows, 12 columns" in err
    table = mixed_table(240)
    n_missing = sum(column.null_count for column in table.columns)
    assert f"{n_missing} of {240 * 12} cells missing" in err
    assert run(capsys, "fit", folder, "-o", by_folder, "-q", *QUICK) == (0, "")
    model = MissDiffImputer.load(by_pattern)
    assert_same_model(model, MissDiffImputer.load(by_folder))
    assert_same_model(model, MissDiffImputer(max_iter=2, random_state=0).fit(table))


def test_the_model_completes_and_generates(folder, tmp_path, capsys):
    model, out = tmp_path / "model.npz", tmp_path / "out.parquet"
    options = ["--ignore", "price,span", *QUICK]
    assert run(capsys, "fit", folder / "*.parquet", "-o", model, "-q", *options) == (0, "")
    source = folder / "part-1.parquet"
    assert run(capsys, "impute", source, "-o", out, "--model", model, "-q") == (0, "")
    before, after = pq.read_table(source), pq.read_table(out)
    assert after.schema.equals(before.schema)
    for name in before.column_names:
        seen = before[name].is_valid()
        assert after[name].filter(seen).equals(before[name].filter(seen)), name
        expected = before[name].null_count if name in ("price", "span") else 0
        assert after[name].null_count == expected
    status, err = run(capsys, "sample", "--model", model, "-n", 5, "-o", out, "-q")
    assert (status, err) == (0, "")
    assert pq.read_table(out).num_rows == 5


def test_kinds_and_bounds(folder, tmp_path, capsys):
    model = tmp_path / "model.npz"
    options = ["--categorical", "whole", "--bounds", "a=-1:1", *QUICK]
    assert run(capsys, "fit", folder, "-o", model, "-q", *options) == (0, "")
    imputer = MissDiffImputer.load(model)
    kinds = dict(zip(imputer.feature_names_in_, imputer.categories_, strict=True))
    assert [name for name, levels in kinds.items() if levels is not None] == [
        *("c", "whole", "flag", "level")
    ]
    assert imputer.encoder_._ranges[0].tolist() == [-1, 1]
    assert np.isfinite(imputer.encoder_._ranges[5]).all()  # a date's, as observed


def test_a_large_file_is_read_batch_by_batch(folder, tmp_path, capsys, monkeypatch):
    source, model = folder / "part-0.parquet", tmp_path / "model.npz"
    monkeypatch.setattr(_many_files, "MANY_CELLS", 80 * 12 - 1)
    status, err = run(capsys, "fit", source, "-o", model, *QUICK)
    assert status == 0
    assert "1 file, 80 rows" in err
    monkeypatch.setattr(_many_files, "MANY_CELLS", 80 * 12)
    assert "1 file" not in run(capsys, "fit", source, "-o", model, *QUICK)[1]


def test_columns_of_folders(tmp_path, capsys):
    for year in (2023, 2024):
        (tmp_path / "t" / f"year={year}").mkdir(parents=True)
        frame = pd.DataFrame({"x": np.arange(30.0), "y": np.arange(30.0) + year})
        frame.to_parquet(tmp_path / "t" / f"year={year}" / "a.parquet", index=False)
    model = tmp_path / "model.npz"
    assert run(capsys, "fit", tmp_path / "t", "-o", model, "-q", *QUICK) == (0, "")
    assert MissDiffImputer.load(model).feature_names_in_.tolist() == ["x", "y", "year"]


def test_what_cannot_be_used(folder, tmp_path, capsys):
    out = tmp_path / "model.npz"
    assert "no such file" in fails(capsys, "fit", tmp_path / "*.parquet", "-o", out)[1]
    (tmp_path / "nothing").mkdir()
    assert "no .parquet file" in fails(capsys, "fit", tmp_path / "nothing", "-o", out)[1]
    (tmp_path / "a.csv").write_text("x\n1\n")
    (tmp_path / "a.txt.md").write_text("x\n1\n")
    assert "must end in .csv" in fails(capsys, "fit", tmp_path / "a.*", "-o", out)[1]
    options = ["--decimal", ","]
    assert "--decimal is for text" in fails(capsys, "fit", folder, "-o", out, *options)[1]
    options = ["--numeric", "c"]
    assert "stored as string" in fails(capsys, "fit", folder, "-o", out, *options)[1]
    options = ["--ignore", "nothing"]
    assert "no column 'nothing'" in fails(capsys, "fit", folder, "-o", out, *options)[1]
    (tmp_path / "broken.parquet").write_text("no Parquet")
    assert "cannot be read" in fails(capsys, "fit", tmp_path / "b*.parquet", "-o", out)[1]
    pq.write_table(pa.table({"x": [1.0]}), tmp_path / "c1.parquet")
    pq.write_table(pa.table({"y": [1.0]}), tmp_path / "c2.parquet")
    status, line = fails(capsys, "fit", tmp_path / "c*.parquet", "-o", out)
    assert status == 2
    assert "c2.parquet: it has other columns" in line
    assert not out.exists()
