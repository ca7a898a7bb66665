"""Tables and the plot of `docs.benchmarks.streaming`."""

import pandas as pd

from docs.benchmarks.streaming import PROCESSES
from docs.benchmarks.style import OURS, PALE, PEERS, pyplot, save
from docs.benchmarks.tables import list_table, mean_and_sd

COMMAND = "python -m docs.benchmarks.streaming"
IN_MEMORY, FROM_FILE = "diabetes130, in memory", "diabetes130, from Parquet"
ALL_CODES = "diabetes130, all diagnoses, in memory"
FIT, COMPLETE, GENERATE = (f"large file: {verb}" for verb in ("fit", "complete", "generate"))
SHAPES = ["100,000 levels", "1,000 columns", "row groups of one row"]
SHAPES += ["one group of 10 million rows"]
FITS = {
    IN_MEMORY: "diabetes130",
    FROM_FILE: "diabetes130, from Parquet",
    ALL_CODES: "diabetes130, every diagnosis",
    FIT: "the large file",
}
# A line, its figure, the goal, and how both are written.
GOALS = [
    (IN_MEMORY, "seconds", 180, "fit of diabetes130, in memory: seconds of CPU", "{:.0f} s"),
    (FROM_FILE, "seconds", 180, "the same, from Parquet", "{:.0f} s"),
    (IN_MEMORY, "peak_mib", 1024, "its memory, in memory", "{:,.0f} MiB"),
    (FROM_FILE, "peak_mib", 1024, "its memory, from Parquet", "{:,.0f} MiB"),
    (IN_MEMORY, "value", 10, "completing it: seconds of CPU", "{:.1f} s"),
    (ALL_CODES, "seconds", 180, "fit with every diagnosis a category: seconds", "{:.0f} s"),
    (ALL_CODES, "peak_mib", 1024, "its memory", "{:,.0f} MiB"),
    (FIT, "peak_mib", 2048, "fit of the large file: memory", "{:,.0f} MiB"),
    (COMPLETE, "peak_mib", 2048, "completing it: memory", "{:,.0f} MiB"),
    (GENERATE, "peak_mib", 2048, "generating such a file: memory", "{:,.0f} MiB"),
    (FIT, "value", 0.2, "share of reading in that fit", "{:.2f}"),
    *((shape, "peak_mib", 2048, f"{shape}: memory", "{:,.0f} MiB") for shape in SHAPES),
]
AT_LEAST = [
    (COMPLETE, 0.7, "completing: rows a second, streamed / in memory"),
    (GENERATE, 0.7, "generating: rows a second, streamed / in memory"),
]


def streaming_pages(results_folder):
    """(name, text): goals, where the seconds of fits go, rates, and sizes of samples."""
    found = stored(results_folder)
    empty = f"No runs are stored yet: ``{COMMAND}``.\n"
    for name, rows in [
        ("goals", goals(found)),
        ("fits", fits(found)),
        ("rates", rates(found)),
        ("samples", samples(found)),
        ("paper", on_paper(found, card_rates(results_folder))),
    ]:
        yield f"streaming_{name}", list_table(*rows) if rows[1] else empty


def stored(results_folder):
    """The last line of each run that succeeded, by its name."""
    path = results_folder / "streaming.csv"
    found = pd.read_csv(path) if path.exists() else pd.DataFrame(columns=["what", "status"])
    found = found[found["status"].eq("ok")].drop_duplicates("what", keep="last")
    return found.astype({"what": "str"}).set_index("what")


def goals(found):
    """Header and rows of what was measured beside what it should be."""
    rows = []
    for line, figure, most, text, shown in GOALS:
        if line in found.index:
            value = found.loc[line, figure]
            rows.append([text, shown.format(value), f"<= {shown.format(most)}", met(value <= most)])
    for line, least, text in AT_LEAST:
        if line in found.index:
            value = found.loc[line, "value"]
            rows.append([text, f"{value:.2f}", f">= {least}", met(value >= least)])
    for name in ("california", "letter"):
        if f"error, {name}" in found.index:
            value = found.loc[f"error, {name}", "value"]
            shown = f"{value:.4f}", "1.00 +- .01", met(abs(value - 1) <= 0.01)
            rows.append([f"error on {name}, streamed / in memory", *shown])
    if "one file and 100" in found.index:
        same = found.loc["one file and 100", "value"] == 1
        rows.append(
            ["model of one file, and of 100", "equal" if same else "not", "equal", met(same)]
        )
    one, two = (f"{PROCESSES}, {n}" for n in ("1 process", "2 processes"))
    if one in found.index and two in found.index:
        ratio = found.loc[two, "value"] / found.loc[one, "value"]
        rows.append(
            [f"{PROCESSES} of CPU, 2 processes / 1", f"{ratio:.2f}", ">= 1.6", met(ratio >= 1.6)]
        )
    return ["", "measured", "goal", ""], rows


def met(is_met):
    return "met" if is_met else "missed"


def parts(line):
    """Seconds of reading, of what comes before the training, and of the training."""
    reading = 0.0 if pd.isna(line["reading"]) else line["reading"]
    return reading, line["seconds"] - reading - line["training"], line["training"]


def fits(found):
    """Header and rows of where the seconds and the memory of fits are."""
    header = ["fit", "rows", "codes", "seconds of CPU", "reading", "training", "the rest"]
    header += ["peak memory, MiB", "of it before"]
    rows = []
    for name, text in FITS.items():
        if name in found.index:
            line = found.loc[name]
            reading, rest, training = parts(line)
            cells = [f"{line[part]:,.0f}" for part in ("rows", "codes", "seconds")]
            cells += [f"{part:.1f}" for part in (reading, training, rest)]
            cells += [f"{line[part]:,.0f}" for part in ("peak_mib", "before_mib")]
            rows.append([text, *cells])
    return header, rows


def rates(found):
    """Header and rows of completing and generating a file."""
    header = ["", "rows", "seconds of CPU", "rows a second", "streamed / in memory"]
    header += ["memory after 10 s, MiB", "peak, MiB"]
    rows = []
    for name, text in {COMPLETE: "completing", GENERATE: "generating"}.items():
        if name in found.index:
            line = found.loc[name]
            cells = [f"{line[part]:,.0f}" for part in ("rows", "seconds", "rate")]
            cells += [f"{line['value']:.2f}"]
            cells += [f"{line[part]:,.0f}" for part in ("before_mib", "peak_mib")]
            rows.append([text, *cells])
    return header, rows


def sample_runs(found):
    """Errors by the size of the sample."""
    here = found[[name.startswith("sample of ") for name in found.index]]
    return here.groupby("rows") if len(here) else ()


def samples(found):
    """Header and rows of errors by the size of the sample."""
    rows = [
        [
            f"{rows:,.0f}",
            mean_and_sd(runs["value"]),
            f"{runs['seconds'].mean():.0f}",
            str(len(runs)),
        ]
        for rows, runs in sample_runs(found)
    ]
    return ["rows of the sample", "error", "seconds of CPU", "seeds"], rows


BILLIONS = 10e9  # rows of the reckoning on paper
CARDS, MACHINES = 8, 100
ROW_BYTES = 116  # of a row of the large file in Parquet
LIKE_IT = "census"  # whose columns are most like those of the large file, in `device.csv`


def card_rates(results_folder):
    """Rows a second of a graphics card, by operation; empty if none was measured."""
    path = results_folder / "device.csv"
    if not path.exists():
        return {}
    rates = pd.read_csv(path)
    rates = rates[rates["table"].eq(LIKE_IT) & rates["device"].ne("cpu")]
    return dict(zip(rates["what"], rates["rows_per_second"], strict=True))


def on_paper(found, card):
    """Header and rows of what 10 billion rows cost, from the rates that are stored."""
    header = ["", "one core", f"{CARDS} graphics cards", f"{MACHINES} machines of one core"]
    if FIT not in found.index:
        return header, []
    line = found.loc[FIT]
    _, rest, training = parts(line)
    reading = line["rows"] / line["reading"]  # rows a second
    on_card = "-"
    if "training" in card:
        on_card = duration(line["steps"] * 2048 / card["training"])
    rows = [
        ["reading, once", *(duration(BILLIONS / reading / n) for n in (1, CARDS, MACHINES))],
        [
            "which takes from the storage, a second",
            *(f"{ROW_BYTES * reading * n / 1e6:,.0f} MB" for n in (1, CARDS, MACHINES)),
        ],
        ["scales, codes, factor analysis, by the first process", *[duration(rest)] * 3],
        ["training", duration(training), on_card, duration(training)],
    ]
    names = {COMPLETE: ("completing", "best guesses"), GENERATE: ("generating", "generation")}
    for name, (text, operation) in names.items():
        if name in found.index:
            rate = found.loc[name, "rate"]
            cards = duration(BILLIONS / card[operation] / CARDS) if operation in card else "-"
            times = duration(BILLIONS / rate), cards, duration(BILLIONS / rate / MACHINES)
            rows.append([f"{text} 10 billion rows", *times])
    return header, rows


def duration(seconds):
    """Seconds as people say them."""
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.2g} s"


def streaming_plot(results_folder, path):
    """Where the seconds of fits go, and the error by the size of the sample; whether drawn."""
    found = stored(results_folder)
    if found.empty:
        return False
    shown = [name for name in FITS if name in found.index]
    sampled = list(sample_runs(found))
    with pyplot() as plt:
        n_panels = 2 if sampled else 1
        figure, axes = plt.subplots(1, n_panels, figsize=(4.75 * n_panels, 3.4), squeeze=False)
        left = axes.flat[0]
        start = [0.0] * len(shown)
        colours = {"reading": PEERS, "scales, codes, factor analysis": PALE, "training": OURS}
        for place, (label, colour) in enumerate(colours.items()):
            seconds = [parts(found.loc[name])[place] for name in shown]
            left.barh(
                [FITS[name] for name in shown], seconds, left=start, color=colour, label=label
            )
            start = [a + b for a, b in zip(start, seconds, strict=True)]
        left.invert_yaxis()
        left.set(xlabel="seconds of CPU, one thread", title="A fit")
        if sampled:
            errors = [runs["value"] for _, runs in sampled]
            mean = [values.mean() for values in errors]
            spread = [values.std() if len(values) > 1 else 0.0 for values in errors]
            sizes = [rows for rows, _ in sampled]
            right = axes.flat[1]
            right.errorbar(sizes, mean, spread, color=OURS, marker="o", lw=2)
            right.set(xscale="log", xlabel="rows of the sample", title="Error of hidden cells")
            right.set_ylim(0, None)
        figure.legend(*left.get_legend_handles_labels(), loc="lower left", ncols=3, frameon=False)
        figure.tight_layout(rect=(0, 0.08, 1, 1))
        save(figure, path)
    return True
