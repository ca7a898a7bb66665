"""Draws of missing cells against those of R's mice, in the tables that were fitted.

    python -m docs.benchmarks.draws --tables concrete breast wine --seeds 0 1 2 3 4

Complete rows of a table, at most ``--max-rows``, lose 30 % of their cells; every method fits the
holed table and completes it several times. Told are the energy distance of
single completed tables over the incomplete rows, the CRPS of 20 of them in standard deviations,
the error of the correlations of single tables, and how often intervals of the draws
hold the truth, of columns of more than 20 values. Needs R with mice, rpart, ranger and Amelia for
their rows, and the environment of peers/build.sh for those of miceforest and UnmaskingTrees.
Runs that are there are not made again, so that the work may be cut off anywhere.
"""

import argparse
import resource
import subprocess
import tempfile
import time
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from docs.benchmarks.data import DEFAULT_DIR, load, subsample, without_gaps
from docs.benchmarks.imputers import DEFAULT
from docs.benchmarks.limits import NotRun
from docs.benchmarks.measures import hide
from docs.benchmarks.pinned import PinnedPeer
from docs.benchmarks.results import Results, provenance
from skmissdiff import MissDiffImputer, metrics

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results" / "draws.csv"
DATASETS = ["concrete", "breast", "wine", "diabetes", "titanic", "census", "california", "letter"]
MAX_ROWS = {"census": 1200}  # chained trees take minutes for each draw of its many levels
MISSING_RATE = 0.3
N_SINGLE = 3  # tables whose energy distance and correlations are averaged
N_JUDGED = 20  # tables whose CRPS is taken; intervals take all that there are
FEWEST_VALUES = 20  # of a column whose intervals are looked at: draws of others tie with the truth
LEVELS = (0.5, 0.95)
KEY = ["dataset", "mechanism", "rows", "seed", "method", "n_draws"]
MEASURES = ["energy", "crps", "correlations", "inside_50", "inside_95", "seconds"]


def of_skmissdiff(holed, n_draws, seed, **params):
    """Completed tables of one fit, and its seconds of CPU."""
    start = time.process_time()
    imputer = MissDiffImputer(random_state=seed, **params).fit(holed)
    tables = imputer.multiple_impute(holed, n_draws)
    return tables, time.process_time() - start


def of_networks(holed, n_draws, seed):
    return of_skmissdiff(holed, n_draws, seed, donors=False)


def of_r(method):
    """Completed tables by a method of mice, or by Amelia, in R."""

    def complete(holed, n_draws, seed):
        start = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        with tempfile.TemporaryDirectory() as folder:
            path, prefix = f"{folder}/holed.csv", f"{folder}/"
            holed.to_csv(path, index=False, na_rep="NA")
            script = ["Rscript", str(FOLDER / "draws.R"), path, prefix, str(n_draws), method]
            done = subprocess.run([*script, str(seed)], capture_output=True, text=True)
            if done.returncode:
                raise NotRun(f"failed: {' '.join(done.stderr.split())[-200:]}")
            files = [f"{prefix}{i + 1}.csv" for i in range(n_draws)]
            tables = [like(holed, pd.read_csv(file, dtype=str)) for file in files]
        return tables, resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - start

    return complete


def of_peer(name):
    """Completed tables of a peer of peers/build.sh; its seconds are of the clock."""

    def complete(holed, n_draws, seed):
        peer = PinnedPeer(name, seed)
        try:
            peer.fit(holed)
            tables = [table[holed.columns] for table in peer.draws(n_draws)]
        finally:
            peer.close()
        tables = [holed.fillna(table.astype(holed.dtypes)) for table in tables]
        return tables, peer.fit_seconds_ + peer.draw_seconds_

    return complete


def like(holed, table):
    """What R has written, with the dtypes of the table; cells that it left empty get a mean."""
    completed = table.set_axis(holed.columns, axis=1)
    for name, column in holed.items():
        if column.dtype.kind == "f":
            numbers = pd.to_numeric(completed[name], errors="coerce")
            completed[name] = numbers.fillna(column.mean())
        else:
            completed[name] = completed[name].fillna(column.mode()[0]).astype(column.dtype)
    return completed


METHODS = {
    DEFAULT: of_skmissdiff,
    f"{DEFAULT}, networks alone": of_networks,
    **{f"mice {method}": of_r(method) for method in ("cart", "rf", "pmm")},
    "Amelia": of_r("amelia"),
    **{name: of_peer(name) for name in ("miceforest", "UnmaskingTrees")},
}


def correlation_error(true, table):
    """Root mean square error of the correlations of the numbers."""
    numbers = [name for name in true.select_dtypes("number") if true[name].std() > 0]
    if len(numbers) < 2:
        return np.nan
    error = (table[numbers].corr() - true[numbers].corr()).to_numpy()
    return float(np.sqrt(np.nanmean(error[np.triu_indices(len(numbers), 1)] ** 2)))


def figures(true, holed, hidden, tables):
    """What a line of the results has of the completed tables."""
    scale = holed.select_dtypes("number").std().to_dict()
    many = [name for name in scale if holed[name].nunique() > FEWEST_VALUES]
    judged = hidden & true.columns.isin(many)
    row = {
        "energy": np.mean(
            [
                metrics.imputation_energy_distance(true, table, hidden, random_state=0)
                for table in tables[:N_SINGLE]
            ]
        ),
        "crps": metrics.imputation_crps(true, tables[:N_JUDGED], hidden, scale=scale),
        "correlations": np.mean([correlation_error(true, table) for table in tables[:N_SINGLE]]),
    }
    for level in LEVELS:
        if judged.any() and len(tables) >= round(2 / (1 - level)) - 1:
            inside = metrics.interval_coverage(true, tables, judged, level=level)
            row[f"inside_{round(100 * level)}"] = inside
    return {name: f"{value:.5g}" for name, value in row.items()}


def run(true, mechanism, seed, method, n_draws):
    """What a line of the results has."""
    hidden = hide(true, mechanism, MISSING_RATE, seed)
    holed = true.mask(hidden)
    try:
        tables, seconds = METHODS[method](holed, n_draws, seed)
    except NotRun as reason:
        return {"status": reason}
    return {"status": "ok", **figures(true, holed, hidden, tables), "seconds": f"{seconds:.1f}"}


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", nargs="+", default=DATASETS)
    parser.add_argument("--mechanisms", nargs="+", default=["mcar", "mar"])
    parser.add_argument("--seeds", nargs="+", type=int, default=range(5))
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--n-draws", type=int, default=40)
    parser.add_argument("--max-rows", type=int, default=2500)
    parser.add_argument("--data-dir", type=Path, default=DEFAULT_DIR)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args(argv)
    results = Results(options.out, KEY, MEASURES)
    for name in options.tables:
        table = without_gaps(load(name, options.data_dir))
        most = min(options.max_rows, MAX_ROWS.get(name, options.max_rows))
        for mechanism, seed in product(options.mechanisms, options.seeds):
            true = subsample(table, name, most, seed).reset_index(drop=True)
            for method in options.methods:
                key = {"dataset": name, "mechanism": mechanism, "rows": len(true)}
                key |= {"seed": seed, "method": method, "n_draws": options.n_draws}
                if results.finished(key) is None:
                    found = run(true, mechanism, seed, method, options.n_draws)
                    results.add({**key, **found, **provenance(0)})
                    print(*key.values(), *found.values(), flush=True)


if __name__ == "__main__":
    main()
