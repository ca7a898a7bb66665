"""Fitting tables that are never whole in memory: seconds, reading and memory.

    python -m docs.benchmarks.streaming large --rows 10000000 --folder /tmp/large
    python -m docs.benchmarks.streaming diabetes130
    python -m docs.benchmarks.streaming shapes
    python -m docs.benchmarks.streaming error
    python -m docs.benchmarks.streaming processes

Each fit is a process of its own, with one thread, whose peak memory and seconds of CPU are told.
The made-up table has ten numbers and ten categories of a common cause, a tenth of the cells
missing.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from docs.benchmarks.data import load
from docs.benchmarks.protocols import hide_completely_at_random
from skmissdiff import MissDiffImputer
from skmissdiff._diffusion import training
from skmissdiff._stream import scan as scanning
from skmissdiff._stream import source

N_NUMBERS = N_CATEGORIES = 10
N_LEVELS = 8
PART = 100_000  # rows that are made at once


def made_up(first, n_rows):
    """Rows of the made-up table, whatever other rows there are."""
    rng = np.random.default_rng([7, first])
    cause = rng.normal(size=(n_rows, 3))
    fixed = np.random.default_rng(7)
    columns = {}
    for j in range(N_NUMBERS):
        a, b = fixed.normal(size=(2, 3))
        value = cause @ a + np.sin(2 * cause @ b) + 0.3 * rng.normal(size=n_rows)
        columns[f"n{j}"] = pa.array(np.round(value, 3), mask=rng.random(n_rows) < 0.1)
    names = np.array([f"level {k}" for k in range(N_LEVELS)])
    for j in range(N_CATEGORIES):
        scores = cause @ fixed.normal(size=(3, N_LEVELS)) * 2 + rng.gumbel(size=(n_rows, N_LEVELS))
        columns[f"c{j}"] = pa.array(names[scores.argmax(1)], mask=rng.random(n_rows) < 0.1)
    return pa.table(columns)


def write(path, n_rows):
    """The made-up table in one Parquet file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with pq.ParquetWriter(path, made_up(0, 1).schema) as file:
        for first in range(0, n_rows, PART):
            file.write_table(made_up(first, min(PART, n_rows - first)))


def cut(path, folder, n_files):
    """The rows of a file in as many files, in their order."""
    folder.mkdir(parents=True)
    n_rows = pq.read_metadata(path).num_rows
    size = -(-n_rows // n_files)
    held, number = [], 0
    for batch in pq.ParquetFile(path).iter_batches(size):
        held.append(pa.Table.from_batches([batch]))
        while sum(map(len, held)) >= size:
            rows = pa.concat_tables(held)
            pq.write_table(rows.slice(0, size), folder / f"part-{number:05}.parquet")
            held, number = [rows.slice(size)], number + 1
    if sum(map(len, held)):
        pq.write_table(pa.concat_tables(held), folder / f"part-{number:05}.parquet")


# --- What runs in a process of its own.


def fit(X, **options):
    """Fit, and tell what it took."""
    marks = {}
    read = scanning.read_stream
    loop = training.fit_loop

    def timed_read(*args):
        start = time.process_time()
        table = read(*args)
        marks["read"] = time.process_time() - start
        return table

    def timed_loop(*args, **kwargs):
        start = time.process_time()
        found = loop(*args, **kwargs)
        marks["train"] = time.process_time() - start
        return found

    from skmissdiff import _base
    from skmissdiff._diffusion import masked

    _base.read_stream, masked.fit_loop = timed_read, timed_loop
    before = peak_mib()
    start = time.process_time()
    imputer = MissDiffImputer(random_state=0, **options).fit(X)
    seconds = time.process_time() - start
    weights = [value.double().sum().item() for value in imputer.denoiser_.state_dict().values()]
    return {
        "seconds": round(seconds, 1),
        "reading": round(marks.get("read", 0.0), 1),
        "training": round(marks.get("train", 0.0), 1),
        "steps": imputer.n_iter_,
        "peak_mib": round(peak_mib()),
        "before_mib": round(before),
        "model": repr(sum(weights)),
    }


def peak_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run(task, *arguments):
    """The figures of a task in a process of its own."""
    command = [sys.executable, "-m", "docs.benchmarks.streaming", task, *map(str, arguments)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def report(label, figures):
    print(f"{label}: {json.dumps(figures)}", flush=True)


# --- The experiments.


def large(rows, folder, steps):
    """The made-up table in one file and in a hundred."""
    folder = Path(folder)
    one, many = folder / "one" / "table.parquet", folder / "many"
    write(one, rows)
    steps = [] if steps is None else ["--steps", steps]
    report("one file", {"rows": rows, "mb": round(one.stat().st_size / 1e6)})
    report("one file: fit", run("fit-folder", one.parent, *steps))
    cut(one, many, 100)
    report("100 files: fit", run("fit-folder", many, *steps))
    shutil.rmtree(folder)


def diabetes130():
    """A real table in memory and from Parquet."""
    report("diabetes130 in memory", run("fit-diabetes", "memory"))
    report("diabetes130 from Parquet", run("fit-diabetes", "parquet"))


def fit_diabetes(how):
    frame = load("diabetes130")
    if how == "memory":
        return fit(frame)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.parquet"
        pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), path)
        del frame
        return fit(ds.dataset(path))


def shapes():
    """Tables whose shape is hard on memory; ten steps, since reading is what differs."""
    for shape in ("levels", "columns", "one-row groups", "one group"):
        report(shape, run("fit-shape", shape))


def fit_shape(shape):
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.parquet"
        if shape == "levels":  # 100,000 of them in 2,000,000 rows
            names = np.array([f"name {k}" for k in range(100_000)])
            table = pa.table({"name": names[rng.integers(100_000, size=2_000_000)]})
            table = table.append_column("x", pa.array(rng.normal(size=2_000_000)))
            pq.write_table(table, path)
        elif shape == "columns":  # 1,000 in 100,000 rows, 800 MB in memory
            with pq.ParquetWriter(
                path, schema := pa.schema([(f"x{j}", pa.float64()) for j in range(1000)])
            ) as file:
                for _ in range(20):
                    values = rng.normal(size=(5_000, 1000))
                    file.write_table(pa.table(list(values.T), schema=schema))
        elif shape == "one-row groups":
            pq.write_table(made_up(0, 3_000), path, row_group_size=1)
        else:  # 10,000,000 rows in one group
            x = rng.normal(size=10_000_000).round(2)
            pq.write_table(pa.table({"x": x, "y": x[::-1], "z": x}), path, row_group_size=10**7)
            del x
        return fit(ds.dataset(path), max_iter=10)


def error():
    """Error of hidden cells after a streamed fit, over that after a fit in memory."""
    for name in ("california", "letter"):
        for seed in range(3):
            report(f"{name} {seed}", run("fit-error", name, seed))


def fit_error(name, seed):
    frame = load(name)
    rng = np.random.default_rng(int(seed))
    hidden = hide_completely_at_random(frame, 0.2, rng)
    table = frame.mask(hidden)
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    unit = frame.std(numeric_only=True)
    errors = {}
    whole = MissDiffImputer(random_state=int(seed)).fit(table)
    errors["memory"] = mean_error(whole.transform(table), frame, hidden, unit)
    # As if three quarters of the rows did not go into the sample.
    for share in (1, 2, 4):
        scanning.MOST_SAMPLE_ROWS = scanning.FEWEST_SAMPLE_ROWS = len(frame) // share
        source.MOST_BLOCK_ROWS = 1024
        streamed = MissDiffImputer(random_state=int(seed)).fit(arrow.to_batches)
        ratio = mean_error(streamed.transform(table), frame, hidden, unit) / errors["memory"]
        errors[f"sample of 1/{share}"] = round(ratio, 4)
    return errors


def mean_error(completed, frame, hidden, unit):
    """Mean over the columns of the error: in standard deviations, or the rate of wrong ones."""
    found = []
    for j, column in enumerate(frame):
        cells = hidden[:, j] if isinstance(hidden, np.ndarray) else hidden[column]
        if column in unit:
            difference = (completed[column] - frame[column])[cells] / unit[column]
            found.append(float(np.sqrt((difference**2).mean())))
        else:
            found.append(float((completed[column] != frame[column])[cells].mean()))
    return float(np.mean(found))


def processes():
    """One process of one thread, and two, by torchrun: rows of training a second."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / "one.parquet", 200_000)
        cut(Path(folder) / "one.parquet", Path(folder) / "parts", 8)
        for n in (1, 2):
            command = [sys.executable, "-m", "torch.distributed.run", f"--nproc-per-node={n}"]
            command += ["-m", "docs.benchmarks.streaming", "fit-folder", f"{folder}/parts"]
            command += ["--steps", "200", "--wall"]
            environment = os.environ | {"OMP_NUM_THREADS": "1"}
            done = subprocess.run(command, env=environment, capture_output=True, text=True)
            lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
            report(f"{n} processes", lines or done.stderr[-2000:])


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("task")
    parser.add_argument("arguments", nargs="*")
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--folder", default="streaming-data")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--wall", action="store_true")
    args = parser.parse_args()
    if args.task == "large":
        large(args.rows, args.folder, args.steps)
    elif args.task in ("diabetes130", "shapes", "error", "processes"):
        globals()[args.task]()
    elif args.task == "fit-folder":
        print(json.dumps(fit_folder(args.arguments[0], args.steps, args.wall)), flush=True)
    else:
        figures = globals()[args.task.replace("-", "_")](*args.arguments)
        print(json.dumps(figures), flush=True)


def fit_folder(folder, steps, wall):
    from skmissdiff._base import launched_processes

    options = {} if steps is None else {"max_iter": steps, "early_stopping": False}
    with launched_processes() as together:
        start = time.perf_counter()
        figures = fit(ds.dataset(folder), **options)
        if wall:
            figures["wall"] = round(time.perf_counter() - start, 1)
            figures["rank"] = together.rank
        return figures


if __name__ == "__main__":
    main()
