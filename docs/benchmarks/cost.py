"""Seconds and memory against rows and columns.

    python -m docs.benchmarks.cost

Tables of correlated numbers with 20 % of the cells missing: more and more rows of 20 columns,
then more and more columns of 1,000 rows. Fit, point estimate, one draw, and as many generated
rows; every method and size is a process of its own, ended at the budget. TVAE, which wants complete
rows, gets means in the gaps; it needs the environment of peers/build.sh.
"""

import time

import numpy as np
import pandas as pd

from docs.benchmarks.command import chosen, out_path, parser, run_table
from docs.benchmarks.generators import default as sampler
from docs.benchmarks.generators import tvae
from docs.benchmarks.imputers import (
    DEFAULT,
    boosting_per_column,
    default,
    mice,
    missdiff,
    missforest,
)
from docs.benchmarks.limits import PeakMemory, run_limited
from docs.benchmarks.pinned import PinnedPeer
from skmissdiff import MissDiffImputer, MissDiffSampler

METHODS = {
    "MICE (linear)": mice,
    "MissForest": missforest,
    "boosting per column": boosting_per_column,
    "TVAE": tvae,
    "skmissdiff, missdiff": missdiff,
    "skmissdiff, sampler": sampler,
    DEFAULT: default,
}
OPERATIONS = ["fit", "mean", "draw", "generate"]
KEY = ["along", "rows", "columns", "seed", "method"]
MEASURES = [
    *(f"{operation}_seconds" for operation in OPERATIONS),
    *(f"{operation}_mib" for operation in OPERATIONS),
]
ROWS = [1_000, 10_000, 100_000, 1_000_000]
COLUMNS = [5, 20, 100, 500]
N_COLUMNS, N_ROWS = 20, 1_000
QUICK = {"rows": [200, 400], "columns": [5, 10]}


def table(n_rows, n_columns, seed):
    """Numbers with three common factors, a fifth of them missing."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 3)) @ rng.normal(size=(3, n_columns))
    X += rng.normal(size=X.shape)
    X[rng.random(X.shape) < 0.2] = np.nan
    return pd.DataFrame(X, columns=[f"x{j}" for j in range(n_columns)])


def measured(operation, call):
    """Seconds and memory of one call, and what it returned."""
    memory = PeakMemory().start()
    start = time.perf_counter()
    result = call()
    seconds = time.perf_counter() - start
    return {f"{operation}_seconds": seconds, f"{operation}_mib": memory.stop()}, result


def run(method, n_rows, n_columns, seed):
    """The operations one after the other; what other methods cannot do is left out."""
    X = table(n_rows, n_columns, seed)
    model = METHODS[method](seed)
    if isinstance(model, PinnedPeer):  # of a process of its own, whose memory is not seen
        model.fit(X.fillna(X.mean()))
        yield {"fit_seconds": model.fit_seconds_}
        model.sample(n_rows)
        yield {"generate_seconds": model.sample_seconds_}
        return
    yield measured("fit", lambda: model.fit(X))[0]
    if isinstance(model, MissDiffSampler):
        yield measured("generate", lambda: model.sample(n_rows))[0]
        return
    yield measured("mean", lambda: model.transform(X))[0]
    if isinstance(model, MissDiffImputer):
        # Whoever takes the mean of several draws does not here.
        drawing = model.set_params(sample_posterior=True, n_draws=MissDiffImputer().n_draws)
        yield measured("draw", lambda: drawing.transform(X))[0]


def main(arguments=None):
    read = parser(__doc__.split("\n")[0])
    read.add_argument("--rows", nargs="+", type=int, help=f"numbers of rows (default: {ROWS})")
    read.add_argument("--columns", nargs="+", type=int, help=f"of columns (default: {COLUMNS})")
    read.set_defaults(seeds=1)
    options = read.parse_args(arguments)
    if options.quick:
        options.rows = options.rows or QUICK["rows"]
        options.columns = options.columns or QUICK["columns"]
        options.methods = options.methods or ["MICE (linear)", "MissForest", DEFAULT]
        options.budget = min(options.budget, 40)
    methods = chosen(options.methods, METHODS)
    sizes = [("rows", n_rows, N_COLUMNS) for n_rows in options.rows or ROWS]
    sizes += [("columns", N_ROWS, n_columns) for n_columns in options.columns or COLUMNS]
    jobs = [
        {"along": along, "rows": n_rows, "columns": n_columns, "seed": seed, "method": method}
        for along, n_rows, n_columns in sizes
        for seed in range(options.seeds)
        for method in methods
    ]

    def execute(job):
        status, parts = run_limited(
            run,
            (job["method"], job["rows"], job["columns"], job["seed"]),
            options.budget,
            options.peers_python,
        )
        return {"status": status, **parts}

    return run_table(out_path(options, "cost"), KEY, MEASURES, jobs, execute, options)


if __name__ == "__main__":
    main()
