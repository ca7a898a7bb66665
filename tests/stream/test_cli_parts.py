"""``impute`` and ``sample`` into a folder, file by file: what is finished is left, and goes on."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cli_helpers import fails, run

from skmissdiff import MissDiffImputer
from skmissdiff.cli import _many_files, _parts

JOURNAL = _parts.JOURNAL


def make_part(seed, n_rows=60):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=n_rows).round(3)
    level = np.where(a > 0, "high", "low")

    def gaps():
        return rng.random(n_rows) < 0.3

    return pa.table(
        {
            "id": pa.array([f"{seed}-{row}" for row in range(n_rows)]),
            "a": pa.array(a, mask=gaps()),
            "n": pa.array(np.rint(3 * a).astype(np.int16), mask=gaps()),
            "level": pa.array(level, mask=gaps()).dictionary_encode(),
        }
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Parts in Parquet, and a model of them."""
    from skmissdiff.cli import _main as cli

    path = tmp_path_factory.mktemp("parts")
    for number in range(3):
        pq.write_table(make_part(number), path / f"part-{number}.parquet")
    args = ["--ignore", "id", "--max-iter", "0", "--seed", "0", "-q"]
    assert cli.main(["fit", f"{path}/part-*.parquet", "-o", f"{path}/model.npz", *args]) == 0
    return path


def impute(capsys, folder, out, *more):
    """Run the command on all parts; its lines."""
    status, err = run(
        capsys,
        *("impute", f"{folder}/part-*.parquet", "-o", f"{out}/"),
        *("--model", folder / "model.npz", *more),
    )
    assert status == 0, err
    return err


def read(folder, pattern="*.parquet"):
    return {path.name: pq.read_table(path) for path in sorted(folder.glob(pattern))}


def test_parts_are_completed_in_their_schema(capsys, folder, tmp_path):
    out = tmp_path / "out"
    err = impute(capsys, folder, out)
    assert "part-0.parquet" in err
    assert "(3 of 3 files)" in err
    tables = read(out)
    assert list(tables) == ["part-0.parquet", "part-1.parquet", "part-2.parquet"]
    n_filled = 0
    for number, table in enumerate(tables.values()):
        before = make_part(number)
        assert table.schema == before.schema
        for name in table.column_names:
            assert table[name].null_count == 0
            n_filled += before[name].null_count
            kept = before[name].is_valid()
            assert table[name].filter(kept).to_pylist() == before[name].filter(kept).to_pylist()
    words = err.replace("\n", " ").split(" cells filled")[:-1]
    assert sum(int(word.rsplit(" ", 1)[1]) for word in words) == n_filled
    # Another file by itself, without a folder, gets the same cells.
    alone = tmp_path / "alone.parquet"
    source, model = folder / "part-1.parquet", folder / "model.npz"
    assert run(capsys, "impute", source, "-o", alone, "--model", model, "-q")[0] == 0
    assert pq.read_table(alone).to_pylist() == tables["part-1.parquet"].to_pylist()


def test_finished_files_are_left_and_others_made(capsys, folder, tmp_path):
    out = tmp_path / "out"
    impute(capsys, folder, out, "--draws", "2", "--seed", "4")
    first = read(out)
    kept = (out / "part-0.parquet").stat().st_mtime_ns
    (out / "part-1.parquet").unlink()
    (out / "part-2.parquet").write_bytes(b"PAR1 cut off")
    left = out / ".part-2.parquet.abc.tmp"
    left.write_bytes(b"half")
    err = impute(capsys, folder, out, "--draws", "2")  # the seed is the one it was begun with
    assert "1 files were there already" in err
    assert (out / "part-0.parquet").stat().st_mtime_ns == kept
    again = read(out)
    assert all(again[name].to_pylist() == first[name].to_pylist() for name in first)
    assert not left.exists()
    assert "3 files were there already" in impute(capsys, folder, out, "--draws", "2")


def test_a_file_that_was_not_noted_or_has_another_source_is_made(capsys, folder, tmp_path):
    parts = tmp_path / "in"
    parts.mkdir()
    for number in range(2):
        pq.write_table(make_part(number), parts / f"part-{number}.parquet")
    (parts / "model.npz").write_bytes((folder / "model.npz").read_bytes())
    out = tmp_path / "out"
    impute(capsys, parts, out)
    lines = (out / JOURNAL).read_bytes().splitlines(keepends=True)
    (out / JOURNAL).write_bytes(b"".join(lines[:-1]) + lines[-1][:20])  # killed while noting
    err = impute(capsys, parts, out)
    assert "1 files were there already" in err
    pq.write_table(make_part(5), parts / "part-0.parquet")
    assert "1 files were there already" in impute(capsys, parts, out)
    assert pq.read_table(out / "part-0.parquet")["id"][0].as_py() == "5-0"


def test_files_of_other_options_are_not_mixed(capsys, folder, tmp_path):
    out = tmp_path / "out"
    command = ["impute", f"{folder}/part-*.parquet", "-o", f"{out}/", "-q"]
    command += ["--model", folder / "model.npz"]
    assert run(capsys, *command, "--draws", 1, "--seed", 3)[0] == 0
    status, line = fails(capsys, *command, "--draws", 2)
    assert (status, "draws 1, now 2" in line) == (2, True)
    assert "--overwrite" in line
    assert "seed 3, now 4" in fails(capsys, *command, "--draws", 1, "--seed", 4)[1]
    assert run(capsys, *command, "--overwrite")[0] == 0
    assert ".imp" not in pq.read_table(out / "part-0.parquet").column_names
    header = json.loads((out / JOURNAL).read_text().splitlines()[0])
    assert (header["command"], header["draws"]) == ("impute", None)
    other = tmp_path / "other.npz"
    source = folder / "part-0.parquet"
    run(capsys, "fit", source, "-o", other, "--ignore", "id", "--max-iter", 0, "-q")
    command[-1] = other
    assert "model" in fails(capsys, *command)[1]


def test_draws_are_numbered_and_a_key_moves_with_the_row(capsys, folder, tmp_path):
    impute(capsys, folder, tmp_path / "out", "--draws", "2", "--key", "id", "--seed", "1")
    tables = read(tmp_path / "out")
    assert tables["part-0.parquet"][".imp"].to_pylist() == [1] * 60 + [2] * 60
    whole = pa.concat_tables([make_part(number) for number in (2, 0, 1)])
    pq.write_table(whole, tmp_path / "whole.parquet", row_group_size=7)
    command = ["impute", tmp_path / "whole.parquet", "-o", tmp_path / "done.parquet"]
    command += ["--model", folder / "model.npz", "--draws", 2, "--key", "id", "--seed", 1, "-q"]
    assert run(capsys, *command) == (0, "")
    done = pq.read_table(tmp_path / "done.parquet").to_pandas().set_index([".imp", "id"])
    parts = pd.concat([table.to_pandas() for table in tables.values()]).set_index([".imp", "id"])
    pd.testing.assert_frame_equal(done.sort_index(), parts.sort_index(), check_dtype=False)
    assert (
        "--key is for --model"
        in fails(
            capsys,
            "impute",
            tmp_path / "whole.parquet",
            "-o",
            tmp_path / "x.parquet",
            "--key",
            "id",
        )[1]
    )


def test_equal_rows_of_two_files_differ_in_draws(capsys, folder, tmp_path):
    row = make_part(0).slice(0, 1)
    row = row.set_column(1, "a", pa.nulls(1, pa.float64()))
    for name in ("x", "y"):
        pq.write_table(row, tmp_path / f"{name}.parquet")
    command = ["impute", tmp_path / "x.parquet", tmp_path / "y.parquet", "-o", f"{tmp_path}/out/"]
    assert run(capsys, *command, "--model", folder / "model.npz", "--draws", 1, "-q")[0] == 0
    x, y = read(tmp_path / "out").values()
    assert x["a"].to_pylist() != y["a"].to_pylist()


def test_only_some_columns(capsys, folder, tmp_path):
    impute(capsys, folder, tmp_path / "out", "--only", "a")
    table = read(tmp_path / "out")["part-0.parquet"]
    assert table["a"].null_count == 0
    assert table["n"].null_count == make_part(0)["n"].null_count


def test_text_files_are_completed_too(capsys, tmp_path):
    for number in range(2):
        frame = make_part(number).to_pandas()
        frame.to_csv(tmp_path / f"part-{number}.csv", index=False, sep=";")
    model, out = tmp_path / "model.npz", tmp_path / "out"
    source = tmp_path / "part-0.csv"
    fit = ["fit", source, "-o", model, "--ignore", "id", "--max-iter", 0, "-q"]
    assert run(capsys, *fit)[0] == 0
    command = ["impute", f"{tmp_path}/part-*.csv", "-o", f"{out}/", "--model", model]
    command += ["--draws", 2, "--key", "id", "-q"]
    assert run(capsys, *command) == (0, "")
    done = pd.read_csv(out / "part-1.csv", sep=";")
    assert len(done) == 120
    assert done.notna().all(axis=None)
    before = make_part(1).to_pandas()
    kept = before["a"].notna().to_numpy()
    np.testing.assert_array_equal(done["a"][:60][kept], before["a"][kept])
    gaps = ~kept
    assert (done["a"][:60][gaps].to_numpy() != done["a"][60:][gaps].to_numpy()).any()


def test_numbers_that_stand_for_categories(capsys, tmp_path):
    rng = np.random.default_rng(0)
    code = pa.array(rng.integers(0, 3, 90) * 10, mask=rng.random(90) < 0.2)
    pq.write_table(pa.table({"code": code, "x": rng.normal(size=90)}), tmp_path / "in.parquet")
    model = tmp_path / "model.npz"
    fit = ["fit", tmp_path / "in.parquet", "-o", model, "--categorical", "code", "--max-iter", 0]
    assert run(capsys, *fit, "-q")[0] == 0
    command = ["impute", tmp_path / "in.parquet", "-o", f"{tmp_path}/out/", "--model", model]
    assert run(capsys, *command, "-q")[0] == 0
    done = pq.read_table(tmp_path / "out" / "in.parquet")["code"]
    assert done.type == pa.int64()
    assert set(done.to_pylist()) <= {0, 10, 20}


def test_folders_in_folders_keep_their_places(capsys, folder, tmp_path):
    for year in (2023, 2024):
        (tmp_path / "in" / f"year={year}").mkdir(parents=True)
        pq.write_table(make_part(year), tmp_path / "in" / f"year={year}" / "part.parquet")
    command = ["impute", tmp_path / "in", "-o", f"{tmp_path}/out/"]
    assert run(capsys, *command, "--model", folder / "model.npz", "-q")[0] == 0
    for year in (2023, 2024):
        table = pq.ParquetFile(tmp_path / "out" / f"year={year}" / "part.parquet").read()
        assert table.schema == make_part(year).schema
        assert table["a"].null_count == 0


def test_a_large_file_is_completed_in_parts(capsys, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(_many_files, "MANY_CELLS", 10)
    source = folder / "part-0.parquet"
    command = ["impute", source, "-o", tmp_path / "done.parquet", "--model", folder / "model.npz"]
    status, err = run(capsys, *command)
    assert status == 0
    assert "cells filled" in err
    done = pq.read_table(tmp_path / "done.parquet")
    assert done.schema == make_part(0).schema
    assert done["level"].null_count == 0


def test_what_cannot_be_done_is_told(capsys, folder, tmp_path):
    model = ["--model", folder / "model.npz"]
    parts = f"{folder}/part-*.parquet"
    for args, part in [
        ([parts, "-o", tmp_path / "x.parquet", *model], "write -o"),
        ([parts, "-o", f"{tmp_path}/out/"], "takes a --model"),
        ([parts, "-o", f"{folder}/", *model], "choose another folder"),
        ([f"{folder}/none-*.parquet", "-o", f"{tmp_path}/out/", *model], "no such file"),
        ([parts, "-o", f"{tmp_path}/out/", "--key", "who", *model], "no column 'who'"),
    ]:
        status, line = fails(capsys, "impute", *args)
        assert status == 2
        assert part in line
    pq.write_table(make_part(0).drop_columns("n"), tmp_path / "lacking.parquet")
    args = [tmp_path / "lacking.parquet", "-o", f"{tmp_path}/new/", *model]
    assert "no column 'n'" in fails(capsys, "impute", *args)[1]
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [JOURNAL]


def test_one_process_at_a_time(capsys, folder, tmp_path):
    with _parts.Journal(str(tmp_path / "out"), {}, 0, None):
        args = [f"{folder}/part-*.parquet", "-o", f"{tmp_path}/out/"]
        _, line = fails(capsys, "impute", *args, "--model", folder / "model.npz")
    assert "another skmissdiff is writing there" in line


def test_a_sample_in_files_is_the_sample(capsys, folder, tmp_path):
    command = ["sample", "--model", folder / "model.npz", "--seed", 2]
    one, out = tmp_path / "rows.parquet", tmp_path / "out"
    assert run(capsys, *command, "--rows", 250, "-o", one, "-q")[0] == 0
    command += ["-o", f"{out}/", "--rows-per-file", 100]
    assert run(capsys, *command, "-n", 150)[0] == 0
    kept = (out / "part-00000.parquet").stat().st_mtime_ns
    status, err = run(capsys, *command, "-n", 250)
    assert (status, "250 rows are in" in err) == (0, True)
    assert (out / "part-00000.parquet").stat().st_mtime_ns == kept
    tables = read(out)
    assert [table.num_rows for table in tables.values()] == [100, 100, 50]
    whole = pa.concat_tables(tables.values())
    assert whole.to_pylist() == pq.read_table(one).to_pylist()
    assert "holds more rows" in fails(capsys, *command, "-n", 100)[1]
    assert "rows-per-file 100, now 50" in fails(capsys, *command[:-1], 50, "-n", 100)[1]
    assert (
        "--rows-per-file is for a folder"
        in fails(capsys, *command[:5], "-o", one, "-n", 5, "--rows-per-file", 2)[1]
    )


def kill_in_the_middle(command, out):
    """Kill the command once it has finished a file; the number of those that it had."""
    process = subprocess.Popen(
        [sys.executable, "-m", "skmissdiff", *map(str, command)], stderr=subprocess.PIPE
    )
    try:
        until = time.monotonic() + 120
        while time.monotonic() < until and process.poll() is None:
            if len(list(out.glob("*.parquet"))) >= 2:
                break
            time.sleep(0.001)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    finally:
        process.kill()
    assert process.returncode == -signal.SIGKILL
    return sorted(out.glob("*.parquet"))


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["impute", "sample"])
def test_killing_it_leaves_no_damaged_file_and_it_goes_on(capsys, folder, tmp_path, verb):
    if verb == "impute":
        for number in range(12):
            pq.write_table(make_part(number, 700), tmp_path / f"part-{number:02}.parquet")
        command = ["impute", f"{tmp_path}/part-*.parquet", "--draws", 1]
    else:
        command = ["sample", "--rows", 12 * 700, "--rows-per-file", 700]
    command += ["--model", folder / "model.npz", "--seed", 5]
    whole, out = tmp_path / "whole", tmp_path / "out"
    assert run(capsys, *command, "-o", f"{whole}/", "-q")[0] == 0
    expected = {name: table.to_pylist() for name, table in read(whole).items()}
    assert len(expected) == 12
    for _ in range(2):
        finished = kill_in_the_middle([*command, "-o", f"{out}/"], out)
        assert 2 <= len(finished) < 12
        for path in finished:
            assert pq.read_table(path).to_pylist() == expected[path.name]
        stamps = {path: path.stat().st_mtime_ns for path in finished[:-1]}
        for path in finished[2:]:
            path.unlink()  # so that the next run has something to be killed at
    assert run(capsys, *command, "-o", f"{out}/", "-q")[0] == 0
    assert {name: table.to_pylist() for name, table in read(out).items()} == expected
    for path in finished[:2]:
        if path in stamps:
            assert path.stat().st_mtime_ns == stamps[path]
    assert not list(out.glob(".*.tmp"))


# The command in a process that kills itself at a chosen step of the training, or once the model
# is written beside its place.
SUICIDE = """
import os, signal, sys
from skmissdiff._diffusion import training
from skmissdiff.cli import _main

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

if sys.argv[1] == "training":
    step, done = training.train_step, []

    def train_step(*args):
        done.append(1)
        return die() if len(done) == 3 else step(*args)

    training.train_step = train_step
else:
    os.replace = die
sys.exit(_main.main(sys.argv[2:]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize("moment", ["training", "writing"])
def test_a_killed_fit_leaves_the_model_as_it_was(capsys, folder, tmp_path, moment, there):
    model = tmp_path / "model.npz"
    command = ["fit", f"{folder}/part-*.parquet", "-o", model, "--ignore", "id"]
    command += ["--max-iter", 5, "--seed", 0, "-q"]
    if there:
        model.write_bytes(b"an earlier one")
    killed = [sys.executable, "-c", SUICIDE, moment, *map(str, command)]
    assert subprocess.run(killed, check=False).returncode == -signal.SIGKILL
    assert model.exists() == there
    if there:
        assert model.read_bytes() == b"an earlier one"
    assert run(capsys, *command)[0] == 0
    assert [path.name for path in tmp_path.iterdir()] == ["model.npz"]
    assert MissDiffImputer.load(model).n_iter_ == 5


def write_texts(folder, **columns):
    """Text files of 40 rows each; a column is a function of the number of the file."""
    for number in range(3):
        frame = pd.DataFrame({name: make(number) for name, make in columns.items()})
        frame.to_csv(folder / f"part-{number}.csv", index=False, sep=";")


@pytest.fixture
def texts(tmp_path):
    rng = np.random.default_rng(0)
    days = pd.date_range("2020-01-01", periods=40).strftime("%d.%m.%Y")
    write_texts(
        tmp_path,
        x=lambda _: [None, *rng.normal(size=39).round(2)],
        # Whole in the first file, and of a category that the others do not have.
        count=lambda number: [1.5 if number else 2, None, *rng.integers(9, size=38)],
        level=lambda number: [None, None, *[["a", "b"], ["b", "c"], ["c", "a"]][number] * 19],
        day=lambda _: [*days[:-1], None],
        note=lambda number: [f"row {number} {row}" for row in range(40)],
    )
    return tmp_path


def test_several_text_files_are_fitted_one_at_a_time(capsys, texts):
    model = texts / "model.npz"
    command = ["fit", f"{texts}/part-*.csv", "-o", model, "--dates", "day=%d.%m.%Y"]
    status, err = run(capsys, *command, "--max-iter", 0, "--seed", 0)
    assert status == 0, err
    assert "3 files, 120 rows, 5 columns" in err
    fitted = MissDiffImputer.load(model)
    schema = fitted.encoder_.schema_
    assert schema.names == ("x", "count", "level", "day")  # notes tell the rows apart
    found = dict(zip(schema.names, fitted.categories_, strict=True))
    assert found["level"].tolist() == ["a", "b", "c"]
    assert not schema.columns[1].is_integer
    assert [column.n_observed for column in schema.columns] == [117, 117, 114, 117]
    out = texts / "out"
    assert run(capsys, "impute", f"{texts}/part-*.csv", "-o", f"{out}/", "--model", model)[0] == 0
    for number in range(3):
        before, after = (
            pd.read_csv(place / f"part-{number}.csv", sep=";", dtype=str) for place in (texts, out)
        )
        assert not after.isna().any().any()
        pd.testing.assert_frame_equal(after.where(before.notna()), before)


def test_text_files_that_do_not_go_together_are_named(capsys, texts):
    command = ["fit", f"{texts}/part-*", "-o", texts / "model.npz", "--max-iter", 0]
    command += ["--dates", "day=%d.%m.%Y", "--ignore", "note"]
    other = texts / "part-2.csv"
    text = other.read_text()
    other.write_text(text.replace("x;count", "z;count"))
    first = f"{other}, unlike {texts}/part-0.csv: "
    assert f"{first}there is no column 'x'" in fails(capsys, *command)[1]
    pq.write_table(make_part(0), texts / "part-3.parquet")
    err = fails(capsys, *command)[1]
    assert f"{other}: the pattern also stands for {texts}/part-3.parquet" in err
    (texts / "part-3.parquet").unlink()
    other.write_text(text.replace("\n", "\nword;1;a;01.01.2020;n\n", 1))
    assert f"{first}column 'x' holds 'word', which is not a number" in fails(capsys, *command)[1]
    assert not (texts / "model.npz").exists()
