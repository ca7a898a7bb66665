"""Whether it is as fast as it should be: CPU seconds beside their goals.

    python -m docs.benchmarks.speed
    python -m docs.benchmarks.speed --quick

Every line of the table is a process of its own. It counts CPU seconds, not those of the clock, so
that other work on the machine matters little; set OMP_NUM_THREADS=1 to have them of one thread.

The quick version tells in ten seconds whether a change made something slower. A few operations are
counted in units of a reference, products and elementwise work of the kind that they are made of,
and compared with the ratios that --store has kept.
"""

import argparse
import contextlib
import csv
import io
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import torch

from docs.benchmarks.data import DEFAULT_DIR, load
from docs.benchmarks.imputers import ice_boosting
from docs.benchmarks.limits import PeakMemory, run_limited
from docs.benchmarks.protocols import protocol_d, protocol_t
from docs.benchmarks.results import FOLDER, Results, provenance
from docs.benchmarks.speed_more import (
    beside_missforest,
    memory_of_fit,
    share_of_peak,
    threads_beside_jobs,
)
from skmissdiff import MissDiffImputer, MissDiffSampler

STORED = FOLDER / "speed_quick.csv"
SLOWER = 1.4  # times the stored ratio: what is more than the noise of ten seconds


def cpu_seconds(call):
    """CPU seconds of this process for one call."""
    start = time.process_time()
    call()
    return time.process_time() - start


def child_seconds(*command):
    """Seconds of another process, the fastest of three."""
    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        best = min(best, time.perf_counter() - start)
    return best


def warmed_up():
    """What is loaded once is loaded now."""
    X = np.random.default_rng(0).normal(size=(60, 3))
    X[::3, 1] = np.nan
    MissDiffImputer(max_iter=3).fit(X).transform(X)


# --- The full table: every function yields what it measured.


def fit_beside_boosting(data_dir, name):
    """CPU seconds of a fit in those of ICE + boosting, in one process."""
    train = protocol_t(load(name, data_dir), 0, name).train
    warmed_up()
    own = cpu_seconds(lambda: MissDiffImputer(random_state=0).fit(train))
    peer = cpu_seconds(lambda: ice_boosting(0).fit(train))
    yield {"value": own / peer, "seconds": own}


def tiny_fit(data_dir, estimator):
    """A table of 20 rows and 3 columns."""
    X = np.random.default_rng(0).normal(size=(20, 3))
    X[::3, 1] = np.nan
    warmed_up()
    yield {"value": cpu_seconds(lambda: estimator(random_state=0).fit(X))}


def checks(data_dir, estimator):
    """scikit-learn's checks of an estimator as it comes."""
    from sklearn.utils.estimator_checks import check_estimator

    yield {"value": cpu_seconds(lambda: check_estimator(estimator()))}


def draws(data_dir, name, what="row", n_draws=20):
    """Milliseconds of a drawn row, several draws of each incomplete row, or seconds before them.

    The first draw of a fit grows the trees that all others ask.
    """
    task = protocol_t(load(name, data_dir), 0, name)
    imputer = MissDiffImputer(random_state=0).fit(task.train)
    before = cpu_seconds(lambda: imputer.multiple_impute(task.test.head(20), 1))
    if what == "before":
        yield {"value": before}
        return
    seconds = cpu_seconds(lambda: imputer.multiple_impute(task.test, n_draws))
    n_rows = n_draws * task.test.isna().any(axis=1).sum()
    yield {"value": 1000 * seconds / n_rows}


def generation(data_dir, name, max_rows, n_samples):
    """CPU seconds of a sampler's fit, and of rows that it generates."""
    frame = load(name, data_dir)
    train = protocol_t(frame.head(max_rows) if max_rows else frame, 0, name).train
    sampler = MissDiffSampler(random_state=0)
    yield {"seconds": cpu_seconds(lambda: sampler.fit(train))}
    yield {"value": cpu_seconds(lambda: sampler.sample(n_samples))}


def sampler_fit(data_dir, name):
    train = protocol_t(load(name, data_dir), 0, name).train
    warmed_up()
    yield {"value": cpu_seconds(lambda: MissDiffSampler(random_state=0).fit(train))}


def large_table(data_dir, what):
    """diabetes130 as it is: its fit, the memory of the fit, a drawn row of a thousand."""
    frame = load("diabetes130", data_dir)
    warmed_up()
    memory = PeakMemory().start()
    imputer = MissDiffImputer(random_state=0)
    seconds = cpu_seconds(lambda: imputer.fit(frame))
    gib = memory.stop() / 1024
    if what == "draw":
        sampler = imputer.to_sampler()
        yield {"value": cpu_seconds(lambda: sampler.sample(1000)), "seconds": seconds}  # ms a row
    else:
        yield {"value": seconds if what == "fit" else gib, "seconds": seconds}


def start_of(data_dir, *arguments):
    """Wall seconds of a fresh interpreter."""
    yield {"value": child_seconds(sys.executable, *arguments)}


# What is measured: function, its arguments, the goal and its unit.
SMALL = ["breast", "wine", "concrete", "libras", "diabetes"]
LINES = {
    **{
        f"fit, {name} / ICE + boosting": (fit_beside_boosting, (name,), 1.0, "ratio")
        for name in SMALL
    },
    "imputer's fit, 20 x 3": (tiny_fit, (MissDiffImputer,), 0.5, "s"),
    "sampler's fit, 20 x 3": (tiny_fit, (MissDiffSampler,), 0.5, "s"),
    "check_estimator, imputer": (checks, (MissDiffImputer,), 60.0, "s"),
    "check_estimator, sampler": (checks, (MissDiffSampler,), 60.0, "s"),
    "a drawn row, concrete": (draws, ("concrete",), 0.1, "ms"),
    "before the first of them": (draws, ("concrete", "before"), 2.0, "s"),
    "sampler's fit, concrete": (sampler_fit, ("concrete",), 8.0, "s"),
    "3,000 generated rows, census": (generation, ("census", 3750, 3000), 0.6, "s"),
    "fit, diabetes130": (large_table, ("fit",), 120.0, "s"),
    "memory of that fit": (large_table, ("memory",), 1.0, "GiB"),
    "a generated row of diabetes130": (large_table, ("draw",), 0.7, "ms"),
    "fit, california / MissForest": (beside_missforest, ("california",), 0.35, "ratio"),
    "default threads beside busy jobs / one": (threads_beside_jobs, ("concrete",), 1.3, "ratio"),
    "a fit beyond 3 tables, california": (memory_of_fit, ("california",), 150.0, "MiB"),
    # Of these two the goal is the least.
    "share of the peak, concrete": (
        share_of_peak,
        (protocol_t, "concrete"),
        0.35,
        "ratio",
    ),
    "share of the peak, california": (
        share_of_peak,
        (protocol_d, "california"),
        0.35,
        "ratio",
    ),
    "import of the imputer": (start_of, ("-c", "from skmissdiff import MissDiffImputer"), 1.5, "s"),
    "skmissdiff --help": (start_of, ("-m", "skmissdiff", "--help"), 0.3, "s"),
}


def full(options):
    """Run the lines that are not in the results yet."""
    results = Results(options.out, ["what"], ["value", "unit", "goal", "seconds"])
    for what in options.lines or LINES:
        function, arguments, goal, unit = LINES[what]
        if results.finished({"what": what}):
            continue
        status, parts = run_limited(function, (options.data_dir, *arguments), options.budget)
        line = {"what": what, "status": status, "unit": unit, "goal": goal, **parts}
        results.add({**line, **provenance(options.budget)})
        print(f"{what:34} {parts.get('value', float('nan')):8.3g} {unit:6} goal {goal:g}  {status}")


# --- The quick version.


def reference():
    """Products and elementwise work, in NumPy and torch, of about as long as an operation below."""
    a, b = torch.ones(512, 128), torch.ones(128, 128)
    for _ in range(60):
        torch.nn.functional.silu(a @ b)
    x = np.ones((400, 400))
    for _ in range(20):
        np.exp(x @ x * 1e-6)


def operations():
    """Name and function of what is timed, on a made-up table of numbers and categories."""
    import pandas as pd

    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 6)) @ rng.normal(size=(6, 6))
    frame = pd.DataFrame(X, columns=list("abcdef"))
    frame["kind"] = pd.Categorical.from_codes((X[:, 0] > 0).astype(int), ["low", "high"])
    frame = frame.mask(rng.random(frame.shape) < 0.2)
    imputer = MissDiffImputer(max_iter=40, donors=False, random_state=0).fit(frame)
    sampler = imputer.to_sampler()
    return {
        "fit, 40 steps": lambda: MissDiffImputer(max_iter=40, random_state=0).fit(frame),
        "fit, no step": lambda: MissDiffImputer(max_iter=0, random_state=0).fit(frame),
        "best guesses": lambda: imputer.transform(frame),
        "draws": lambda: imputer.multiple_impute(frame, 2),
        "generation": lambda: sampler.sample(1000),
        "scores": lambda: sampler.score_samples(frame.head(100)),
    }


def quick_ratios(n_times=3):
    """CPU seconds of each operation in those of the reference beside it, the least of some."""
    ratios = {}
    reference()
    for name, call in operations().items():
        call()
        ratios[name] = min(
            cpu_seconds(call) / ((cpu_seconds(reference) + cpu_seconds(reference)) / 2)
            for _ in range(n_times)
        )
    return ratios


def quick(store):
    """Compare with the stored ratios; the number of operations that have become slower."""
    ratios = quick_ratios()
    if store:
        with STORED.open("w", newline="") as file:
            csv.writer(file).writerows([("operation", "ratio"), *ratios.items()])
        return 0
    with STORED.open(newline="") as file:
        stored = {row["operation"]: float(row["ratio"]) for row in csv.DictReader(file)}
    n_slower = 0
    for name, ratio in ratios.items():
        change = ratio / stored[name]
        n_slower += change > SLOWER
        print(f"{name:16} {change:5.2f} of what is stored{'  SLOWER' if change > SLOWER else ''}")
    return n_slower


def main(arguments=None):
    read = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    read.add_argument("--data-dir", type=Path, default=DEFAULT_DIR)
    read.add_argument("--lines", nargs="+", choices=list(LINES), metavar="LINE")
    read.add_argument("--budget", type=float, default=600, help="seconds of a line, at most")
    read.add_argument("--out", type=Path, default=FOLDER / "speed.csv")
    read.add_argument("--quick", action="store_true", help="ten seconds, against stored ratios")
    read.add_argument("--store", action="store_true", help="with --quick: keep the ratios")
    options = read.parse_args(arguments)
    if not options.quick:
        full(options)
        return
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        n_slower = quick(options.store)
    if n_slower:
        raise SystemExit(f"{n_slower} operations have become slower.")


if __name__ == "__main__":
    main()
