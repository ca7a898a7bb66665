"""Do intervals cover? Repeats of a study with gaps, completed and pooled in several ways.

    python -m docs.benchmarks.inference --case gaussian-mar --repeats 200
    python -m docs.benchmarks.inference --case curved-mar --method none bootstrap mice-cart
    python -m docs.benchmarks.inference --table

Each repeat draws a table from a known distribution, hides cells, completes it 20 times and pools
the analyses by Rubin's rules. Runs are appended to results/inference.csv and not made again, so
that the work may be cut off anywhere; --seconds ends it. The rows named mice call R.

``between`` is (1 + 1/M) B over the variance of pooled estimates around those from complete data: 1
where imputations are proper. ``implied`` is the coverage of an interval of the mean width around a
normal estimate of the bias and the variance found; ``covered`` is counted.
"""

import argparse
import subprocess
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from docs.benchmarks.inference_cases import CASES, OURS
from docs.benchmarks.results import Results, provenance
from docs.benchmarks.tables import list_table
from skmissdiff import MissDiffImputer
from skmissdiff.inference import pool_estimates

FOLDER = Path(__file__).parent
N_IMPUTATIONS = 20
FITTED = {}  # the imputer of the repeat that is being made
MICE = ("mice-norm", "mice-cart", "mice-rf")


def fitted(table, seed, donors):
    """The imputer of a repeat, made once for all of its ways, and the seconds of its fit."""
    key = seed, donors, int(pd.util.hash_pandas_object(table).sum())
    if key not in FITTED:
        FITTED.clear()
        started = time.process_time()
        imputer = MissDiffImputer(donors=donors, random_state=seed).fit(table)
        FITTED[key] = imputer, time.process_time() - started
    return FITTED[key]


def ours(table, seed, proper, donors):
    """Completed by MissDiffImputer."""
    imputer, _ = fitted(table, seed, donors)
    return imputer.multiple_impute(table, N_IMPUTATIONS, proper=proper)


def iterative(table, seed):
    """scikit-learn's IterativeImputer with draws, one fit for each table; categories one-hot."""
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401
    from sklearn.impute import IterativeImputer

    codes, decode = one_hot(table)
    return [
        decode(
            IterativeImputer(sample_posterior=True, random_state=seed + 1000 * m).fit_transform(
                codes
            )
        )
        for m in range(N_IMPUTATIONS)
    ]


def chain(table, seed, n_iter=10):
    """Chained normal regressions with drawn parameters, as "norm" of mice (Rubin 1987)."""
    X = table.to_numpy()
    missing = np.isnan(X)
    rng = np.random.default_rng(seed)
    tables = []
    for _ in range(N_IMPUTATIONS):
        filled = X.copy()
        for j in range(X.shape[1]):
            filled[missing[:, j], j] = rng.choice(X[~missing[:, j], j], missing[:, j].sum())
        for _ in range(n_iter):
            for j in np.flatnonzero(missing.any(axis=0)):
                seen = ~missing[:, j]
                design = np.column_stack([np.ones(len(X)), np.delete(filled, j, axis=1)])
                A, b = design[seen], filled[seen, j]
                inverse = np.linalg.inv(A.T @ A)
                beta = inverse @ A.T @ b
                freedom = len(b) - A.shape[1]
                sigma = np.sqrt(((b - A @ beta) ** 2).sum() / rng.chisquare(freedom))
                drawn = beta + sigma * np.linalg.cholesky(inverse) @ rng.normal(size=len(beta))
                noise = sigma * rng.normal(size=(~seen).sum())
                filled[~seen, j] = design[~seen] @ drawn + noise
        tables.append(pd.DataFrame(filled, columns=table.columns))
    return tables


def mice(table, seed, method):
    """Completed by R's mice, 5 iterations."""
    with tempfile.TemporaryDirectory() as folder:
        table.to_csv(f"{folder}/in.csv", index=False)
        script = FOLDER / "inference_mice.R"
        call = ["Rscript", script, folder, method, str(N_IMPUTATIONS), str(seed)]
        subprocess.run(call, check=True, capture_output=True)
        long = pd.read_csv(f"{folder}/out.csv", dtype={c: table[c].dtype for c in table})
    return [part[table.columns] for _, part in long.groupby(".imp")]


def one_hot(table):
    """Numbers for a table, NaN where unknown, and the way back."""
    groups = table.select_dtypes("category").columns
    codes = pd.get_dummies(table, columns=groups, dtype=float)
    for group in groups:
        names = [c for c in codes if c.startswith(f"{group}_")]
        codes.loc[table[group].isna(), names] = np.nan

    def decode(values):
        values = pd.DataFrame(values, columns=codes.columns)
        out = {}
        for name in table:
            if name in groups:
                levels = table[name].cat.categories
                chosen = values[[f"{name}_{level}" for level in levels]].to_numpy().argmax(axis=1)
                out[name] = pd.Categorical.from_codes(chosen, dtype=table[name].dtype)
            else:
                out[name] = values[name]
        return pd.DataFrame(out)

    return codes, decode


METHODS = {
    **{name: partial(ours, proper=way, donors=donors) for name, (way, donors) in OURS.items()},
    "iterative": iterative,
    "chain": chain,
    **{name: partial(mice, method=name.removeprefix("mice-")) for name in MICE},
}
NAMES = {
    "none": "MissDiff, one fit",
    "bootstrap": 'MissDiff, proper="bootstrap"',
    "refit": 'MissDiff, proper="refit"',
    "none-alone": "MissDiff, one fit, donors=False",
    "bootstrap-alone": 'MissDiff, proper="bootstrap", donors=False',
    "iterative": "scikit-learn's posterior imputer",
    "chain": "Bayesian chained regressions",
    "mice-norm": "mice, norm",
    "mice-cart": "mice, cart",
    "mice-rf": "mice, rf",
}


def run(case, method, repeat):
    """One repeat: what complete data give, and what is pooled."""
    complete, holed = case.make(np.random.default_rng([repeat, 1]))
    truth, variance = case.analyse(complete)
    if method in OURS:
        _, donors = OURS[method]
        fitted(holed, repeat, donors)  # before the clock: it is made once for all ways
    started = time.process_time()
    tables = METHODS[method](holed, repeat)
    seconds = time.process_time() - started
    if method in OURS:
        seconds += fitted(holed, repeat, donors)[1]
    estimates, variances = zip(*(case.analyse(t) for t in tables), strict=True)
    pooled = pool_estimates(estimates, variances, dfcom=case.dfcom)
    found = {"complete": truth, "variance": variance, "estimate": pooled.estimate}
    found |= {"ubar": pooled.ubar, "b": pooled.b}
    return {name: words(values) for name, values in found.items()} | {"seconds": seconds}


def words(values):
    return " ".join(f"{value:.5g}" for value in values)


def measures(case, runs):
    """Figures of each estimand over the repeats of a method."""
    q, u, b, complete, variance = (
        np.array([[float(v) for v in run[name].split()] for run in runs])
        for name in ("estimate", "ubar", "b", "complete", "variance")
    )
    between = (1 + 1 / N_IMPUTATIONS) * b
    total = u + between
    share = between / total
    observed = (case.dfcom + 1) / (case.dfcom + 3) * case.dfcom * (1 - share)
    df = 1 / (share**2 / (N_IMPUTATIONS - 1) + 1 / observed)
    half = stats.t.ppf(0.975, df) * np.sqrt(total)
    off = q - complete
    bias, sd = off.mean(axis=0), np.sqrt(variance.mean(axis=0) + off.var(axis=0, ddof=1))
    width = half.mean(axis=0)
    implied = stats.norm.cdf((width - bias) / sd) - stats.norm.cdf((-width - bias) / sd)
    return pd.DataFrame(
        {
            "bias": bias,
            "bias_share": bias / np.where(case.truth == 0, np.nan, case.truth),
            "between": between.mean(axis=0) / off.var(axis=0, ddof=1),
            "implied": 100 * implied,
            "covered": 100 * (np.abs(q - case.truth) <= half).mean(axis=0),
            "width": 2 * width,
        },
        index=case.names,
    )


def write_tables(results):
    """The tables of the page, from the runs that there are."""
    for name, case in CASES.items():
        rows = []
        for method in METHODS:
            runs = [r for r in results.rows.values() if (r["case"], r["method"]) == (name, method)]
            if len(runs) < 5:
                continue
            found = measures(case, runs)
            seconds = np.mean([float(r["seconds"]) for r in runs])
            timed = "" if method.startswith("mice") else f"{seconds:.1f}"
            rows.append(
                [
                    NAMES[method],
                    str(len(runs)),
                    f"{found.between.mean():.2f} ({found.between.min():.2f} to "
                    f"{found.between.max():.2f})",
                    *case.cells(found),
                    timed,
                ]
            )
        header = ["completed by", "repeats", "between ratio", *case.header, "seconds"]
        text = list_table(header, rows)
        (FOLDER / "tables" / f"inference_{name}.inc").write_text(text, encoding="utf-8")
        print(name, *rows, sep="\n")


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", nargs="+", choices=list(CASES), default=list(CASES))
    parser.add_argument("--method", nargs="+", choices=list(METHODS), default=list(METHODS))
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=np.inf, help="end after these")
    parser.add_argument("--table", action="store_true", help="only write the tables")
    parser.add_argument("--out", type=Path, default=FOLDER / "results" / "inference.csv")
    options = parser.parse_args(arguments)
    fields = ["estimate", "ubar", "b", "complete", "variance", "seconds"]
    results = Results(options.out, ["case", "method", "repeat"], fields)
    started = time.monotonic()
    for repeat in range(0 if options.table else options.repeats):
        for name in options.case:
            for method in options.method:
                key = {"case": name, "method": method, "repeat": repeat}
                if results.finished(key) is not None or method not in CASES[name].methods:
                    continue
                if time.monotonic() - started > options.seconds:
                    return
                found = run(CASES[name], method, repeat)
                results.add({**key, "status": "ok", **found, **provenance(0)})
    write_tables(results)


if __name__ == "__main__":
    main()
