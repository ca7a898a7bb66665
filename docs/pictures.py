"""The picture of the first page: a table with gaps goes in, three things come out.

    python -m docs.pictures

Iris as scikit-learn bundles it, a fifth of its cells hidden. Every value shown is computed.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.patches import FancyBboxPatch, Rectangle
from sklearn.datasets import load_iris

from docs.benchmarks.style import INK, OURS, PALE, PEERS, pyplot, save
from skmissdiff import MissDiffImputer

PICTURE = Path(__file__).parent / "table.png"
SEED = 0
N_SHOWN, N_DRAWS, N_ROWS = 7, 20, 140
GAP, FILLED, HEAD = "#f3e3df", "#f7d9d1", "#edf1f4"
WIDTHS = np.array([0.95, 0.95, 0.95, 0.95, 1.35])


def iris():
    """Four lengths and a category; 150 rows in an order of no meaning."""
    data = load_iris(as_frame=True)
    frame = data.data.rename(columns=lambda name: name.removesuffix(" (cm)"))
    frame["species"] = pd.Categorical.from_codes(data.target, data.target_names)
    return frame.sample(frac=1, random_state=SEED, ignore_index=True)


def computed():
    """The true table, the one with gaps, the completed one, draws, and generated rows."""
    truth = iris()
    hidden = np.random.default_rng(SEED).random(truth.shape) < 0.2
    table = truth.mask(hidden)
    imputer = MissDiffImputer(random_state=SEED).fit(table)
    return (
        truth,
        table,
        imputer.transform(table),
        imputer.multiple_impute(table, n_imputations=N_DRAWS),
        imputer.to_sampler().sample(N_ROWS).iloc[:: N_ROWS // N_SHOWN],
    )


def text_of(value):
    if pd.isna(value):
        return "?"
    return value if isinstance(value, str) else f"{value:.1f}"


def draw_table(axis, frame, title, call, tinted, tint, colour):
    """A frame as a grid; ``tinted`` marks the cells in the colour of their kind."""
    left = np.concatenate([[0], np.cumsum(WIDTHS)])
    axis.set(xlim=(-0.05, left[-1] + 0.05), ylim=(len(frame) + 0.05, -2.35))
    axis.axis("off")
    axis.text(0, -1.7, title, fontsize=11, weight="bold", va="center")
    axis.text(
        left[-1], -1.7, call, fontsize=8, color=PEERS, va="center", ha="right", family="monospace"
    )
    axis.add_patch(Rectangle((0, -1.25), left[-1], 1.25, color=HEAD, lw=0))
    for j, name in enumerate(frame):
        middle = left[j] + WIDTHS[j] / 2
        heading = name.replace(" ", "\n")
        axis.text(middle, -0.62, heading, ha="center", va="center", fontsize=8, color=PEERS)
        for i, value in enumerate(frame[name]):
            marked = tinted[i, j]
            if marked:
                box = (left[j] + 0.05, i + 0.08), WIDTHS[j] - 0.1, 0.84
                style = "round,pad=0,rounding_size=0.12"
                axis.add_patch(FancyBboxPatch(*box, boxstyle=style, color=tint, lw=0))
            axis.text(
                middle,
                i + 0.5,
                text_of(value),
                ha="center",
                va="center",
                fontsize=9,
                color=colour if marked else INK,
                weight="bold" if marked else "normal",
            )
    for i in range(len(frame) + 1):
        axis.plot([0, left[-1]], [i, i], color=HEAD, lw=0.8, zorder=0)


def draw_numbers(axis, name, row, values, guess, truth):
    """Draws of a number on a line, over the guess and the truth."""
    heights = np.zeros(len(values))
    order = np.argsort(values, kind="stable")
    near = 0.03 * (values.max() - values.min() + 1e-9)
    for place, index in enumerate(order[1:], 1):
        before = order[place - 1]
        if values[index] - values[before] < near:
            heights[index] = heights[before] + 1
    axis.scatter(values, heights, s=26, color=OURS, alpha=0.55, lw=0)
    axis.axvline(guess, color=OURS, lw=1.6)
    axis.axvline(truth, color=PALE, lw=1.6, ls="--")
    axis.set(ylim=(-1, 6), yticks=[], title=f"row {row + 1}, {name}")
    axis.spines["left"].set_visible(False)
    axis.grid(False)


def draw_categories(axis, name, row, values, truth):
    """How often each category is drawn."""
    counts = values.value_counts()[list(values.cat.categories)]
    axis.barh(range(len(counts)), counts, color=OURS, alpha=0.55, height=0.62)
    axis.set_yticks(range(len(counts)), counts.index)
    for text in axis.get_yticklabels():
        text.set_weight("bold" if text.get_text() == truth else "normal")
    axis.invert_yaxis()
    axis.set(xlim=(0, N_DRAWS), xlabel=f"of {N_DRAWS} draws", title=f"row {row + 1}, {name}")
    axis.spines["left"].set_visible(False)
    axis.grid(False)


def shown_rows(table, draws):
    """Rows with one gap or two: of those without a category the one whose draws agree least."""
    gaps = table.isna()
    few = gaps.sum(axis=1).between(1, 2)
    kinds = pd.concat([drawn["species"].astype(str) for drawn in draws], axis=1)
    agreed = kinds.apply(lambda row: row.value_counts().iloc[0], axis=1)
    category = [agreed[gaps["species"] & few].idxmin()]
    others = gaps.index[few & ~gaps["species"]][: N_SHOWN - 2]
    whole = gaps.index[~gaps.any(axis=1)][:1]
    return np.sort(np.concatenate([category, others, whole]))


def main():
    truth, table, completed, draws, rows = computed()
    shown = shown_rows(table, draws)
    gaps = table.loc[shown].isna().to_numpy()
    with pyplot() as plt:
        figure = plt.figure(figsize=(11, 5.6))
        grid = figure.add_gridspec(
            2,
            12,
            height_ratios=[3.0, 1.05],
            left=0.012,
            right=0.988,
            top=0.985,
            bottom=0.1,
            wspace=0.9,
            hspace=0.32,
        )
        left, middle, right = (figure.add_subplot(grid[0, 4 * k : 4 * k + 4]) for k in range(3))
        draw_table(left, table.loc[shown], "a table with gaps", "fit(table)", gaps, GAP, OURS)
        draw_table(
            middle, completed.loc[shown], "best guesses", "transform(table)", gaps, FILLED, OURS
        )
        every = np.ones((N_SHOWN, table.shape[1]), dtype=bool)
        draw_table(right, rows, "new rows", "to_sampler().sample(140)", every & False, GAP, INK)
        draw_gaps(figure, grid, shown, gaps, truth, completed, draws)
        save(figure, PICTURE)


def draw_gaps(figure, grid, shown, gaps, truth, completed, draws):
    """Below the tables: plausible draws of three of the gaps."""
    numbers = [(i, np.flatnonzero(gaps[i])[0]) for i in np.flatnonzero(gaps[:, :4].any(axis=1))]
    numbers = numbers[:: len(numbers) // 2][:2]  # of two rows
    category = [(i, j) for i, j in np.argwhere(gaps) if j == 4][:1]
    for place, (i, j) in enumerate([*numbers, *category]):
        axis = figure.add_subplot(grid[1, 3 + 3 * place + (place == 2) : 6 + 3 * place])
        row, name = shown[i], truth.columns[j]
        values = pd.Series([drawn.loc[row, name] for drawn in draws])
        if j == 4:
            kinds = truth[name].cat.categories
            draw_categories(
                axis, name, i, values.astype(pd.CategoricalDtype(kinds)), truth.loc[row, name]
            )
        else:
            draw_numbers(
                axis, name, i, values.to_numpy(), completed.loc[row, name], truth.loc[row, name]
            )
    figure.text(0.016, 0.235, "plausible draws", fontsize=11, weight="bold")
    figure.text(0.016, 0.185, "multiple_impute(table)", fontsize=8, color=PEERS, family="monospace")
    told = f"{N_DRAWS} for each of three of the gaps;\nline: best guess, dashed or bold: truth"
    figure.text(0.016, 0.095, told, fontsize=8.5, color=PEERS, linespacing=1.5)


if __name__ == "__main__":
    main()
