"""The figures of a report: the distribution of each column, and a map of the pairs."""

import io

import numpy as np

from skmissdiff._encoding.categories import count_categories
from skmissdiff.displays._column_axis import column_axis
from skmissdiff.displays._figure import any_name, import_matplotlib, short

MOST_PANELS = 24
_PANELS_IN_A_ROW = 4
_N_BINS = 30
_MOST_BARS = 8
_MOST_NAMES = 40
_REAL, _SYNTHETIC = "#9aa3ad", "#0b7285"


def draw_all(report, figure=None):
    """Draw the scores and the map of pairs above the columns."""
    columns = _worst_columns(report)
    height = _panel_rows(columns) * 2.0
    if figure is None:
        figure = import_matplotlib()(figsize=(11, height + 4.4), layout="constrained")
    top, bottom = figure.subfigures(2, 1, height_ratios=[4.4, height])
    left, right = top.subfigures(1, 2, width_ratios=[1, 1.4])
    with any_name():
        _write_scores(left, report)
        _draw_pairs(right, report)
        _draw_columns(bottom, report, columns)
    return figure


def _write_scores(figure, report):
    """The scores as a small table."""
    ax = figure.subplots()
    ax.set_axis_off()
    rows = [(name.replace("_", " "), *figures.values()) for name, figures in report.scores_.items()]
    share = report.privacy_["share_nearer_to_train"]
    rows.append(("nearer to training rows", share, np.nan))
    text = [
        [name, *("" if np.isnan(value) else f"{value:.3f}" for value in values)]
        for name, *values in rows
    ]
    header = ["", "synthetic", "held out"]
    table = ax.table(text, colLabels=header, loc="center", cellLoc="left", edges="horizontal")
    table.auto_set_font_size(False)
    table.set_fontsize(9)
    table.auto_set_column_width([0, 1, 2])
    table.scale(1, 1.5)


def columns_png(report):
    """The columns as a PNG picture, in bytes."""
    columns = _worst_columns(report)
    figure = import_matplotlib()(figsize=(11, _panel_rows(columns) * 2.0), layout="constrained")
    with any_name():
        _draw_columns(figure, report, columns)
        return png(figure)


def pairs_png(report):
    """The map of the pairs as a PNG picture, in bytes."""
    figure = import_matplotlib()(figsize=(8, 6), layout="constrained")
    with any_name():
        _draw_pairs(figure, report)
        return png(figure)


def png(figure):
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()


def _worst_columns(report):
    """The columns to draw, the least alike first."""
    scores = np.nan_to_num(report.column_scores_, nan=2.0)
    order = np.argsort(scores, kind="stable")
    return [int(j) for j in order if scores[j] <= 1][:MOST_PANELS]


def _panel_rows(columns):
    return max(1, -(-len(columns) // _PANELS_IN_A_ROW))


def _draw_columns(figure, report, columns):
    # Room between the numbers below one panel and the title of the next.
    engine = figure.figure.get_layout_engine()
    if engine is not None and hasattr(engine, "set"):
        engine.set(h_pad=0.08)
    axes = figure.subplots(_panel_rows(columns), _PANELS_IN_A_ROW, squeeze=False).ravel()
    for ax in axes[len(columns) :]:
        ax.set_axis_off()
    for ax, j in zip(axes, columns, strict=False):
        real, synthetic = (
            table.columns[j][~table.missing[:, j]] for table in (report._real, report._synthetic)
        )
        if real.dtype == object:
            _draw_levels(ax, report._real.schema.columns[j], real, synthetic)
        else:
            _draw_numbers(ax, report._real.schema.columns[j], real, synthetic)
        title = f"{short(report.names_[j], 24)}  {report.column_scores_[j]:.2f}"
        ax.set_title(title, fontsize=9, parse_math=False)
        ax.tick_params(labelsize=7)
        ax.xaxis.get_offset_text().set_fontsize(7)
        ax.spines[["top", "right"]].set_visible(False)
    if columns:
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(
            handles, labels, loc="outside upper right", ncols=2, fontsize=9, frameon=False
        )


def _draw_numbers(ax, column, real, synthetic):
    """Histograms with the same bins, each of area 1, over numbers or dates."""
    place = column_axis(ax.xaxis, column)
    values = np.unique(np.concatenate([real, synthetic]))
    if len(values) <= _MOST_BARS:
        width = np.diff(values).min() * 0.4 if len(values) > 1 else 0.4
        for part, color, label, side in (
            (real, _REAL, "real", -0.5),
            (synthetic, _SYNTHETIC, "synthetic", 0.5),
        ):
            heights = [(part == value).mean() for value in values]
            left = place(values + (side - 0.5) * width)
            right = place(values + (side + 0.5) * width)
            ax.bar(left, heights, right - left, color=color, label=label, align="edge")
        ax.set_yticks([])
        return
    low, high = values[0], values[-1]
    edges = np.linspace(low, high, _N_BINS + 1)
    if (real == np.floor(real)).all():
        # Each bin holds as many whole numbers, or it would be higher for that alone.
        step = max(1.0, np.ceil((high - low) / _N_BINS))
        edges = np.arange(np.floor(low), high + step + 1, step) - 0.5
    edges = place(edges)
    ax.hist(place(real), edges, density=True, color=_REAL, label="real")
    ax.hist(
        place(synthetic),
        edges,
        density=True,
        histtype="step",
        color=_SYNTHETIC,
        linewidth=1.4,
        label="synthetic",
    )
    ax.set_yticks([])


def _draw_levels(ax, column, real, synthetic):
    """Shares of the most frequent levels, the others together."""
    levels, counts = count_categories(column, np.concatenate([real, synthetic]))
    shown = np.sort(np.argsort(-counts, kind="stable")[:_MOST_BARS])
    if len(levels) > _MOST_BARS:
        shown = np.sort(np.argsort(-counts, kind="stable")[: _MOST_BARS - 1])
    names = [short(str(levels[k]), 16) for k in shown]
    shares = [[np.mean(part == levels[k]) for k in shown] for part in (real, synthetic)]
    if len(levels) > _MOST_BARS:
        names.append("others")
        shares = [[*part, 1 - sum(part)] for part in shares]
    places = np.arange(len(names))
    ax.barh(places - 0.2, shares[0], 0.4, color=_REAL, label="real")
    ax.barh(places + 0.2, shares[1], 0.4, color=_SYNTHETIC, label="synthetic")
    ax.set_yticks(places, names, parse_math=False)
    ax.invert_yaxis()


def _draw_pairs(figure, report):
    ax = figure.subplots()
    scores = report.pair_scores_
    known = scores[~np.isnan(scores)]
    lowest = min(0.8, float(known.min())) if len(known) else 0.0
    image = ax.imshow(scores, vmin=lowest, vmax=1.0, cmap="viridis")
    ax.set_facecolor("#e9ecef")
    bar = figure.colorbar(image, ax=ax, shrink=0.8)
    bar.set_label("similarity of the pair (1 is best)", fontsize=8)
    bar.ax.tick_params(labelsize=7)
    names = [short(name, 18) for name in report.names_]
    if len(names) <= _MOST_NAMES:
        places = range(len(names))
        ax.set_xticks(places, names, rotation=90, fontsize=7, parse_math=False)
        ax.set_yticks(places, names, fontsize=7, parse_math=False)
    ax.set_title("Pairs of columns", fontsize=10)
