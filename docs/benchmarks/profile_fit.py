"""Where the seconds of a fit go, and what share of the machine's arithmetic it reaches.

    python -m docs.benchmarks.profile_fit

Fits california by protocol D under a profiler, beside MissForest in the same run, and times
the matrix products of the network alone: the largest rate that they could have.
"""

import argparse
import cProfile
import csv
import pstats
import time
import warnings
from pathlib import Path

import torch
from sklearn.exceptions import ConvergenceWarning

from docs.benchmarks.data import DEFAULT_DIR, load
from docs.benchmarks.imputers import default, missforest
from docs.benchmarks.measures import imputation_errors
from docs.benchmarks.protocols import protocol_d
from docs.benchmarks.results import FOLDER, provenance

# Part of the fit: file and name of the function whose cumulative seconds it is.
PARTS = {
    "factor analysis": ("masked.py", "start_from_factors"),
    "masking of rows": ("batches.py", "next_batch"),
    "forward pass": ("denoiser.py", "output"),
    "loss": ("loss.py", "masked_loss"),
    "backward pass": ("_tensor.py", "backward"),
    "updates of the weights": ("optimiser.py", "step"),
}


def fitted(make, task, seed=0):
    """Seconds to fit, seconds to impute the test rows, and their errors."""
    imputer = make(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        start = time.perf_counter()
        imputer.fit(task.train)
        middle = time.perf_counter()
        completed = imputer.transform(task.test)
        end = time.perf_counter()
    errors = imputation_errors(task.truth, completed, task.hidden, task.unit, pooled=True)
    return imputer, middle - start, end - middle, errors


def seconds_by_part(task):
    """Seconds of each part of one fit, and of all of it."""
    profile = cProfile.Profile()
    imputer = default(0)
    profile.runcall(imputer.fit, task.train)
    stats = pstats.Stats(profile).stats
    total = max(entry[3] for entry in stats.values())
    # The longest of a name: `Optimiser.step` calls `Muon.step`.
    seconds = {
        part: max(
            entry[3]
            for (path, _, name), entry in stats.items()
            if (Path(path).name, name) == wanted
        )
        for part, wanted in PARTS.items()
    }
    seconds["rest"] = total - sum(seconds.values())
    return imputer, seconds, total


def products_per_step(denoiser, n_rows):
    """Floating point operations of the matrix products of one step: forward and twice backward."""
    weights = sum(p.numel() for p in denoiser.parameters() if p.ndim == 3)
    return 3 * 2 * weights * n_rows


def peak(size, n_rows, dtype, n_repeats=30):
    """Operations per second of products like those of a block."""
    a, b = torch.randn(n_rows, size).to(dtype), torch.randn(size, size).to(dtype)
    best = float("inf")
    for _ in range(n_repeats):
        start = time.perf_counter()
        a @ b
        best = min(best, time.perf_counter() - start)
    return 2 * n_rows * size * size / best


def main(arguments=None):
    read = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    read.add_argument("--data-dir", type=Path, default=DEFAULT_DIR)
    read.add_argument("--seeds", type=int, default=3)
    read.add_argument("--out", type=Path, default=FOLDER / "profile.csv")
    options = read.parse_args(arguments)
    frame = load("california", options.data_dir)
    tasks = [protocol_d(frame, seed, "california") for seed in range(options.seeds)]
    default(0).fit(tasks[0].train.head(300))  # what is loaded once is loaded now
    rows = []
    for seed, task in enumerate(tasks):
        for name, make in (("MissForest", missforest), ("skmissdiff", default)):
            imputer, fit, impute, errors = fitted(make, task, seed)
            rows += [(name, f"fit, seed {seed}", fit), (name, f"impute, seed {seed}", impute)]
            rows += [(name, f"rmse, seed {seed}", errors["rmse"])]
            if name == "skmissdiff":
                rows += [(name, f"rows per second, seed {seed}", len(task.test) / impute)]
    imputer, seconds, total = seconds_by_part(tasks[0])
    rows += [("profile, seconds", part, value) for part, value in seconds.items()]
    n_rows = 2048
    done = products_per_step(imputer.denoiser_, n_rows) * imputer.n_iter_
    spent = sum(seconds[part] for part in ("forward pass", "loss", "backward pass"))
    for dtype in (torch.float32, torch.bfloat16):
        rate = peak(imputer.denoiser_.config["hidden_size"], n_rows, dtype)
        rows += [("peak, GFLOP/s", str(dtype).removeprefix("torch."), rate / 1e9)]
    rows += [("reached, GFLOP/s", "forward and backward", done / spent / 1e9)]
    rows += [("reached, GFLOP/s", "whole fit", done / total / 1e9)]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    ran_on = provenance(0)
    ran_on.pop("budget")
    with options.out.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["what", "part", "value", *ran_on])
        for what, part, value in rows:
            print(f"{what:20} {part:28} {value:.4g}")
            writer.writerow([what, part, f"{value:.6g}", *ran_on.values()])


if __name__ == "__main__":
    main()
