"""The table and the plots of seconds and memory."""

import pandas as pd

from docs.benchmarks.cost import OPERATIONS
from docs.benchmarks.imputers import DEFAULT
from docs.benchmarks.style import OURS, PEERS, pyplot, save
from docs.benchmarks.tables import list_table, machines, reason, slope

UNITS = {
    "seconds": "Seconds of each operation, against the size of the table",
    "mib": "Memory of each operation above that at its start, against the size of the table",
}
TITLES = {
    "fit": "Fit",
    "mean": "Point estimate of all rows",
    "draw": "One draw of all rows",
    "generate": "As many generated rows",
}


LINES = {
    "MICE (linear)": "--",
    "boosting per column": "-.",
    "TVAE": ":",
    "skmissdiff, missdiff": ":",
    "skmissdiff, sampler": "--",
}


def write_cost(results, folder):
    """The plots of seconds and of memory in ``folder``; the text with them and the slopes."""
    results = results[results["machine"].eq(machines(results)[0])]
    images = ""
    for unit, title in UNITS.items():
        plot(results, unit, title, folder / f"cost_{unit}.png")
        images += f".. image:: cost_{unit}.png\n   :alt: {title}\n   :class: picture\n\n"
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
    return images + list_table(header, rows)


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


def plot(results, unit, title, path):
    """A column an operation, against rows and against columns, on logarithmic axes."""
    methods = list(dict.fromkeys(results["method"]))
    with pyplot() as plt:
        figure, axes = plt.subplots(2, 4, figsize=(11, 5.2), sharey=True, sharex="row")
        for i, along in enumerate(("rows", "columns")):
            for axis, operation in zip(axes[i], OPERATIONS, strict=True):
                name = f"{operation}_{unit}"
                part = results[results["along"].eq(along) & results[name].gt(0)]
                for method in methods:
                    mean = part[part["method"].eq(method)].groupby(along)[name].mean()
                    axis.plot(mean.index, mean, label=method, **_line(method))
                axis.set(xscale="log", yscale="log")
                other = "20 columns" if along == "rows" else "1,000 rows"
                axis.set_xlabel(f"{along} ({other})")
                axis.set_title(TITLES[operation] if i == 0 else "")
            axes[i, 0].set_ylabel(unit.replace("mib", "MiB"))
        figure.suptitle(title, x=0.01, ha="left", weight="bold")
        handles, names = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, names, loc="lower left", ncols=4, frameon=False)
        threads = results["threads"].iloc[0]
        said = f"{machines(results)[0]}; {threads} thread{'' if threads == 1 else 's'}"
        figure.text(0.99, 0.012, said, ha="right", fontsize=7, color=PEERS)
        figure.tight_layout(rect=(0, 0.09, 1, 1))
        save(figure, path)


def _line(method):
    """Ours warm, others cool; the default drawn through, and thick."""
    style = {"marker": "o", "markersize": 3.5, "lw": 1.4, "color": PEERS}
    if method == DEFAULT:
        return style | {"color": OURS, "lw": 2.4, "markersize": 5}
    if method.startswith(DEFAULT):
        style["color"] = OURS
    return style | {"ls": LINES.get(method, "-")}
