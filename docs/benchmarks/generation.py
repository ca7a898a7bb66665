"""Generated rows side by side.

    python -m docs.benchmarks.generation
    python -m docs.benchmarks.generation --complete

Train on rows with holes (or, with --complete, without), generate as many, and compare them
with as many real rows that no method has seen. Runs and results are as in the imputation
benchmark.
"""

import time

import numpy as np

from docs.benchmarks.command import chosen, out_path, parser, run_table
from docs.benchmarks.data import TARGETS, load, without_gaps
from docs.benchmarks.generators import CEILING, COMPLETE, DEFAULT, GENERATORS, INCOMPLETE
from docs.benchmarks.limits import PeakMemory, run_limited
from docs.benchmarks.measures import GENERATION, LEARNERS, generation_figures, hide

KEY = ["missingness", "rate", "dataset", "rows", "seed", "method"]
MEASURES = [
    *GENERATION,
    *(f"{score}_{learner}" for score in ("auc", "rmse") for learner in LEARNERS),
    "fit_seconds",
    "sample_seconds",
    "peak_mib",
]
N_ROWS = 6000


def split_rows(frame, n_rows, seed):
    """Training rows and as many others, at most half of the table each."""
    order = np.random.default_rng(seed).permutation(len(frame))
    n_rows = n_train(frame, n_rows)
    parts = order[:n_rows], order[n_rows : 2 * n_rows]
    return [frame.iloc[part].reset_index(drop=True) for part in parts]


def n_train(frame, n_rows):
    most = len(frame) // 2
    return min(n_rows, most) if n_rows else most


def fit_and_sample(make, seed, train, n_samples):
    """One run: seconds, memory and generated rows, in parts."""
    generator = make(seed)
    memory = PeakMemory().start()
    start = time.perf_counter()
    generator.fit(train)
    seconds = time.perf_counter() - start
    # A peer in another process has measured its seconds there.
    yield {"fit_seconds": getattr(generator, "fit_seconds_", seconds)}
    start = time.perf_counter()
    rows = generator.sample(n_samples)
    seconds = time.perf_counter() - start
    elsewhere = hasattr(generator, "sample_seconds_")
    yield {
        "rows": rows,
        "sample_seconds": getattr(generator, "sample_seconds_", seconds),
        **({} if elsewhere else {"peak_mib": memory.stop()}),
    }


def main(arguments=None):
    read = parser(__doc__.split("\n")[0])
    read.add_argument("--complete", action="store_true", help="train on rows without holes")
    read.add_argument("--datasets", nargs="+", metavar="NAME")
    read.add_argument("--missingness", nargs="+", choices=["row", "column", "independent"])
    read.add_argument("--targets", nargs="+", metavar="COLUMN", help="what learners predict")
    read.add_argument("--rates", nargs="+", type=float)
    options = read.parse_args(arguments)
    if options.quick:  # small enough for three minutes
        options.datasets = options.datasets or ["census"]
        options.missingness = options.missingness or ["row"]
        options.rates = options.rates or [0.2]
        options.methods = options.methods or [CEILING, "Diff-mean", DEFAULT]
        options.seeds, options.budget = min(options.seeds, 1), min(options.budget, 60)
        options.max_rows = options.max_rows or 300
    if options.complete:
        names, methods, settings = ["california", "letter", "census"], COMPLETE, [("none", 0.0)]
    else:
        names, methods = ["census", "diabetes130"], INCOMPLETE
        settings = [
            (missingness, rate)
            for missingness in options.missingness or ["row", "column", "independent"]
            for rate in options.rates or [0.2, 0.5]
        ]
    methods = chosen(options.methods or methods, GENERATORS)
    n_rows = N_ROWS if options.max_rows is None else options.max_rows
    tables = {
        name: without_gaps(load(name, options.data_dir)) for name in options.datasets or names
    }
    targets = {name: options.targets or TARGETS.get(name) for name in tables}
    if None in targets.values():
        raise SystemExit(f"name the columns to predict with --targets: {targets}")
    jobs = [
        {
            "missingness": missingness,
            "rate": rate,
            "dataset": name,
            "rows": n_train(tables[name], n_rows),
            "seed": seed,
            "method": method,
        }
        for name in tables
        for missingness, rate in settings
        for seed in range(options.seeds)
        for method in methods
    ]

    def execute(job):
        train, holdout = split_rows(tables[job["dataset"]], n_rows, job["seed"])
        if job["method"] == CEILING:
            status, parts = "ok", {"rows": train}
        else:
            spoiled = train
            if not options.complete:
                hidden = hide(train, job["missingness"], job["rate"], job["seed"])
                spoiled = train.mask(hidden)
            status, parts = run_limited(
                fit_and_sample,
                (GENERATORS[job["method"]], job["seed"], spoiled, len(train)),
                options.budget,
                options.peers_python,
            )
        row = {name: value for name, value in parts.items() if name != "rows"}
        if "rows" in parts:
            row |= generation_figures(
                train, holdout, parts["rows"], targets[job["dataset"]], job["seed"]
            )
        return {"status": status, **row}

    path = out_path(options, "generation_complete" if options.complete else "generation")
    return run_table(path, KEY, MEASURES, jobs, execute, options)


if __name__ == "__main__":
    main()
