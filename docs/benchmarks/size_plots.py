"""Error against the number of training rows, a panel a table."""

from docs.benchmarks.imputers import DEFAULT
from docs.benchmarks.style import OURS, PEERS, pyplot, save

LINES = {"MissForest": "-", "boosting per column": "--", "factor analysis alone": ":"}


def plot_sizes(runs, path, title):
    """``runs`` with "dataset", "rows", "method", "rmse"; mean over seeds, and their spread."""
    datasets = list(dict.fromkeys(runs["dataset"]))
    with pyplot() as plt:
        figure, axes = plt.subplots(
            1, len(datasets), figsize=(3.7 * len(datasets), 3.4), squeeze=False
        )
        for axis, name in zip(axes.flat, datasets, strict=True):
            here = runs[runs["dataset"].eq(name)]
            for method in dict.fromkeys(here["method"]):
                errors = here[here["method"].eq(method)].groupby("rows")["rmse"]
                ours = method == DEFAULT
                axis.errorbar(
                    errors.mean().index,
                    errors.mean(),
                    errors.std().fillna(0),
                    label=method,
                    color=OURS if ours else PEERS,
                    ls="-" if ours else LINES.get(method, "-."),
                    lw=2.4 if ours else 1.3,
                    marker="o",
                    ms=4,
                )
            axis.set(xscale="log", xlabel="training rows", title=name)
            axis.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.flat[0].set_ylabel("RMSE (lower is better)")
        handles, names = axes.flat[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="lower left", ncols=4, frameon=False)
        figure.suptitle(title, x=0.01, ha="left", weight="bold")
        figure.tight_layout(rect=(0, 0.07, 1, 1))
        save(figure, path)
