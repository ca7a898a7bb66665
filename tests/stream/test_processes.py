"""Several processes that fit one model, by torch.distributed."""

import os
import pathlib
import re
import socket
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
import torch

from skmissdiff import MissDiffImputer, MissDiffSampler
from skmissdiff._diffusion.processes import ALONE
from skmissdiff._stream.scan import Scan
from skmissdiff._stream.shares import Share, all_blocks
from skmissdiff._stream.source import Dataset
from tests.stream.streams import assert_same_model, files, mixed_table, reader

ROOT = pathlib.Path(__file__).parents[2]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def run_together(scenario, folder, out, n=2):
    """Exit statuses and standard errors of the processes."""
    script = str(ROOT / "tests" / "stream" / "fit_together.py")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    port = str(free_port())
    running = [
        subprocess.Popen(
            [sys.executable, script, str(rank), str(n), port, scenario, str(folder), str(out)],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(n)
    ]
    errors = [process.communicate(timeout=300)[1] for process in running]
    return [process.returncode for process in running], errors


@pytest.mark.slow
@pytest.mark.parametrize(
    "scenario", ["imputer", "sampler", "timed", "unseeded", "filtered", "batches"]
)
def test_all_processes_end_with_the_same_model(scenario, tmp_path):
    files(tmp_path / "parts", mixed_table().select(["a", "b", "c", "day"]), 7, 100)
    statuses, errors = run_together(scenario, tmp_path / "parts", tmp_path / "model")
    assert statuses == [0, 0], errors
    cls = MissDiffSampler if scenario == "sampler" else MissDiffImputer
    one, other = (cls.load(tmp_path / f"model-{rank}.npz") for rank in range(2))
    assert_same_model(one, other)
    assert one.loss_curve_ == other.loss_curve_
    assert one._seed == other._seed
    assert 0 < one.n_iter_ <= 12
    alone = MissDiffImputer(max_iter=0, random_state=0)
    alone.fit(mixed_table().select(["a", "b", "c", "day"]))
    assert one.encoder_.schema_ == alone.encoder_.schema_
    if scenario == "imputer":
        # Draws are equal, too: no process lends rows of its own.
        gaps = mixed_table().select(["a", "b", "c", "day"]).slice(0, 50)
        assert one.multiple_impute(gaps, 1)[0].equals(other.multiple_impute(gaps, 1)[0])
        # However the files are cut.
        files(tmp_path / "other", mixed_table().select(["a", "b", "c", "day"]), 1, 333)
        run_together(scenario, tmp_path / "other", tmp_path / "again")
        assert_same_model(MissDiffImputer.load(tmp_path / "again-0.npz"), one)


@pytest.mark.slow
def test_a_process_that_dies_makes_the_others_fail(tmp_path):
    files(tmp_path / "parts", mixed_table().select(["a", "b", "c"]), 7, 100)
    statuses, errors = run_together("dies", tmp_path / "parts", tmp_path / "model")
    assert statuses[1] == 9
    assert statuses[0] != 0
    # gloo has several words for it.
    assert re.search("Connection (closed|reset)|remote worker|Timed out", errors[0]), errors[0]
    assert not list(tmp_path.glob("model*"))


@pytest.mark.slow
def test_an_error_of_one_process_is_raised_by_all(tmp_path):
    table = mixed_table().select(["a", "b", "c"])
    bad = np.zeros(3000)
    bad[2900] = np.inf  # in the share of one process
    files(tmp_path / "parts", table.append_column("bad", pa.array(bad)), 4, 3000)
    statuses, errors = run_together("imputer", tmp_path / "parts", tmp_path / "model")
    assert 0 not in statuses  # gloo may abort at its end a process whose peer has gone already
    assert all("infinity" in error and "column 'bad'" in error for error in errors)


def scan_of(table, blocks):
    scan = Scan(table.schema, MissDiffImputer(), 0)
    for first, block in blocks:
        scan.add(block, first)
    return scan


def test_shares_join_to_the_whole(tmp_path):
    table = mixed_table(500)
    source = Dataset(files(tmp_path / "parts", table, 4, 30))
    shares = [Share(source, rank, 3) for rank in range(3)]
    assert len(source.parts()) == 20
    counts = {}
    for share in shares:
        counts.update(share.counts())
    assert sum(counts.values()) == 500
    parts = [scan_of(table, share.blocks(counts)) for share in shares]
    assert all(100 < part.n_rows < 250 for part in parts)
    whole, *others = parts
    for other in others:
        whole.join(other)
    alone = scan_of(table, all_blocks(source))
    assert whole.n_rows == 500
    assert whole.sample.rows()[0].equals(alone.sample.rows()[0])
    for own, column in zip(whole.columns, alone.columns, strict=True):
        assert own.schema() == column.schema()
        assert own.levels == column.levels


def test_tables_in_memory_are_nobody_elses(monkeypatch):
    table = mixed_table(50).select(["a"])
    asked = []
    monkeypatch.setattr("skmissdiff._base.running_processes", lambda: asked.append(1) or ALONE)
    MissDiffImputer(max_iter=0).fit(table)
    assert asked == []
    MissDiffImputer(max_iter=0).fit(reader(table, 10))
    assert asked == [1]


def test_a_process_alone_changes_nothing():
    weight = torch.ones(3, requires_grad=True)
    loss = (weight * torch.tensor([1.0, 2.0, 3.0])).sum()
    loss.backward()
    assert ALONE.average(loss, [weight]) == 6.0
    assert weight.grad.tolist() == [1, 2, 3]
    assert ALONE.first(lambda: 5) == 5
    assert ALONE.each(lambda: 5) == [5]
    assert ALONE.decide(0.25) == 0.25


def launch(folder, out, *options, n=2):
    """The command under torchrun."""
    script = [sys.executable, "-m", "torch.distributed.run", f"--nproc-per-node={n}"]
    script += [f"--master-port={free_port()}", "-m", "skmissdiff", "fit", str(folder)]
    return subprocess.run(
        [*script, "-o", str(out), "--max-iter", "3", *options],
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.slow
def test_the_command_under_torchrun(tmp_path):
    files(tmp_path / "parts", mixed_table().select(["a", "b", "c"]), 4, 100)
    done = launch(tmp_path / "parts" / "part-*.parquet", tmp_path / "model.npz")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("4 files, 3000 rows") == done.stderr.count("wrote ") == 1
    imputer = MissDiffImputer.load(tmp_path / "model.npz")
    assert imputer.transform(mixed_table().select(["a", "b", "c"])).column("a").null_count == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.npz", "parts"]


@pytest.mark.slow
def test_the_command_under_torchrun_fails_as_a_whole(tmp_path):
    table = mixed_table(100).select(["a", "c"])
    table.to_pandas().to_csv(tmp_path / "one.csv", index=False)
    done = launch(tmp_path / "one.csv", tmp_path / "model.npz")
    assert done.returncode != 0
    assert "only a folder or a pattern of files" in done.stderr
    bad = pa.array([1.0] * 99 + [np.inf])
    files(tmp_path / "parts", table.append_column("bad", bad), 2, 100)
    done = launch(tmp_path / "parts", tmp_path / "model.npz")
    assert done.returncode != 0
    assert "column 'bad'" in done.stderr
    assert not list(tmp_path.glob("*.npz*"))
