"""
Gaps of known origin
====================

Why a cell is missing decides what can be learnt in spite of it. We spoil one table in several ways,
look at the gaps, and see what each does to a plain average.
"""

# %%
# A table without gaps
# --------------------
# Chemical measurements of 178 wines.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.colors import ListedColormap
from sklearn.datasets import load_wine

from skmissdiff.missingness import ampute, missing_pattern, plot_missing_pattern

wine = load_wine(as_frame=True).data
wine = wine.drop(columns=["od280/od315_of_diluted_wines", "nonflavanoid_phenols"])
wine = wine.sort_values("alcohol", ignore_index=True)

# %%
# Six ways to lose a third
# ------------------------
# Each picture is the table: 178 lines, sorted by alcohol, by 11 columns; red cells are hidden.
# Blocks and drop-out are visible as such. Under "mar" the chance depends on alcohol, the first
# column, which stays observed: columns lose more cells either at the top or at the bottom.

ways = {
    "mcar": {},
    "row": {},
    "block": {"block_shape": (20, 3)},
    "monotone": {},
    "mar": {"observed_columns": ["alcohol"], "strength": 3},
    "mnar_self": {"strength": 3},
}
fig, axes = plt.subplots(1, 6, figsize=(10, 3.6), sharey=True, layout="constrained")
for ax, (mechanism, options) in zip(axes, ways.items(), strict=True):
    _, hidden = ampute(wine, mechanism, 0.33, random_state=0, **options)
    ax.imshow(
        hidden, aspect="auto", interpolation="nearest", cmap=ListedColormap(["#e9edf0", "#c8553d"])
    )
    ax.set_title(f"{mechanism}: {hidden.mean():.0%}", fontsize="medium")
    ax.set_xticks([])
axes[0].set_ylabel("wines, by alcohol")
plt.show()

# %%
# What it does to an average
# --------------------------
# The mean of the observed cells, less the true mean, in standard deviations, over 50 tables
# each. Cells missing completely at random leave it right on average. Self-masking pulls every
# column down. Under "mar" it is off in one direction or the other, but alcohol, which is
# observed, tells the difference: an imputer can put this right.

rows = {}
for mechanism, options in ways.items():
    off = []
    for seed in range(50):
        spoiled, _ = ampute(wine, mechanism, 0.33, random_state=seed, **options)
        off.append((spoiled.mean() - wine.mean()) / wine.std())
    off = np.array(off)[:, 1:]
    rows[mechanism] = {"mean": off.mean(), "typical size": np.sqrt((off**2).mean())}
pd.DataFrame(rows).T.round(2)

# %%
# The pattern of the gaps
# -----------------------
# A table of your own has gaps of unknown origin. Their pattern gives a hint: drop-out, say, or
# columns that are always missing together.

spoiled, _ = ampute(wine, "monotone", 0.2, random_state=0)
print(missing_pattern(spoiled))
plot_missing_pattern(spoiled, max_patterns=12)
plt.show()
