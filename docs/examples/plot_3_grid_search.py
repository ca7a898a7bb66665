"""
Search over diffusion steps
===========================

A draw removes noise in ``n_steps`` steps: more steps follow the model more closely and take
longer. How many are enough? A grid search can tell, without training anew for each number.
"""

# %%
# Two moons, with a third of the cells hidden. Where one coordinate is missing, the other often
# leaves two places open: the distribution of a cell has two peaks, and a single guess says
# little.

import tempfile
import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_moons
from sklearn.model_selection import GridSearchCV

from skmissdiff import MissDiffImputer

X, _ = make_moons(1500, noise=0.06, random_state=0)
hidden = np.random.default_rng(0).random(X.shape) < 0.3
table = np.where(hidden, np.nan, X)

# %%
# What to search for
# ------------------
# Draws are to be distributed as the cells are. Squared errors do not measure that (the mean of
# the two moons, where no point lies, would win), so we score with the energy distance between
# completed rows and the rows without gaps; 0 would be the same distribution.

from sklearn.metrics import pairwise_distances


def energy_distance(one, other):
    """Energy distance between two samples of points."""
    between = pairwise_distances(one, other).mean()
    within = pairwise_distances(one).mean() + pairwise_distances(other).mean()
    return 2 * between - within


def distribution_score(imputer, rows, y=None):
    """Minus the energy distance between completed rows and complete ones."""
    incomplete = np.isnan(rows).any(axis=1) & ~np.isnan(rows).all(axis=1)
    completed = imputer.transform(rows[incomplete])
    return -energy_distance(completed, X)


# %%
# The search
# ----------
# With ``memory`` set, the imputer keeps what it trained in a folder. The default method's
# training does not depend on ``n_steps``, so each split is trained once and all further
# candidates only draw. Early stopping is off: on small tables it goes by the errors of guesses,
# and we are after draws.

steps = [1, 2, 3, 5, 10, 20, 40]
with tempfile.TemporaryDirectory() as folder:
    imputer = MissDiffImputer(
        sample_posterior=True,
        early_stopping=False,
        max_iter=600,
        memory=folder,
        random_state=0,
    )
    search = GridSearchCV(
        imputer, {"n_steps": steps}, scoring=distribution_score, cv=3, error_score="raise"
    )
    start = time.perf_counter()
    search.fit(table)
    print(f"{time.perf_counter() - start:.1f} s for {3 * len(steps) + 1} fits")

results = search.cv_results_
for count, fit_time, score in zip(
    steps, results["mean_fit_time"], results["mean_test_score"], strict=True
):
    print(
        f"n_steps={count:3}   energy distance {-score:.5f}   mean seconds of a fit {fit_time:.2f}"
    )
print("best:", search.best_params_)

# %%
# The draws
# ---------
# Rows with one hidden coordinate, completed in one, five and the best number of steps by the
# same fitted model: ``n_steps`` may be changed after ``fit``.

best = search.best_estimator_
one_hidden = hidden.sum(axis=1) == 1
chosen = [1, 5, search.best_params_["n_steps"]]

fig, axes = plt.subplots(1, 4, figsize=(13, 3.4), layout="constrained")
for ax, count in zip(axes, chosen, strict=False):
    drawn = best.set_params(n_steps=count).transform(table)
    ax.scatter(*X.T, s=5, color="0.85")
    ax.scatter(*drawn[one_hidden].T, s=6, color="tab:purple")
    ax.set(title=f"n_steps={count}", xticks=[], yticks=[], xlim=(-1.7, 2.7), ylim=(-1.2, 1.7))
axes[3].errorbar(
    steps, -results["mean_test_score"], results["std_test_score"], marker="o", color="tab:purple"
)
axes[3].set(xscale="log", xlabel="n_steps", title="energy distance, three splits")
axes[3].set_xticks(steps, steps)
axes[3].minorticks_off()
plt.show()
