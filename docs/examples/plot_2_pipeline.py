"""
Impute inside a cross-validated pipeline
========================================

Which imputer serves a classifier best? The imputer is a part of the model: it must be trained on
the training rows of each split alone. In a :class:`~sklearn.pipeline.Pipeline` that happens by
itself.
"""

# %%
# We hide growing shares of the cells of the breast cancer data and compare four imputers in front
# of the same classifier. The same cells are hidden for all.

import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmissdiff import MissDiffImputer

X, y = load_breast_cancer(return_X_y=True)
X = X[:, :10]  # the mean of each measurement
imputers = {
    "mean": SimpleImputer(),
    "nearest neighbours": KNNImputer(),
    "iterative": IterativeImputer(max_iter=20, tol=0.1, random_state=0),
    "MissDiff": MissDiffImputer(max_iter=100, random_state=0),
}
rates = [0.2, 0.4, 0.6]
splits = StratifiedKFold(3, shuffle=True, random_state=0)

scores, seconds = {}, {}
for name, imputer in imputers.items():
    start = time.perf_counter()
    for rate in rates:
        hidden = np.random.default_rng(0).random(X.shape) < rate
        model = make_pipeline(StandardScaler(), imputer, LogisticRegression())
        losses = cross_val_score(
            model, np.where(hidden, np.nan, X), y, cv=splits, scoring="neg_log_loss"
        )
        scores[name, rate] = -losses
    seconds[name] = time.perf_counter() - start

# %%
# The log loss on held-out rows, smaller is better, with a dot for every split. The dotted line is
# the classifier on the complete table.

model = make_pipeline(StandardScaler(), LogisticRegression())
ceiling = -cross_val_score(model, X, y, cv=splits, scoring="neg_log_loss").mean()

fig, ax = plt.subplots(figsize=(8, 4.2), layout="constrained")
for number, name in enumerate(imputers):
    offset = (number - 1.5) * 0.13
    for position, rate in enumerate(rates):
        losses = scores[name, rate]
        place = position + offset
        label = name if position == 0 else None
        ax.plot([place, place], [losses.min(), losses.max()], color=f"C{number}", lw=1)
        ax.scatter([place] * len(losses), losses, s=14, color=f"C{number}")
        ax.scatter(place, losses.mean(), s=90, marker="_", color=f"C{number}", lw=3, label=label)
ax.axhline(ceiling, color="0.5", ls=":", label="nothing hidden")
ax.set_xticks(range(len(rates)), [f"{rate:.0%}" for rate in rates])
ax.set(xlabel="share of cells hidden", ylabel="log loss on held-out rows")
ax.legend(frameon=False)
plt.show()

# %%
# And what they took, for three shares of three splits each:

for name in imputers:
    means = "  ".join(f"{scores[name, rate].mean():.3f}" for rate in rates)
    print(f"{name:20} log loss {means}   {seconds[name]:6.1f} s")
