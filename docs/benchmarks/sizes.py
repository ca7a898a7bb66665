"""One table at many sizes: errors have to fall with the rows, and nothing may jump.

    python -m docs.benchmarks.sizes

Three tables: one that is made up (two correlated normals, a lognormal that depends on one of
them, and a sum with a square and a product), and california and letter cut to the same numbers of
training rows. 30 % of the cells are hidden; errors are those of other rows, in standard deviations.
"""

import numpy as np
import pandas as pd

from docs.benchmarks.command import chosen, out_path, parser, run_table
from docs.benchmarks.data import load
from docs.benchmarks.imputation import ERRORS, fit_and_impute, measure
from docs.benchmarks.imputers import DEFAULT, IMPUTERS
from docs.benchmarks.limits import run_limited
from docs.benchmarks.protocols import hide_completely_at_random, split

SIZES = [500, 1000, 1950, 2050, 3000, 5000, 10_000]
TEST_ROWS = 4000
METHODS = ["factor analysis alone", "MissForest", "boosting per column", DEFAULT]
KEY = ["dataset", "rows", "seed", "method"]
MEASURES = [*ERRORS, "fit_seconds", "impute_seconds", "peak_mib"]


def made_up(n_rows, rng):
    """x1, x2 normal with correlation .4, x3 = exp(.5 x2 + .6 e), y = x1^2 + x1 x2 + .5 x3 + e."""
    x1, x2 = rng.multivariate_normal([0, 0], [[1, 0.4], [0.4, 1]], n_rows).T
    x3 = np.exp(0.5 * x2 + 0.6 * rng.standard_normal(n_rows))
    y = x1**2 + x1 * x2 + 0.5 * x3 + rng.standard_normal(n_rows)
    return pd.DataFrame({"x1": x1, "x2": x2, "x3": x3, "y": y})


def task(name, n_rows, seed, data_dir):
    """``n_rows`` training rows of a table and other ones, 30 % of their cells hidden."""
    rng = np.random.default_rng(seed)
    if name == "made up":
        frame = made_up(n_rows + TEST_ROWS, rng)
    else:
        frame = load(name, data_dir).sample(n_rows + TEST_ROWS, random_state=seed)
    frame = frame.reset_index(drop=True)
    hidden = hide_completely_at_random(frame, 0.3, rng)
    share = n_rows / len(frame)
    return split(frame, hidden, share + 1e-9, rng, lambda numbers: numbers.std(ddof=0))


def main(arguments=None):
    read = parser(__doc__.split("\n")[0])
    read.add_argument("--datasets", nargs="+", default=["made up", "california", "letter"])
    read.add_argument("--sizes", nargs="+", type=int, default=SIZES)
    options = read.parse_args(arguments)
    if options.quick:
        options.datasets, options.sizes, options.seeds = ["made up"], [500], 1
    jobs = [
        {"dataset": name, "rows": n_rows, "seed": seed, "method": method}
        for name in options.datasets
        for n_rows in options.sizes
        for seed in range(options.seeds)
        for method in chosen(options.methods or METHODS, IMPUTERS)
    ]

    def execute(job):
        hard = task(job["dataset"], job["rows"], job["seed"], options.data_dir)
        status, parts = run_limited(
            fit_and_impute,
            (IMPUTERS[job["method"]], job["seed"], hard, False),
            options.budget,
            options.peers_python,
        )
        return {"status": status, **measure(hard, parts, pooled=False)}

    return run_table(out_path(options, "sizes"), KEY, MEASURES, jobs, execute, options)


if __name__ == "__main__":
    main()
