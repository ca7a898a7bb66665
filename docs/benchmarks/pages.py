"""Tables for the documentation from the stored results.

    python -m docs.benchmarks.pages

Writes one reStructuredText file per table to docs/benchmarks/tables.
"""

from pathlib import Path

import pandas as pd

FOLDER = Path(__file__).parent
MEASURES = {"rmse": "RMSE", "mae": "MAE", "error_rate": "error rate"}


def list_table(header, rows):
    """A reStructuredText table."""
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in [header, *rows]:
        lines += [f"   {'*' if i == 0 else ' '} - {cell}" for i, cell in enumerate(row)]
    return "\n".join(lines) + "\n"


def mean_and_sd(values):
    """Such as ".0477 (.0012)"; the sd is left out of a single run."""
    values = values.dropna()
    if values.empty:
        return "-"
    digits = 4 if values.mean() < 0.2 else 3
    text = f"{values.mean():.{digits}f}"
    return f"{text} ({values.std():.{digits}f})" if len(values) > 1 else text


def imputation_table(results, measure):
    """Methods against tables; the best mean of each table in bold."""
    results = results[results[measure].notna()]
    groups = results.groupby(["method", "dataset"], sort=False)[measure]
    cells = groups.apply(mean_and_sd).unstack("dataset")
    means = groups.mean().unstack("dataset")
    for dataset in cells:
        best = means[dataset].idxmin()
        cells.loc[best, dataset] = f"**{cells.loc[best, dataset]}**"
    order = means.mean(axis=1, skipna=True).index
    seeds = results.groupby("dataset", sort=False)["seed"].nunique()
    header = [MEASURES[measure], *(f"{name}, {seeds[name]} seeds" for name in cells)]
    rows = [[name, *cells.loc[name].fillna("-")] for name in order]
    return list_table(header, rows)


def mixture_table(results, measure):
    """Methods against mechanisms."""
    groups = results.groupby(["method", "mechanism"], sort=False)[measure]
    cells = groups.apply(mean_and_sd).unstack("mechanism")
    rows = [[name, *cells.loc[name].fillna("-")] for name in cells.index]
    return list_table([measure.replace("_", " "), *cells], rows)


def main():
    out = FOLDER / "tables"
    out.mkdir(exist_ok=True)
    for path in sorted((FOLDER / "results").glob("imputation_*.csv")):
        results = pd.read_csv(path)
        for measure in MEASURES:
            if results[measure].notna().any():
                table = imputation_table(results, measure)
                (out / f"{path.stem}_{measure}.inc").write_text(table)
    mixture = FOLDER / "results" / "mixture.csv"
    if mixture.exists():
        for measure in ("sliced_wasserstein", "mean_error"):
            table = mixture_table(pd.read_csv(mixture), measure)
            (out / f"mixture_{measure}.inc").write_text(table)


if __name__ == "__main__":
    main()
