"""Tables and plots for the documentation from the stored results.

    python -m docs.benchmarks.pages

Writes one reStructuredText file per table to docs/benchmarks/tables, and the plots of the cost.
"""

from pathlib import Path

import pandas as pd

from docs.benchmarks.cost_plots import write_cost
from docs.benchmarks.error_plots import error_against_seconds, generation_plot, overview
from docs.benchmarks.evaluations import plot_evaluations
from docs.benchmarks.generators import CEILING
from docs.benchmarks.imputers import DEFAULT
from docs.benchmarks.published import IMPUTATION_RMSE, UTILITY_RMSE
from docs.benchmarks.size_plots import plot_sizes
from docs.benchmarks.streaming_pages import streaming_pages, streaming_plot
from docs.benchmarks.tables import (
    by_machine,
    comparison,
    figures_table,
    list_table,
    mean_and_sd,
    on_one_machine,
)

FOLDER = Path(__file__).parent
SIZED = ["made up", "california", "letter"]
HIGHER = {"auc", "f1", "accuracy", "r2", "marginal", "pair_trend"}
IMPUTATION = ["rmse", "mae", "error_rate", "energy_distance", "seconds"]
TITLES = {
    "T": "The paper's tables, 20 % of the cells hidden",
    "T-complete": "The same, trained on complete rows",
    "S": "Small mixed tables, 20 % of the cells hidden",
    "D": "Larger tables, 30 % of the cells hidden in three ways",
}
INSIDE = {"inside_50": "in the 50 % interval", "inside_95": "in the 95 % interval"}
UTILITY = {"census": ["auc"], "diabetes130": ["auc", "rmse"]}
FIGURES = {
    "marginal": "marginals",
    "pair_trend": "pair trends",
    "alpha_precision": "alpha-precision",
    "beta_recall": "beta-recall",
    "share_nearer_to_train": "nearer to training rows",
    "distance": "distance to closest",
    "duplicates": "duplicates",
    "fit_seconds": "fit, s",
    "sample_seconds": "sample, s",
}


def read(path, order=()):
    """The last line of each run, methods in the order of the registry."""
    if not path.exists():
        return pd.DataFrame()
    results = pd.read_csv(path, dtype={"status": str, "train_status": str})
    key = list(results.columns[: results.columns.get_loc("status")])
    results = results.drop_duplicates(key, keep="last")
    if "method" not in results:
        return results
    rank = {name: place for place, name in enumerate(order)}
    return results.sort_values("method", key=lambda names: names.map(rank), kind="stable")


def empty(command):
    return f"No runs are stored yet: ``{command}``.\n"


def imputation_runs(results_folder, protocol):
    """Runs of a protocol with the column of the tables that each belongs to, and its seconds."""
    from docs.benchmarks.imputation import PROTOCOLS
    from docs.benchmarks.imputers import IMPUTERS

    results = read(results_folder / f"imputation_{protocol}.csv", IMPUTERS)
    if results.empty:
        return results
    column = labels(results, ["mechanism"] if protocol == "D" else [])
    seconds = results["fit_seconds"] + results["impute_seconds"]
    return order_columns(results.assign(column=column, seconds=seconds), PROTOCOLS[protocol][1])


def imputation_pages(results_folder):
    """(name, text) of the tables of each protocol."""
    from docs.benchmarks.imputation import PROTOCOLS

    for protocol in PROTOCOLS:
        results = imputation_runs(results_folder, protocol)
        sides = ["", "train_"] if protocol == "D" else [""]
        for name in [f"{side}{measure}" for side in sides for measure in IMPUTATION]:
            if name == "train_seconds":
                continue
            text = empty(f"python -m docs.benchmarks.imputation --protocol {protocol}")
            if len(results):
                text = imputation_table(results, name, protocol)
            yield f"imputation_{protocol}_{name}", text or "\n"


def imputation_table(results, name, protocol):
    if name.startswith("train_"):
        results = results.assign(status=results["train_status"].fillna(results["status"]))
    runs = results[_has_values(results, name)]
    if runs.empty:
        return ""
    if name == "seconds":
        return by_machine(runs, name)
    published = None
    if name == "rmse" and protocol != "D":
        published = _by_label(IMPUTATION_RMSE, runs)
    return comparison(runs, name, DEFAULT, published=published)


def labels(results, more):
    """Table, rows and what else tells a column, as its heading."""
    text = results["dataset"] + " (" + results["rows"].astype(str) + " rows)"
    for name in more:
        text = text + ", " + results[name].astype(str)
    return text


def order_columns(results, datasets):
    rank = {name: place for place, name in enumerate(datasets)}
    columns = results["dataset"].map(rank).fillna(len(rank))
    methods = pd.factorize(results["method"])[0]
    return results.assign(_d=columns, _m=methods).sort_values(["_m", "_d"], kind="stable")


def _has_values(runs, name):
    """Rows of the columns in which the measure exists at all, such as an error rate."""
    return runs["column"].map(runs.groupby("column")[name].count() > 0)


def _by_label(figures, runs):
    """Published figures by heading rather than by table."""
    datasets = dict(zip(runs["column"], runs["dataset"], strict=True))
    return {
        method: {label: cells[name] for label, name in datasets.items() if name in cells}
        for method, cells in figures.items()
    }


def generation_runs(results_folder):
    """Runs of protocol G with the column of the tables that each belongs to."""
    from docs.benchmarks.generators import GENERATORS

    results = read(results_folder / "generation.csv", GENERATORS)
    if results.empty:
        return results
    rates = (100 * results["rate"]).round().astype(int).astype(str)
    return on_one_machine(results.assign(column=results["missingness"] + " " + rates + " %"))


def generation_pages(results_folder):
    """(name, text) of the tables of protocol G."""
    from docs.benchmarks.generators import GENERATORS

    command = "python -m docs.benchmarks.generation"
    results = generation_runs(results_folder)
    for dataset, utilities in UTILITY.items():
        here = results[results["dataset"].eq(dataset)] if len(results) else results
        for measure in [*utilities, "c2st"]:
            text = empty(command)
            if len(here):
                higher = measure in HIGHER
                text = comparison(here, measure, DEFAULT, higher=higher, apart=[CEILING])
            yield f"generation_{dataset}_{measure}", text
        text = figures_table(here, FIGURES) if len(here) else empty(command)
        yield f"generation_{dataset}_figures", text
        yield f"generation_{dataset}_ceiling", shares(here, utilities) if len(here) else text
    complete = read(results_folder / "generation_complete.csv", GENERATORS)
    complete = on_one_machine(complete) if len(complete) else complete
    for measure in ["auc", "rmse", "c2st"]:
        text = empty(f"{command} --complete")
        if len(complete):
            runs = complete.assign(column=labels(complete, []))
            runs = runs[_has_values(runs, measure)]
            if len(runs):
                higher = measure in HIGHER
                text = comparison(runs, measure, DEFAULT, higher=higher, apart=[CEILING])
        yield f"generation_complete_{measure}", text
    text = figures_table(complete, FIGURES) if len(complete) else empty(f"{command} --complete")
    yield "generation_complete_figures", text
    header = ["RMSE (published)", "row", "column", "independent"]
    rows = [
        [method, *(cells[name] for name in header[1:])] for method, cells in UTILITY_RMSE.items()
    ]
    yield "generation_published", list_table(header, rows)


def shares(results, utilities):
    """Utility as a share of that of real complete rows with the same seed, in per cent."""
    keys = ["column", "seed"]
    ceiling = results[results["method"].eq(CEILING)].set_index(keys)
    header, rows = ["share of the ceiling, %"], []
    columns = list(dict.fromkeys(results["column"]))
    header += [f"{measure}, {column}" for measure in utilities for column in columns]
    for method in dict.fromkeys(results["method"]):
        runs = results[results["method"].eq(method) & results["status"].eq("ok")].set_index(keys)
        if method == CEILING or runs.empty:
            continue
        row = [method]
        for measure in utilities:
            share = 100 * runs[measure] / ceiling[measure]
            if measure not in HIGHER:  # an error: how much of it real rows leave
                share = 100 * ceiling[measure] / runs[measure]
            for column in columns:
                here = share[share.index.get_level_values("column") == column]
                row.append(mean_and_sd(here))
        rows.append(row)
    return list_table(header, rows)


def size_runs(results_folder):
    """Runs at many sizes, the number of rows as the heading."""
    from docs.benchmarks.imputers import IMPUTERS

    results = read(results_folder / "sizes.csv", IMPUTERS)
    if results.empty:
        return results
    seconds = results["fit_seconds"] + results["impute_seconds"]
    results = results.assign(column=results["rows"].map("{:,} rows".format), seconds=seconds)
    return results.sort_values("rows", kind="stable")


def sizes_pages(results_folder):
    """(name, text): methods against the number of training rows, for each table."""
    results = size_runs(results_folder)
    command = "python -m docs.benchmarks.sizes"
    for dataset in SIZED:
        for measure in ["rmse", "error_rate", "seconds"]:
            here = results[results["dataset"].eq(dataset)] if len(results) else results
            text = empty(command)
            if len(here):
                here = here[_has_values(here, measure)]
                text = comparison(here, measure, DEFAULT) if len(here) else "\n"
            yield f"sizes_{dataset.replace(' ', '_')}_{measure}", text


def draws_pages(results_folder):
    """(name, text): draws against chained equations, a table for each mechanism and measure."""
    results = read(results_folder / "draws.csv")
    results = results[results["status"].eq("ok")] if len(results) else results
    command = "python -m docs.benchmarks.draws"
    for mechanism in ["mcar", "mar"]:
        here = results[results["mechanism"].eq(mechanism)] if len(results) else results
        for measure in ["crps", "energy", "correlations"]:
            text = empty(command)
            if len(here):
                runs = here.assign(column=labels(here, []))
                text = comparison(runs[_has_values(runs, measure)], measure, DEFAULT)
            yield f"draws_{mechanism}_{measure}", text
    text = empty(command)
    if len(results):
        ours = results[results["method"].str.startswith(DEFAULT)]
        rows = [
            [f"{name}, {method}", *(f"{runs[inside].mean():.3f}" for inside in INSIDE)]
            for (name, method), runs in ours.groupby(["dataset", "method"], sort=False)
            if runs["inside_50"].notna().any()
        ]
        text = list_table(["", *INSIDE.values()], rows)
    yield "draws_intervals", text


def variants_pages(results_folder):
    """(name, text): variants of the default method against tables."""
    from docs.benchmarks.variants import TABLES

    measures = {"parts": ["rmse", "error_rate"], "aggregates": ["rmse", "mae", "energy_distance"]}
    for which, (variants, datasets) in TABLES.items():
        results = read(results_folder / f"{which}.csv", variants)
        for measure in measures[which]:
            text = empty(f"python -m docs.benchmarks.variants {which}")
            if len(results):
                runs = order_columns(results.assign(column=labels(results, [])), datasets)
                runs = runs[_has_values(runs, measure)]
                reference = DEFAULT if which == "parts" else None
                text = comparison(runs, measure, reference) if len(runs) else "\n"
            yield f"{which}_{measure}", text


def profile_pages(results_folder):
    """(name, text): seconds of a fit by part, beside MissForest, and the arithmetic reached."""
    path = results_folder / "profile.csv"
    if not path.exists():
        yield "profile", empty("python -m docs.benchmarks.profile_fit")
        return
    results = pd.read_csv(path)
    rows = [[what, part, f"{value:.4g}"] for what, part, value in results.iloc[:, :3].to_numpy()]
    yield "profile", list_table(["", "", ""], rows)


def speed_pages(results_folder):
    """(name, text): CPU seconds beside their goals."""
    path = results_folder / "speed.csv"
    if not path.exists():
        yield "speed", empty("python -m docs.benchmarks.speed")
        return
    results = pd.read_csv(path).drop_duplicates("what", keep="last")
    rows = [
        [line.what, f"{line.value:.3g} {line.unit}", f"{line.goal:g}", line.status]
        for line in results.itertuples()
    ]
    yield "speed", list_table(["", "measured", "goal", "status"], rows)


def device_pages(results_folder):
    """(name, text): rows a second on the CPU and on another device."""
    results = read(results_folder / "device.csv")
    if results.empty:
        yield "device", empty("python -m docs.benchmarks.device --device cuda")
        return
    rows = []
    for (table, what), runs in results.groupby(["table", "what"], sort=False):
        on_cpu, other = (runs[runs["device"].eq("cpu") == side] for side in (True, False))
        name = f"{table} ({runs['columns'].iloc[0]} columns, {runs['codes'].iloc[0]} codes)"
        cells = ["", "", ""]
        if len(other) and len(on_cpu):
            ratio = other["rows_per_second"].iloc[0] / on_cpu["rows_per_second"].iloc[0]
            rate, share = other[["rows_per_second", "share"]].iloc[0]
            cells = [f"{rate:,.0f}", f"{ratio:.1f}", f"{share:.2f}"]
        cpu = f"{on_cpu['rows_per_second'].iloc[0]:,.0f}" if len(on_cpu) else ""
        rows.append([name, what, cpu, *cells])
    first = results.iloc[0]
    cards = [name for name in results["hardware"].dropna().unique() if name]
    header = ["table", "rows a second", f"CPU, {first['threads']} threads"]
    header += [", ".join(cards) or "other device", "ratio", "share of the device"]
    yield "device", list_table(header, rows)


def mixture_pages(results_folder):
    """(name, text): methods against mechanisms."""
    path = results_folder / "mixture.csv"
    results = pd.read_csv(path) if path.exists() else pd.DataFrame()
    results = results.rename(columns={"mechanism": "column"}).assign(status="ok")
    for measure in ("sliced_wasserstein", "mean_error"):
        text = empty("python -m docs.benchmarks.mixture")
        if len(results):
            text = comparison(results, measure, apart=["truth"])
        yield f"mixture_{measure}", text


PAGES = (
    imputation_pages,
    sizes_pages,
    draws_pages,
    variants_pages,
    profile_pages,
    speed_pages,
    device_pages,
    streaming_pages,
    generation_pages,
    mixture_pages,
)


def plot_pages(results_folder, out):
    """(name, text): the plot that a page leads with, or nothing where there are no runs."""
    for protocol, title in TITLES.items():
        runs = imputation_runs(results_folder, protocol)
        name = f"imputation_{protocol}.png"
        drawn = len(runs) and error_against_seconds(runs, "rmse", out / name, title)
        yield f"imputation_{protocol}_plot", image(name, title) if drawn else "\n"
    runs, title = size_runs(results_folder), "Error against the number of training rows"
    if len(runs):
        plot_sizes(runs, out / "sizes.png", title)
    yield "sizes_plot", image("sizes.png", title) if len(runs) else "\n"
    runs = imputation_runs(results_folder, "D")
    drawn = len(runs) and overview(runs, out / "overview.png")
    yield (
        "overview",
        image("overview.png", "Error of imputed cells against seconds.") if drawn else "\n",
    )
    runs, title = read(results_folder / "evaluations.csv"), "What more evaluations bring"
    if len(runs):
        plot_evaluations(runs, out / "evaluations.png", title)
    yield "evaluations_plot", image("evaluations.png", title) if len(runs) else "\n"
    drawn = streaming_plot(results_folder, out / "streaming.png")
    alt = "Seconds of fits by their parts, and error against the rows of the sample."
    yield "streaming_plot", image("streaming.png", alt) if drawn else "\n"
    runs = generation_runs(results_folder)
    name, title = "generation.png", "Rows of census, learnt from a table with holes"
    drawn = len(runs) and generation_plot(runs[runs["dataset"].eq("census")], out / name, title)
    yield "generation_plot", image(name, title) if drawn else "\n"


def image(name, alt):
    return f".. image:: {name}\n   :alt: {alt}\n   :class: picture\n"


def main(results_folder=FOLDER / "results", out=FOLDER):
    tables = Path(out) / "tables"
    tables.mkdir(parents=True, exist_ok=True)
    for make in PAGES:
        for name, text in make(Path(results_folder)):
            (tables / f"{name}.inc").write_text(text)
    for name, text in plot_pages(Path(results_folder), Path(out)):
        (tables / f"{name}.inc").write_text(text)
    results = read(Path(results_folder) / "cost.csv")
    (tables / "cost.inc").write_text(
        write_cost(results, Path(out)) if len(results) else empty("python -m docs.benchmarks.cost")
    )


if __name__ == "__main__":
    main()
