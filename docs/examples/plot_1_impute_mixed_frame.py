"""
Impute a frame of numbers and categories
========================================

A table of wines has thirteen measurements and a cultivar. We hide a third of its cells, complete
it, and look at what was filled in: best guesses and draws are for different ends.
"""

# %%
# The table
# ---------
# The cultivar is a category, proline and magnesium are whole numbers. A third of the cells is
# hidden at random, so that only a few rows are still complete.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_wine

wine = load_wine(as_frame=True)
columns = [
    "alcohol",
    "total_phenols",
    "flavanoids",
    "color_intensity",
    "hue",
    "proline",
    "magnesium",
]
complete = wine.data[columns].astype({"proline": "Int64", "magnesium": "Int64"})
complete["cultivar"] = wine.target.map({0: "A", 1: "B", 2: "C"}).astype("category")

rng = np.random.default_rng(0)
hidden = rng.random(complete.shape) < 0.33
table = complete.mask(hidden)
print(f"{(~hidden.any(axis=1)).sum()} of {len(table)} rows are complete")
table.head()

# %%
# Fit and complete
# ----------------
# Categories, whole numbers and missing cells go in as they are, and the same columns with the
# same dtypes come out.

from skmissdiff import MissDiffImputer

imputer = MissDiffImputer(bounds="observed", random_state=0).fit(table)
completed = imputer.transform(table)
completed.head()

# %%
# How far off are they? For each numeric column: the root mean squared error over its hidden
# cells, beside that of filling in the column's mean.

for position, column in enumerate(columns):
    gaps = hidden[:, position]
    truth = complete[column][gaps].astype(float)
    error = np.sqrt(np.mean((completed[column][gaps].astype(float) - truth) ** 2))
    by_mean = np.sqrt(np.mean((table[column].astype(float).mean() - truth) ** 2))
    print(f"{column:16} {error:8.2f}   by the mean {by_mean:8.2f}")

gaps = hidden[:, -1]
wrong = (completed["cultivar"] != complete["cultivar"])[gaps].mean()
most_frequent = table["cultivar"].mode()[0]
by_mode = (complete["cultivar"] != most_frequent)[gaps].mean()
print(f"{'cultivar':16} {wrong:8.1%}   by the most frequent level {by_mode:.1%}")

# %%
# Guesses and draws
# -----------------
# The left picture has the rows in which both columns are observed. In the middle, rows with a
# hidden cell among the two are completed by best guesses: they follow the course of the data and
# lie in its middle. On the right they are completed by one draw each, and scatter as the data do.

(drawn,) = imputer.multiple_impute(table, n_imputations=1)
x, y = "flavanoids", "hue"
filled = table[[x, y]].isna().any(axis=1)
colors = {"A": "tab:blue", "B": "tab:orange", "C": "tab:green"}

fig, axes = plt.subplots(1, 3, figsize=(11, 3.8), sharex=True, sharey=True, layout="constrained")
titles = ["observed in both", "completed by best guesses", "completed by a draw"]
for ax, title, frame in zip(axes, titles, [table, completed, drawn], strict=True):
    rows = ~filled if frame is table else filled
    shade = completed["cultivar"].map(colors).astype(str) if frame is table else None
    if frame is not table:
        ax.scatter(table[x], table[y], s=10, color="0.85")
        shade = frame["cultivar"].map(colors).astype(str)
    ax.scatter(frame[x][rows], frame[y][rows], s=18, c=shade[rows], alpha=0.8)
    ax.set(title=title, xlabel=x)
axes[0].set_ylabel(y)
for level, color in colors.items():
    axes[2].scatter([], [], color=color, label=f"cultivar {level}")
axes[2].legend(loc="upper right", frameon=False)
plt.show()

# %%
# The spread tells the difference in a number: standard deviation of the cells that were hidden,
# as they were, as best guesses, and as draws.

for column in (x, y, "proline"):
    gaps = hidden[:, complete.columns.get_loc(column)]
    spreads = [frame[column][gaps].astype(float).std() for frame in (complete, completed, drawn)]
    print("{:12} true {:7.2f}   guesses {:7.2f}   draw {:7.2f}".format(column, *spreads))
