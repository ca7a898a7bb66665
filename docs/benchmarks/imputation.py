"""Imputation side by side.

    python -m docs.benchmarks.imputation --protocol T

Every run is a process of its own, ended at the budget. Results are appended to a CSV, one line
a run; runs that are there are not made again, so that the command can be interrupted.
"""

import time

from docs.benchmarks.command import chosen, out_path, parser, run_table
from docs.benchmarks.data import load, subsample
from docs.benchmarks.imputers import DEFAULT, IMPUTERS
from docs.benchmarks.limits import PeakMemory, run_limited
from docs.benchmarks.measures import imputation_errors
from docs.benchmarks.protocols import protocol_d, protocol_s, protocol_t, protocol_t_complete

PAPER = ["breast", "wine", "concrete", "diabetes", "libras", "census"]
MIXED = ["titanic", "boys", "airquality", "nhanes2", "horse_colic", "kidney"]
# Protocol: how a table is spoiled, the tables, the mechanisms, whether errors are pooled.
PROTOCOLS = {
    "T": (protocol_t, PAPER, ["MCAR"], False),
    "T-complete": (protocol_t_complete, PAPER, ["MCAR"], False),
    "S": (protocol_s, MIXED, ["MCAR"], False),
    "D": (protocol_d, ["california", "letter"], ["MCAR", "MAR", "MNAR"], True),
}
KEY = ["protocol", "mechanism", "dataset", "rows", "seed", "method"]
ERRORS = ["rmse", "mae", "error_rate", "energy_distance"]
MEASURES = [
    *ERRORS,
    "train_status",
    *(f"train_{name}" for name in ERRORS),
    "fit_seconds",
    "impute_seconds",
    "peak_mib",
]
QUICK = {"T": ["breast"], "S": ["titanic"], "T-complete": ["breast"], "D": ["california"]}
QUICK_METHODS = ["mean / mode", "MICE (linear)", "MissForest", "boosting per column", DEFAULT]


def fit_and_impute(make, seed, task, in_sample):
    """One run: seconds, memory and completed tables, in parts."""
    imputer = make(seed)
    memory = PeakMemory().start()
    start = time.perf_counter()
    imputer.fit(task.train)
    fitted = time.perf_counter()
    # A peer in another process has measured its seconds there.
    yield {"fit_seconds": getattr(imputer, "fit_seconds_", fitted - start)}
    fitted = time.perf_counter()
    completed = imputer.transform(task.test)
    seconds = time.perf_counter() - fitted
    elsewhere = hasattr(imputer, "transform_seconds_")
    yield {
        "test": completed,
        "impute_seconds": getattr(imputer, "transform_seconds_", seconds),
        **({} if elsewhere else {"peak_mib": memory.stop()}),
    }
    if in_sample:
        yield {"train": imputer.transform(task.train)}


def measure(task, parts, pooled):
    """The row of a run from what it yielded."""
    row = {name: value for name, value in parts.items() if name not in ("test", "train")}
    sides = {
        "": ("test", task.truth, task.hidden),
        "train_": ("train", task.train_truth, task.train_hidden),
    }
    for prefix, (part, truth, hidden) in sides.items():
        if part in parts:
            errors = imputation_errors(truth, parts[part], hidden, task.unit, pooled)
            row |= {f"{prefix}{name}": value for name, value in errors.items()}
    return row


def main(arguments=None):
    read = parser(__doc__.split("\n")[0])
    read.add_argument("--protocol", choices=PROTOCOLS, default="T")
    read.add_argument("--datasets", nargs="+", metavar="NAME")
    read.add_argument("--mechanisms", nargs="+", choices=["MCAR", "MAR", "MNAR"])
    options = read.parse_args(arguments)
    if options.quick:
        options.datasets = options.datasets or QUICK[options.protocol]
        options.methods = options.methods or QUICK_METHODS
        options.mechanisms = options.mechanisms or ["MCAR"]
        options.seeds, options.budget = min(options.seeds, 1), min(options.budget, 60)
        options.max_rows = options.max_rows or 400
    make_task, datasets, mechanisms, pooled = PROTOCOLS[options.protocol]
    methods = chosen(options.methods, IMPUTERS)
    tables = {name: load(name, options.data_dir) for name in options.datasets or datasets}

    def rows_of(name, seed):
        return subsample(tables[name], name, options.max_rows, seed)

    jobs = [
        {
            "protocol": options.protocol,
            "mechanism": mechanism,
            "dataset": name,
            "rows": len(rows_of(name, 0)),
            "seed": seed,
            "method": method,
        }
        for name in tables
        for mechanism in options.mechanisms or mechanisms
        for seed in range(options.seeds)
        for method in methods
    ]

    def execute(job):
        frame = rows_of(job["dataset"], job["seed"])
        task = make_task(frame, job["seed"], job["dataset"], job["mechanism"])
        in_sample = options.protocol == "D"
        status, parts = run_limited(
            fit_and_impute,
            (IMPUTERS[job["method"]], job["seed"], task, in_sample),
            options.budget,
            options.peers_python,
        )
        row = {"status": status, **measure(task, parts, pooled)}
        if in_sample and "test" in parts:
            # Only the training rows were left, or all is done.
            row |= {"status": "ok", "train_status": status}
        return row

    path = out_path(options, f"imputation_{options.protocol}")
    return run_table(path, KEY, MEASURES, jobs, execute, options)


if __name__ == "__main__":
    main()
