"""What `docs.benchmarks.streaming` measures, each run in a process of its own.

A run is a function that gives a dict: seconds of CPU, of reading, before the training and of the
training, peak memory, and a "value" that its line is about.
"""

import argparse
import json
import os
import tempfile
import time
import warnings
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from docs.benchmarks import data
from docs.benchmarks.protocols import hide_completely_at_random
from docs.benchmarks.streaming_tables import cut, hard, made_up, write
from skmissdiff import MissDiffImputer, _base
from skmissdiff._base import launched_processes
from skmissdiff._diffusion import masked
from skmissdiff._stream import scan, source

CALLED = 50_000  # rows of a table in memory, whose rate streams are compared with
SAMPLED, TESTED = 1_000_000, 20_000  # rows of which samples are compared, and by which


def peak_mib():
    """Peak memory of this process; `getrusage` has that of the one it was started from, too."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


@contextmanager
def timed(found, label, owner, name):
    """Add the seconds of CPU of a function to what was found."""
    function = getattr(owner, name)

    def watched(*args, **kwargs):
        start = time.process_time()
        try:
            return function(*args, **kwargs)
        finally:
            found[label] = found.get(label, 0.0) + time.process_time() - start

    setattr(owner, name, watched)
    try:
        yield
    finally:
        setattr(owner, name, function)


def fit(X, seed=0, **options):
    """Fit, and tell what it took."""
    found = {"before_mib": peak_mib()}
    with (
        timed(found, "reading", _base, "read_stream"),
        timed(found, "training", masked, "fit_loop"),
    ):
        start, wall = time.process_time(), time.perf_counter()
        imputer = MissDiffImputer(random_state=seed, **options).fit(X)
        found |= {
            "seconds": time.process_time() - start,
            "wall_seconds": time.perf_counter() - wall,
        }
    found |= {"peak_mib": peak_mib(), "steps": imputer.n_iter_}
    found["codes"] = imputer.encoder_.layout_.n_codes
    weights = imputer.denoiser_.state_dict().values()
    found["model"] = repr(sum(value.double().sum().item() for value in weights))
    return imputer, found


def training_rate(folder, steps):
    """Rows of training a second, of all processes under torchrun: of CPU, and by the clock.

    By the clock other programs count, too; a process that waits for another one takes no CPU.
    """
    marks = []
    step = masked.masked_loss

    def marked(*args):
        marks.append((time.process_time(), time.perf_counter()))
        return step(*args)

    masked.masked_loss = marked
    with launched_processes() as together:
        options = {"max_iter": int(steps), "early_stopping": False}
        MissDiffImputer(random_state=0, **options).fit(ds.dataset(folder))
        # The first steps wait for memory; a few that others held up do not count.
        of_cpu, by_clock = np.median(np.diff(marks[10:], axis=0), axis=0).tolist()
        rows = 2048 * together.n
        return {"value": rows / of_cpu, "rate": rows / by_clock, "steps": int(steps)}


def in_memory(codes, data_dir):
    """A fit to diabetes130 in memory; "value" is the seconds of completing it."""
    frame = diabetes130(codes, data_dir)
    imputer, found = fit(frame)
    start = time.process_time()
    imputer.transform(frame)
    return {**found, "rows": len(frame), "value": time.process_time() - start}


def diabetes130(codes, data_dir):
    """A real table, its diagnoses as chapters or (``codes`` "all") as they are."""
    if codes == "all":
        data.DIAGNOSES = []
    return data.load("diabetes130", data_dir)


def fit_file(path):
    """A fit to a Parquet file."""
    return {**fit(ds.dataset(path))[1], "rows": pq.read_metadata(path).num_rows}


def same_model(n_rows):
    """Whether one file and a hundred give the same model: their sums of weights."""
    with tempfile.TemporaryDirectory() as folder:
        one, many = Path(folder) / "one" / "table.parquet", Path(folder) / "many"
        write(one, int(n_rows), made_up)
        cut(one, many, 100)
        first, second = (
            fit(ds.dataset(where), max_iter=60, donors=False)[1] for where in (one.parent, many)
        )
        same = first["model"] == second["model"]
        return {**second, "rows": n_rows, "value": float(same), "model": first["model"]}


def shape(which):
    """Tables whose shape is hard on memory; ten steps, since reading is what differs."""
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.parquet"
        if which == "levels":  # 100,000 of them in 2,000,000 rows
            names = np.array([f"name {k}" for k in range(100_000)])
            table = pa.table({"name": names[rng.integers(100_000, size=2_000_000)]})
            table = table.append_column("x", pa.array(rng.normal(size=2_000_000)))
            pq.write_table(table, path)
            del table, names
        elif which == "columns":  # 1,000 in 100,000 rows, 800 MB in memory
            schema = pa.schema([(f"x{j}", pa.float64()) for j in range(1000)])
            with pq.ParquetWriter(path, schema) as file:
                for _ in range(20):
                    values = rng.normal(size=(5_000, 1000))
                    file.write_table(pa.table(list(values.T), schema=schema))
        elif which == "one-row groups":
            pq.write_table(made_up(0, 3_000), path, row_group_size=1)
        else:  # 10,000,000 rows in one group
            x = rng.normal(size=10_000_000).round(2)
            pq.write_table(pa.table({"x": x, "y": x[::-1], "z": x}), path, row_group_size=10**7)
            del x
        return {
            **fit(ds.dataset(path), max_iter=10, donors=False)[1],
            "rows": pq.read_metadata(path).num_rows,
        }


def streamed_error(name, seed, data_dir):
    """Error of hidden cells after a streamed fit, over that after a fit in memory."""
    frame = data.load(name, data_dir)
    rng = np.random.default_rng(int(seed))
    hidden = hide_completely_at_random(frame, 0.2, rng)
    table = frame.mask(hidden)
    unit = frame.std(numeric_only=True)
    source.MOST_BLOCK_ROWS = 1024  # as a table of many blocks
    batches = pa.Table.from_pandas(table, preserve_index=False).to_batches
    errors = []
    for X in (batches, table):
        imputer = MissDiffImputer(random_state=int(seed)).fit(X)
        errors.append(mean_error(imputer.transform(table), frame, hidden, unit))
    return {"rows": len(frame), "value": errors[0] / errors[1]}


def sample_error(n_rows, seed):
    """Error of hidden cells of other rows after a fit to a sample of some rows."""
    n_rows, seed = int(n_rows), int(seed)
    scan.MOST_SAMPLE_ROWS = scan.FEWEST_SAMPLE_ROWS = n_rows
    _base.FEWEST_SAMPLE_ROWS = n_rows  # however many codes they have
    imputer, found = fit(
        lambda: (hard(first, 100_000) for first in range(0, SAMPLED, 100_000)), seed, donors=False
    )
    whole = hard(SAMPLED + seed, TESTED).to_pandas()
    hidden = (np.random.default_rng(seed).random(whole.shape) < 0.2) & whole.notna().to_numpy()
    completed = imputer.transform(whole.mask(hidden))
    unit = whole.std(numeric_only=True)
    return {**found, "rows": n_rows, "value": mean_error(completed, whole, hidden, unit)}


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


def fit_large(folder):
    """Fit a large file, and keep the model."""
    imputer, found = fit(ds.dataset(Path(folder) / "one"), donors=False)
    imputer.save(Path(folder) / "model.npz")
    return {**found, "value": found["reading"] / found["seconds"]}


def complete(folder, n_rows):
    """Rows a second of a file that is completed into another one, and in memory."""
    folder, n_rows = Path(folder), int(n_rows)
    imputer = MissDiffImputer.load(folder / "model.npz")
    path = folder / "one" / "table.parquet"
    few = pa.Table.from_batches([next(pq.ParquetFile(path).iter_batches(CALLED))])
    imputer.transform(few.slice(0, 1000))
    start = time.process_time()
    imputer.transform(few)
    in_memory = few.num_rows / (time.process_time() - start)
    del few
    read = ds.dataset(path)
    if n_rows < pq.read_metadata(path).num_rows:
        read = partial(first_rows, path, n_rows)
    return written(imputer.transform_batches(read), folder / "completed.parquet", in_memory)


def first_rows(path, n_rows):
    """The batches of a file up to some rows."""
    for batch in pq.ParquetFile(path).iter_batches(CALLED):
        yield batch.slice(0, min(n_rows, len(batch)))
        n_rows -= len(batch)
        if n_rows <= 0:
            return


def generate(folder, n_rows):
    """Rows a second of a file of generated rows, and in memory."""
    folder = Path(folder)
    sampler = MissDiffImputer.load(folder / "model.npz").to_sampler()
    sampler.sample(1000)
    start = time.process_time()
    sampler.sample(CALLED // 5)
    in_memory = CALLED // 5 / (time.process_time() - start)
    reader = sampler.sample_batches(int(n_rows), as_arrow=True)
    return written(reader, folder / "generated.parquet", in_memory)


def written(reader, path, in_memory):
    """What writing batches to a file takes; "before" is the memory after ten seconds of it."""
    start, n_rows, early = time.process_time(), 0, 0.0
    with pq.ParquetWriter(path, reader.schema) as writer:
        for batch in reader:
            writer.write_batch(batch)
            n_rows += batch.num_rows
            if not early and time.process_time() - start > 10:
                early = peak_mib()
    seconds = time.process_time() - start
    path.unlink()
    rate = n_rows / seconds
    found = {"rows": n_rows, "seconds": seconds, "before_mib": early or peak_mib()}
    return {**found, "peak_mib": peak_mib(), "rate": rate, "value": rate / in_memory}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run")
    parser.add_argument("arguments", nargs="*")
    options = parser.parse_args()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = globals()[options.run](*options.arguments)
    if int(os.environ.get("RANK", "0")) == 0:
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
