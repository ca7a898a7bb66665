"""
Balance a rare class with generated rows
========================================

Of 350 tumours only 20 are malignant, and a fifth of the measurements is missing. A classifier
sees too few malignant ones to recognise others. A sampler can generate more of them: rows
whose class is *given* and whose other cells are drawn.
"""

# %%
# A table with a rare class
# -------------------------

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer

cancer = load_breast_cancer(as_frame=True)
features = ["mean radius", "mean texture", "mean smoothness", "mean concavity", "mean symmetry"]
tumours = cancer.data[features].assign(
    kind=pd.Categorical(np.where(cancer.target == 0, "malignant", "benign"))
)
rng = np.random.default_rng(0)
malignant = rng.permutation(np.flatnonzero(cancer.target == 0))
benign = rng.permutation(np.flatnonzero(cancer.target == 1))
train = tumours.iloc[np.concatenate([malignant[:20], benign[:330]])].reset_index(drop=True)
test = tumours.iloc[np.concatenate([malignant[20:], benign[330:]])]
train[features] = train[features].mask(rng.random((len(train), len(features))) < 0.2)
train["kind"].value_counts()

# %%
# Rows whose class is given
# -------------------------
# The class is an ordinary column of the table. ``given`` fixes it, and the network draws the
# other columns with the class clean at every step: nothing is drawn and thrown away.

from skmissdiff import MissDiffSampler

sampler = MissDiffSampler(max_iter=300, random_state=0).fit(train)
new = sampler.sample(310, given={"kind": "malignant"})
balanced = pd.concat([train, new], ignore_index=True)
new.head()

# %%
fig, axes = plt.subplots(1, 2, figsize=(10, 4.2), sharex=True, sharey=True, layout="constrained")
for ax, frame, title in zip(axes, (train, balanced), ("as it came", "balanced"), strict=True):
    for kind, colour in (("benign", "0.65"), ("malignant", "tab:red")):
        shown = frame[frame["kind"] == kind]
        ax.scatter(shown["mean radius"], shown["mean concavity"], s=12, c=colour, label=kind)
    ax.set(title=f"training rows, {title}", xlabel="mean radius")
axes[0].set_ylabel("mean concavity")
axes[0].legend(frameon=False)
plt.show()

# %%
# Does it help?
# -------------
# The rows of the test are real and complete, and most of them are malignant. Gradient boosting
# takes missing cells as they are.

from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import balanced_accuracy_score, recall_score

for title, frame in {"as it came": train, "balanced": balanced}.items():
    model = HistGradientBoostingClassifier(random_state=0)
    predicted = model.fit(frame[features], frame["kind"]).predict(test[features])
    found = recall_score(test["kind"], predicted, pos_label="malignant")
    accuracy = balanced_accuracy_score(test["kind"], predicted)
    print(f"{title:12} malignant found {found:.0%}   balanced accuracy {accuracy:.1%}")

# %%
# Partial rows
# ------------
# ``given`` takes one value per row as well, or a frame of partial rows, whose gaps are drawn: here
# 200 small tumours and 200 large ones.

radius = np.repeat([10.0, 18.0], 200)
rows = sampler.sample(given={"mean radius": radius})
rows.groupby("mean radius")["kind"].value_counts().unstack(fill_value=0)
