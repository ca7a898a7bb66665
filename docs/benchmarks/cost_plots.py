"""The table and the plots of seconds and memory."""

import pandas as pd

from docs.benchmarks.cost import OPERATIONS
from docs.benchmarks.tables import list_table, reason, slope

TITLES = {
    "fit": "Fit",
    "mean": "Point estimate of all rows",
    "draw": "One draw of all rows",
    "generate": "As many generated rows",
}


def write_cost(results, folder):
    """One plot an operation in ``folder``; the text with the slopes and the plots."""
    images = ""
    for operation, title in TITLES.items():
        name = f"cost_{operation}.png"
        plot(results, operation, folder / name)
        images += f"\n.. image:: {name}\n   :alt: {title}: seconds and memory against the size.\n"
    header = ["operation", "method"]
    header += ["slope of seconds, rows", "slope of MiB, rows"]
    header += ["slope of seconds, columns", "slope of MiB, columns", "ended"]
    rows = []
    for operation in OPERATIONS:
        for method, runs in results.groupby("method", sort=False):
            if runs[f"{operation}_seconds"].isna().all():
                continue
            row = [TITLES[operation], method]
            for along in ("rows", "columns"):
                part = runs[runs["along"].eq(along)]
                for unit in ("seconds", "mib"):
                    value = slope(part[along], part[f"{operation}_{unit}"])
                    row.append("-" if pd.isna(value) else f"{value:.2f}")
            row.append(ended(runs))
            rows.append(row)
    return list_table(header, rows) + images


def ended(runs):
    """The smallest sizes at which the method did not come to its end, and why."""
    said = []
    for along in ("rows", "columns"):
        part = runs[runs["along"].eq(along) & runs["status"].ne("ok")]
        if len(part):
            first = part.sort_values(along).head(1)
            size = f"{first[along].iloc[0]:,} {along}"
            said.append(f"{size}: {reason(first)}")
    return "; ".join(said) or "-"


def plot(results, operation, path):
    """Seconds and memory against rows and columns on logarithmic axes."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 2, figsize=(8, 6), layout="constrained")
    for i, (unit, label) in enumerate((("seconds", "seconds"), ("mib", "MiB above the start"))):
        for j, along in enumerate(("rows", "columns")):
            axis = axes[i, j]
            for method, runs in results.groupby("method", sort=False):
                name = f"{operation}_{unit}"
                part = runs[runs["along"].eq(along) & runs[name].gt(0)].sort_values(along)
                if len(part):
                    mean = part.groupby(along)[name].mean()
                    axis.plot(mean.index, mean, marker="o", markersize=4, label=method)
            other = "20 columns" if along == "rows" else "1,000 rows"
            axis.set(xscale="log", yscale="log", ylabel=label, xlabel=f"{along} ({other})")
            axis.grid(alpha=0.3)
    handles, names = axes[0, 0].get_legend_handles_labels()
    if handles:
        figure.legend(handles, names, loc="outside lower center", ncols=4)
    figure.suptitle(TITLES[operation])
    figure.savefig(path, dpi=110)
    plt.close(figure)
