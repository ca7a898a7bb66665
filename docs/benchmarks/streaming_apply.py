"""What it costs to complete and to generate a large Parquet file, batch by batch.

``python -m docs.benchmarks.streaming_apply --rows 10000000`` makes a mixed table of 20 columns in a
Parquet file, fits a model to some of its rows, and completes the file and generates another one,
each in a process of its own with one thread, whose CPU seconds and peak memory it prints. The rate
in memory is that of ``transform`` on a table of 50,000 rows.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

BLOCK = 100_000
IN_MEMORY = 50_000
FITTED = 20_000


def make_block(n_rows, seed):
    """A mixed table of 20 columns from a few factors, a tenth of the cells missing."""
    import pyarrow as pa

    rng = np.random.default_rng(seed)
    weights = np.random.default_rng(1).normal(size=(4, 20))
    z = rng.normal(size=(n_rows, 4)) @ weights + 0.5 * rng.normal(size=(n_rows, 20))
    colours = np.array(["red", "green", "blue", "white", "black", "grey"])
    cities = np.array([f"city{number:02}" for number in range(30)])
    values = {f"x{j}": z[:, j] for j in range(12)}
    values |= {f"n{j}": np.floor(np.exp(z[:, j] / 2)).astype(np.int64) for j in (12, 13)}
    values["price"] = np.round(10 * z[:, 14], 2)
    values["colour"] = colours[np.digitize(z[:, 15], [-2, -1, 0, 1, 2])]
    values["city"] = cities[np.clip((5 * z[:, 16] + 15).astype(int), 0, 29)]
    values["flag"] = z[:, 17] > 0
    values["size"] = np.array(["S", "M", "L"])[np.digitize(z[:, 18], [-1, 1])]
    days = (100 * z[:, 19] + 500).astype("timedelta64[D]")
    values["day"] = np.datetime64("2020-01-01") + days
    return pa.table({n: pa.array(v, mask=rng.random(n_rows) < 0.1) for n, v in values.items()})


def prepare(folder, n_rows, max_iter):
    """Write the file and the model."""
    import pyarrow.parquet as pq

    from skmissdiff import MissDiffImputer

    first = make_block(min(BLOCK, n_rows), 0)
    with pq.ParquetWriter(folder / "in.parquet", first.schema) as writer:
        for seed, start in enumerate(range(0, n_rows, BLOCK)):
            writer.write_table(make_block(min(BLOCK, n_rows - start), seed))
    imputer = MissDiffImputer(max_iter=max_iter, random_state=0)
    imputer.fit(first.slice(0, FITTED)).save(folder / "model.npz")


def in_memory(folder, n_rows, draw):
    import pyarrow.parquet as pq

    from skmissdiff import MissDiffImputer

    table = next(pq.ParquetFile(folder / "in.parquet").iter_batches(IN_MEMORY))
    import pyarrow as pa

    table = pa.Table.from_batches([table])
    imputer = MissDiffImputer.load(folder / "model.npz").set_params(sample_posterior=draw)
    start = time.process_time()
    imputer.transform(table)
    return table.num_rows, time.process_time() - start


def impute(folder, n_rows, draw):
    import pyarrow.dataset as ds
    import pyarrow.parquet as pq

    from skmissdiff import MissDiffImputer

    imputer = MissDiffImputer.load(folder / "model.npz").set_params(sample_posterior=draw)
    start = time.process_time()
    reader = imputer.transform_batches(ds.dataset(folder / "in.parquet"))
    with pq.ParquetWriter(folder / "out.parquet", reader.schema) as writer:
        for batch in reader:
            writer.write_batch(batch)
    return n_rows, time.process_time() - start


def sample(folder, n_rows, draw):
    import pyarrow.parquet as pq

    from skmissdiff import MissDiffImputer

    sampler = MissDiffImputer.load(folder / "model.npz").to_sampler()
    start = time.process_time()
    reader = sampler.sample_batches(n_rows, 50_000, as_arrow=True)
    with pq.ParquetWriter(folder / "rows.parquet", reader.schema) as writer:
        for batch in reader:
            writer.write_batch(batch)
    return n_rows, time.process_time() - start


TASKS = {"in_memory": in_memory, "impute": impute, "sample": sample}


def measure(folder, task, n_rows, draw):
    """Rows, CPU seconds and peak MiB of a task in a process of its own."""
    command = [sys.executable, "-m", "docs.benchmarks.streaming_apply", "--task", task]
    command += ["--folder", str(folder), "--rows", str(n_rows)] + ["--draw"] * draw
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=one_thread())
    return json.loads(done.stdout)


def one_thread():
    return os.environ | {"OMP_NUM_THREADS": "1", "ARROW_NUM_THREADS": "1"}


def peak_mib():
    """Peak memory of this program; `getrusage` has that of the process it was started from, too."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--sampled", type=int, help="rows to generate, by default as many")
    parser.add_argument("--max-iter", type=int, help="of the training of the model")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--task", choices=list(TASKS))
    parser.add_argument("--draw", action="store_true")
    args = parser.parse_args()
    if args.task:
        n_rows, seconds = TASKS[args.task](args.folder, args.rows, args.draw)
        print(json.dumps({"rows": n_rows, "seconds": seconds, "mib": peak_mib()}))
        return
    folder = args.folder or Path(tempfile.mkdtemp())
    prepare(folder, args.rows, args.max_iter)
    print(f"{(folder / 'in.parquet').stat().st_size / 2**20:.0f} MiB in {args.rows} rows")
    for task, n_rows, draw in [
        ("in_memory", args.rows, False),
        ("impute", args.rows, False),
        ("in_memory", args.rows, True),
        ("sample", args.sampled or args.rows, False),
    ]:
        found = measure(folder, task, n_rows, draw)
        rate = found["rows"] / found["seconds"]
        print(
            f"{task}{' (draws)' * draw}: {found['rows']} rows, {found['seconds']:.1f} s of CPU, "
            f"{rate:.0f} rows/s, peak {found['mib']:.0f} MiB",
            flush=True,
        )


if __name__ == "__main__":
    main()
