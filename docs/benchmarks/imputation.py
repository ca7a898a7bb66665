"""Imputation side by side.

    python -m docs.benchmarks.imputation --protocol T --seeds 5

Results are appended to a CSV, one line a run; lines that are there are not run again.
"""

import argparse
import csv
import platform
import time
import warnings
from pathlib import Path

import sklearn
import torch
from sklearn.exceptions import ConvergenceWarning

import skmissdiff
from docs.benchmarks.data import DEFAULT_DIR, load
from docs.benchmarks.imputers import IMPUTERS
from docs.benchmarks.protocols import errors, protocol_d, protocol_t

PROTOCOLS = {
    "T": (protocol_t, ["breast", "wine", "concrete", "libras", "diabetes", "census"], False),
    "D": (protocol_d, ["california", "letter"], True),
}
FIELDS = [
    "protocol",
    "dataset",
    "method",
    "seed",
    "rmse",
    "mae",
    "error_rate",
    "fit_seconds",
    "impute_seconds",
    "rows",
    "skmissdiff",
    "sklearn",
    "torch",
    "machine",
]
RESULTS = Path(__file__).parent / "results"


def run(protocol, name, method, seed, data_dir, max_rows=None):
    """One line of the results."""
    make_task, _, pooled = PROTOCOLS[protocol]
    frame = load(name, data_dir)
    if max_rows is not None:
        frame = frame.sample(min(max_rows, len(frame)), random_state=seed, ignore_index=True)
    task = make_task(frame, seed, name)
    imputer = IMPUTERS[method](seed)
    with warnings.catch_warnings():
        # The settings of the peers are their documented ones, converged or not.
        warnings.simplefilter("ignore", ConvergenceWarning)
        start = time.perf_counter()
        imputer.fit(task.train)
        fitted = time.perf_counter()
        completed = imputer.transform(task.test)
        done = time.perf_counter()
    return {
        "protocol": protocol,
        "dataset": name,
        "method": method,
        "seed": seed,
        **{key: round(value, 6) for key, value in errors(task, completed, pooled).items()},
        "fit_seconds": round(fitted - start, 2),
        "impute_seconds": round(done - fitted, 2),
        "rows": len(task.train),
        "skmissdiff": skmissdiff.__version__,
        "sklearn": sklearn.__version__,
        "torch": torch.__version__,
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads",
    }


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--protocol", choices=PROTOCOLS, default="T")
    parser.add_argument("--datasets", nargs="+")
    parser.add_argument("--methods", nargs="+", choices=IMPUTERS, default=list(IMPUTERS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--max-rows", type=int, help="take a random part of larger tables")
    parser.add_argument("--data-dir", type=Path, default=DEFAULT_DIR)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args(arguments)
    out = options.out or RESULTS / f"imputation_{options.protocol}.csv"
    out.parent.mkdir(exist_ok=True)
    done = set()
    if out.exists():
        with out.open() as file:
            done = {tuple(row[key] for key in FIELDS[:4]) for row in csv.DictReader(file)}
    for name in options.datasets or PROTOCOLS[options.protocol][1]:
        for seed in range(options.seeds):
            for method in options.methods:
                if (options.protocol, name, method, str(seed)) in done:
                    continue
                row = run(options.protocol, name, method, seed, options.data_dir, options.max_rows)
                with out.open("a", newline="") as file:
                    writer = csv.DictWriter(file, FIELDS)
                    if file.tell() == 0:
                        writer.writeheader()
                    writer.writerow(row)
                print(
                    name,
                    seed,
                    f"{method:24}",
                    row["rmse"],
                    row["mae"],
                    row["error_rate"],
                    row["fit_seconds"],
                    row["impute_seconds"],
                    flush=True,
                )


if __name__ == "__main__":
    main()
