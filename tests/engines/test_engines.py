"""The recipes of the page on large tables, each run with the engine itself."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from skmissdiff import MissDiffImputer

RECIPES = Path(__file__).parents[2] / "docs" / "engines"
MODULES = {
    "dask": "distributed",
    "ray": "ray",
    "spark": "pyspark",
    "polars": "polars",
    "duckdb": "duckdb",
}
ROWS = 240


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three files with equal rows in all of them, and a model."""
    path = tmp_path_factory.mktemp("engines")
    (path / "in").mkdir()
    rng = np.random.default_rng(0)
    a = rng.normal(size=ROWS).round(3)
    b = 2 * a + rng.normal(size=ROWS)

    def gaps():
        return rng.random(ROWS) < 0.3

    columns = {
        "a": pa.array(a, mask=gaps()),
        "b": pa.array(b, mask=gaps()),
        "level": pa.array(np.where(a > 0, "high", "low"), mask=gaps()),
    }
    for part in range(3):
        key = pa.array(np.arange(ROWS) + part * ROWS)
        pq.write_table(pa.table({"row_id": key, **columns}), path / "in" / f"part-{part}.parquet")
    imputer = MissDiffImputer(max_iter=0, random_state=0).fit(pa.table(columns))
    imputer.save(path / "model.npz")
    return path


@pytest.fixture(scope="module")
def expected(folder):
    imputer = MissDiffImputer.load(folder / "model.npz")
    table = pq.read_table(folder / "in")
    return imputer.transform_batches(table, key="row_id", draw=0).read_all().to_pandas()


def run(name, folder, target):
    environment = os.environ | {"PYSPARK_PYTHON": sys.executable, "OMP_NUM_THREADS": "2"}
    command = [sys.executable, str(RECIPES / f"with_{name}.py")]
    done = subprocess.run(
        [*command, str(folder / "in"), str(target), str(folder / "model.npz")],
        check=False,
        capture_output=True,
        text=True,
        timeout=400,
        env=environment | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.engines
@pytest.mark.parametrize("name", MODULES)
def test_recipes(name, folder, expected, tmp_path):
    if importlib.util.find_spec(MODULES[name]) is None:
        pytest.skip(f"{name} is not installed")
    if name == "spark" and shutil.which("java") is None:
        pytest.skip("Spark takes a Java runtime")
    run(name, folder, tmp_path / "out")
    done = pq.read_table(tmp_path / "out").to_pandas().sort_values("row_id", ignore_index=True)
    # Whatever the engine made of the files and in which order, each row has its own draw.
    pd.testing.assert_frame_equal(done[list(expected)], expected, check_dtype=False)
    parts = np.split(done["b"].to_numpy(), 3)
    gaps = pq.read_table(folder / "in" / "part-0.parquet")["b"].is_null().to_numpy()
    assert (parts[0][~gaps] == parts[1][~gaps]).all()
    assert (parts[0][gaps] != parts[1][gaps]).mean() > 0.9  # equal rows, other draws


@pytest.mark.engines
def test_a_dask_worker_loads_a_model_once(folder):
    """Also with more partitions than workers, in one thread of torch."""
    pytest.importorskip("distributed")
    code = """if True:
        import sys
        import dask.dataframe as dd
        from dask.distributed import Client
        from skmissdiff import MissDiffImputer

        def loads():
            import torch
            from skmissdiff._partitions import _load_once
            return _load_once.cache_info().misses, torch.get_num_threads()

        if __name__ == "__main__":
            source, model = sys.argv[1:]
            complete = MissDiffImputer.load(model).for_partitions(draw=0, path=model)
            with Client(n_workers=2, threads_per_worker=1) as client:
                table = dd.read_parquet(source).repartition(npartitions=8)
                by_number = table.map_partitions(complete, meta=table._meta)
                first, second = by_number.compute(), by_number.compute()
                assert first.equals(second)
                found = client.run(loads)
            print(sorted(found.values()))
    """
    script = folder / "count.py"
    script.write_text(code)
    done = subprocess.run(
        [sys.executable, str(script), str(folder / "in"), str(folder / "model.npz")],
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ
        | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "2"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip() == "[(1, 1), (1, 1)]"
