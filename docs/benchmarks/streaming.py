"""Tables that are never whole in memory: seconds, memory and errors, against goals.

    python -m docs.benchmarks.streaming --folder /tmp/large

Each line is a process of its own, with one thread; seconds are those of the CPU. Lines that are
stored are not run again, ``--lines`` takes some of them, by the starts of their names. The large
table is made in ``--folder`` and stays there: 1.5 GB for ten million rows.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from docs.benchmarks.data import DEFAULT_DIR
from docs.benchmarks.results import FOLDER, Results, provenance
from docs.benchmarks.streaming_runs import diabetes130
from docs.benchmarks.streaming_tables import cut, made_up, write

KEY = ["what"]
MEASURES = [
    *("rows", "codes", "steps", "seconds", "wall_seconds", "reading", "training"),
    *("before_mib", "peak_mib", "rate", "value", "model"),
]
SAMPLE_SIZES = [25_000, 100_000, 250_000, 500_000, 1_000_000]
SAMPLE_SEEDS = range(2)
PROCESSES = "rows of training a second"


def lines(options):
    """The name of each line, and the run and its arguments."""
    folder, data = str(options.folder), str(options.data_dir)
    return {
        "diabetes130, in memory": ("in_memory", "chapters", data),
        "diabetes130, from Parquet": ("fit_file",),
        "diabetes130, all diagnoses, in memory": ("in_memory", "all", data),
        "one file and 100": ("same_model", "1000000"),
        "error, california": ("streamed_error", "california", "0", data),
        "error, letter": ("streamed_error", "letter", "0", data),
        "100,000 levels": ("shape", "levels"),
        "1,000 columns": ("shape", "columns"),
        "row groups of one row": ("shape", "one-row groups"),
        "one group of 10 million rows": ("shape", "one group"),
        f"{PROCESSES}, 1 process": ("training_rate", 1),
        f"{PROCESSES}, 2 processes": ("training_rate", 2),
        "large file: fit": ("fit_large", folder),
        "large file: complete": ("complete", folder, str(options.completed or options.rows)),
        "large file: generate": ("generate", folder, str(options.generated or options.rows)),
        **{
            f"sample of {size:,}, seed {seed}": ("sample_error", str(size), str(seed))
            for seed in SAMPLE_SEEDS
            for size in SAMPLE_SIZES
        },
    }


def run(name, *arguments, launcher=()):
    """The figures of a run in a process of its own."""
    command = [sys.executable, *launcher, "-m", "docs.benchmarks.streaming_runs", name, *arguments]
    environment = {"OMP_NUM_THREADS": "1", "ARROW_NUM_THREADS": "1", **os.environ}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.stderr.write(done.stderr)
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        return {"status": f"failed: {said[-1][:200]}"}
    return {"status": "ok", **json.loads(done.stdout.splitlines()[-1])}


def run_processes(n):
    """One process of one thread, or more, on a table in eight files."""
    launcher = ["-m", "torch.distributed.run", f"--nproc-per-node={n}"]
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / "one.parquet", 20_000, made_up)
        cut(Path(folder) / "one.parquet", Path(folder) / "parts", 8)
        arguments = "training_rate", f"{folder}/parts", "60"
        return {"rows": 2048 * n, **run(*arguments, launcher=launcher)}


def measured(what, task, options):
    """The figures of a line."""
    if what.startswith(PROCESSES):
        return run_processes(task[1])
    if task[0] == "fit_file":
        frame = diabetes130("chapters", options.data_dir)
        with tempfile.TemporaryDirectory() as folder:
            frame.to_parquet(Path(folder) / "table.parquet", index=False)
            return run("fit_file", f"{folder}/table.parquet")
    if what.startswith("large file"):
        path = options.folder / "one" / "table.parquet"
        if not path.exists():
            write(path, options.rows)
        found = run(*task)
        return {"rows": options.rows, **found}
    return run(*task)


def main(arguments=None):
    read = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    read.add_argument("--lines", nargs="+", metavar="START", help="those whose names begin so")
    read.add_argument("--folder", type=Path, default=Path("streaming-data"))
    read.add_argument("--rows", type=int, default=10_000_000, help="of the large file")
    read.add_argument("--completed", type=int, help="rows of it that are completed (default: all)")
    read.add_argument("--generated", type=int, help="rows that are generated (default: as many)")
    read.add_argument("--data-dir", type=Path, default=DEFAULT_DIR)
    read.add_argument("--out", type=Path, default=FOLDER / "streaming.csv")
    options = read.parse_args(arguments)
    results = Results(options.out, KEY, MEASURES)
    for what, task in lines(options).items():
        wanted = options.lines is None or what.startswith(tuple(options.lines))
        if not wanted or results.finished({"what": what}):
            continue
        found = measured(what, task, options)
        results.add({"what": what, **found, **provenance(0)})
        shown = {key: value for key, value in found.items() if key != "model"}
        print(f"{what}: {json.dumps(shown)}", flush=True)


if __name__ == "__main__":
    main()
