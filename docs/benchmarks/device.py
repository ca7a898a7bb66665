"""Rows a second of training, best guesses, draws and generation, on the CPU and on another device.

    python -m docs.benchmarks.device --device cuda

Four made-up tables have the shapes of california, census, diabetes130 and of the large table of
`docs.benchmarks.streaming`; with ``--data-dir`` the first three are the real ones. Each is fitted
on either device for some steps, with one factor analysis for both, then used. ``share`` is the
part of the seconds in which the device is asked; the rest is reading, masking and writing on the
CPU. Two minutes on 16 cores and a GPU. Lines that are stored are not measured again.
"""

import argparse
import math
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from docs.benchmarks.data import load
from docs.benchmarks.results import FOLDER, Results, provenance
from docs.benchmarks.streaming_tables import made_up
from skmissdiff import MissDiffImputer
from skmissdiff._diffusion import batches, masked
from skmissdiff._diffusion.inference import Model

KEY = ["table", "source", "device", "what"]
MEASURES = ["rows", "columns", "codes", "seconds", "rows_per_second", "share", "hardware"]
OPERATIONS = ["factor analysis", "training", "best guesses", "draws", "generation"]
# Numbers and the levels of each category, as the real tables have them; the made-up one of
# `streaming` has a maker of its own.
DIABETES = [5, 3, 10, 9, 8, 26, 17, 17, 72, 9, 9, 9, 4, 4, *[4, 4, 4, 4, 4, 2, 4, 4, 2], 4, 4, 4]
DIABETES += [4, 2, 3, 4, 4, 2, 2, 2, 2, 2, 2, 3]
SHAPES = {
    "california": (9, []),
    "census": (6, [8, 16, 7, 14, 6, 5, 2, 41, 2]),
    "diabetes130": (8, DIABETES),
    "20 columns": None,
}
N_ROWS = 20_000
N_FACTOR_ROWS = 3_000  # the factor analysis is of the CPU, and here the same for both devices
N_USED = {"best guesses": 20_000, "draws": 4_000, "generation": 4_000}
N_STEPS, N_WARM = 110, 10  # the first ones wait for memory and kernels


def table(name, data_dir, n_rows):
    """A table of floats and text with missing cells, and where it is from."""
    if data_dir is not None and name != "20 columns":
        frame = load(name, data_dir)
        frame = frame.sample(min(n_rows, len(frame)), random_state=0, ignore_index=True)
        rng = np.random.default_rng(0)
        return frame.mask(rng.random(frame.shape) < 0.1), "real"
    if SHAPES[name] is None:
        return made_up(0, n_rows).to_pandas(), "made up"
    return shaped(*SHAPES[name], n_rows), "made up"


def shaped(n_numbers, n_levels, n_rows):
    """Numbers and categories of four common causes, a tenth of the cells missing."""
    rng = np.random.default_rng(0)
    cause = rng.normal(size=(n_rows, 4))
    columns = {}
    for j in range(n_numbers):
        a, b = rng.normal(size=(2, 4))
        value = cause @ a + np.sin(2 * cause @ b) + 0.3 * rng.normal(size=n_rows)
        columns[f"n{j}"] = value.round(3)
    for j, n in enumerate(n_levels):
        rare = -2 * np.log(1 + np.arange(n))
        scores = cause @ rng.normal(size=(4, n)) + rare + rng.gumbel(size=(n_rows, n))
        columns[f"c{j}"] = np.array([f"level {k}" for k in range(n)])[scores.argmax(1)]
    frame = pd.DataFrame(columns)
    return frame.mask(rng.random(frame.shape) < 0.1)


def wait(device):
    """Until all that a device was asked for is done."""
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)


class Watch:
    """Seconds of some functions, while they are replaced by ones that are watched."""

    def __init__(self, device):
        self.device, self.seconds = device, {}

    @contextmanager
    def on(self, *functions):
        """Watch the functions of these (object, name)."""
        before = [(owner, name, getattr(owner, name)) for owner, name in functions]
        for owner, name, function in before:
            setattr(owner, name, self._watched(name, function))
        try:
            yield
        finally:
            for owner, name, function in before:
                setattr(owner, name, function)

    def _watched(self, label, function):
        def watched(*args, **kwargs):
            wait(self.device)
            start = time.perf_counter()
            value = function(*args, **kwargs)
            wait(self.device)
            self.seconds[label] = self.seconds.get(label, 0.0) + time.perf_counter() - start
            return value

        return watched


def fitted(frame, device, n_steps, factors):
    """An imputer, and per operation rows, seconds and the share of the device.

    ``factors`` keeps the factor analysis, which is of the CPU, for the next device.
    """
    found, marks, watch = {}, [], Watch(device)
    loop, factor_analysis = masked.fit_loop, masked.fit_factors

    def kept_factors(rows, *args):
        if not factors:
            some = rows.at(torch.arange(min(len(rows.x), N_FACTOR_ROWS)))
            start = time.perf_counter()
            factors.append(factor_analysis(some, *args))
            seconds = time.perf_counter() - start
            found["factor analysis"] = (len(some.x), seconds, 1.0)
        return factors[0]

    def watched_loop(denoiser, next_batch, *args, **kwargs):
        def marked_batch():
            if len(marks) in (N_WARM, n_steps - 1):
                wait(device)
            if len(marks) == N_WARM:
                watch.seconds.clear()
            marks.append(time.perf_counter())
            batch = next_batch()
            marked_batch.n_rows = math.prod(batch.features.shape[:2])
            return batch

        value = loop(denoiser, marked_batch, *args, **kwargs)
        seconds, n_timed = marks[-1] - marks[N_WARM], len(marks) - 1 - N_WARM
        masking = min(1.0, watch.seconds.get("refill", 0.0) / seconds)
        found["training"] = (n_timed * marked_batch.n_rows, seconds, 1 - masking)
        return value

    masked.fit_loop, masked.fit_factors = watched_loop, kept_factors
    imputer = MissDiffImputer(max_iter=n_steps, early_stopping=False, device=device, random_state=0)
    try:
        with watch.on((batches.RowSource, "refill")):
            imputer.fit(frame)
    finally:
        masked.fit_loop, masked.fit_factors = loop, factor_analysis
    return imputer, found


def used(imputer, frame, device, n_used):
    """Rows, seconds and the share of the device of what a fitted imputer is for."""
    sampler = imputer.to_sampler()
    gaps = frame[frame.isna().any(axis=1)]
    calls = {
        "best guesses": lambda n: imputer.transform(gaps.head(n)),
        "draws": lambda n: imputer.multiple_impute(gaps.head(n), 1),
        "generation": sampler.sample,
    }
    for what, call in calls.items():
        n_rows = n_used[what] if what == "generation" else min(n_used[what], len(gaps))
        call(512)  # memory and kernels
        watch = Watch(device)
        with watch.on((Model, "estimate"), (Model, "draw"), (Model, "generate")):
            start = time.perf_counter()
            call(n_rows)
            seconds = time.perf_counter() - start
        yield what, (n_rows, seconds, sum(watch.seconds.values()) / seconds)


def hardware(device):
    """The name of a graphics card; that of the processor is told beside."""
    return torch.cuda.get_device_name(device) if torch.device(device).type == "cuda" else ""


def measure(name, devices, options, results):
    """Store what is not stored yet of a table."""
    frame, source = table(name, options.data_dir, options.rows)
    factors = []
    for device in devices:
        key = {"table": name, "source": source, "device": device}
        missing = [w for w in OPERATIONS[1:] if not results.finished({**key, "what": w})]
        if not missing:
            continue
        imputer, found = fitted(frame, device, options.steps, factors)
        n_used = {what: min(n, options.rows) for what, n in N_USED.items()}
        found.update(used(imputer, frame, device, n_used))
        shape = {"columns": frame.shape[1], "codes": imputer.encoder_.layout_.n_codes}
        for what, (n_rows, seconds, share) in found.items():
            own = "cpu" if what == "factor analysis" else device
            line = {**key, **shape, "what": what, "device": own, "status": "ok", "rows": n_rows}
            line |= {"seconds": seconds, "rows_per_second": n_rows / seconds, "share": share}
            line |= {"hardware": hardware(own), **provenance(options.budget)}
            results.add({**line, "threads": torch.get_num_threads()})
            print(
                f"{name:12} {own:5} {what:16} {n_rows / seconds:10.0f} rows/s, "
                f"device {share:4.0%}, {seconds:6.2f} s",
                flush=True,
            )


def main(arguments=None):
    read = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    read.add_argument("--device", default="cpu", help='beside the CPU, such as "cuda"')
    read.add_argument("--tables", nargs="+", choices=list(SHAPES), default=list(SHAPES))
    read.add_argument("--data-dir", type=Path, help="folder of the real tables (default: made up)")
    read.add_argument("--rows", type=int, default=N_ROWS, help="of each table")
    read.add_argument("--steps", type=int, default=N_STEPS, help="of training")
    read.add_argument("--out", type=Path, default=FOLDER / "device.csv")
    options = read.parse_args(arguments)
    options.budget = 600
    results = Results(options.out, KEY, MEASURES)
    for name in options.tables:
        measure(name, dict.fromkeys([options.device, "cpu"]), options, results)


if __name__ == "__main__":
    main()
