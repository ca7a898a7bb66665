"""
Complete synthetic rows from incomplete ones
============================================

A sampler is trained on the diabetes table with a third of its cells hidden, and generates
complete rows. Do they look like the rows that it never saw whole?
"""

# %%
# The table
# ---------

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes

complete = load_diabetes(as_frame=True, scaled=False).frame
complete.columns = [
    *("age", "sex", "bmi", "blood pressure", "cholesterol", "ldl", "hdl", "tc / hdl"),
    *("log triglycerides", "glucose", "progression"),
]
complete["sex"] = complete["sex"].map({1.0: "one", 2.0: "two"}).astype("category")
hidden = np.random.default_rng(0).random(complete.shape) < 1 / 3
table = complete.mask(hidden)
print(f"{(~hidden.any(axis=1)).sum()} of {len(table)} rows are complete")

# %%
# Fit and sample
# --------------
# Several columns are skewed or lumpy. Ranks give each a bell shape for the
# training, and its own shape back in the rows that are generated.

from skmissdiff import MissDiffSampler

sampler = MissDiffSampler(random_state=0).fit(table)
rows = sampler.sample(len(table))
rows.head()

# %%
# Columns one by one
# ------------------
# Grey is the real table without gaps, which the sampler has not seen; the line is generated.

numeric = [name for name in complete if name != "sex"]
fig, axes = plt.subplots(2, 5, figsize=(13, 4.8), layout="constrained")
for ax, name in zip(axes.flat, numeric, strict=True):
    edges = np.histogram_bin_edges(complete[name], 20)
    ax.hist(complete[name], edges, color="0.82", density=True)
    ax.hist(rows[name], edges, histtype="step", color="tab:red", lw=1.6, density=True)
    ax.set(title=name, yticks=[])
fig.suptitle("real (grey) and generated (red)")
plt.show()

# %%
# Columns together
# ----------------
# Correlations of the real table, of the generated rows, and of the table after its gaps were
# filled with means, which pulls every correlation towards zero.

filled = table[numeric].fillna(table[numeric].mean())
tables = {"real": complete[numeric], "generated": rows[numeric], "filled with means": filled}
fig, axes = plt.subplots(1, 3, figsize=(12, 4.6), layout="constrained")
for ax, (title, frame) in zip(axes, tables.items(), strict=True):
    image = ax.imshow(frame.corr(), vmin=-1, vmax=1, cmap="RdBu_r")
    ax.set_title(title)
    ax.set_xticks(range(len(numeric)), numeric, rotation=90)
    ax.set_yticks(range(len(numeric)), numeric if title == "real" else [])
fig.colorbar(image, ax=axes, shrink=0.8)
plt.show()

truth = complete[numeric].corr().to_numpy()
for title, frame in list(tables.items())[1:]:
    gap = np.abs(frame.corr().to_numpy() - truth)[np.triu_indices(len(numeric), 1)]
    print(f"{title:18} mean error of a correlation {gap.mean():.3f}, largest {gap.max():.3f}")

# %%
# Are they useful?
# ----------------
# A model that is trained on generated rows and tested on real ones, beside a model trained on the
# real rows. The rows of the test are hidden from both, and from the sampler.

from sklearn.ensemble import RandomForestRegressor
from sklearn.model_selection import train_test_split

train, test = train_test_split(np.arange(len(table)), test_size=0.3, random_state=0)
sampler = MissDiffSampler(random_state=0).fit(table.iloc[train])
sources = {
    "real rows, complete": complete.iloc[train],
    "generated rows": sampler.sample(len(train)),
    "complete cases": table.iloc[train].dropna(),
}
features = [name for name in numeric if name != "progression"]
for title, frame in sources.items():
    forest = RandomForestRegressor(random_state=0).fit(frame[features], frame["progression"])
    score = forest.score(complete[features].iloc[test], complete["progression"].iloc[test])
    print(f"{title:20} {len(frame):4} rows   R2 on real rows {score:.3f}")

# %%
# All at once
# -----------
# A report compares the columns, the pairs of columns, and the rows as a whole, for which a
# classifier tries to tell them from real ones, and asks whether rows were copied from the training
# table. Real rows that the sampler has not seen stand beside the generated ones: they show what
# chance allows. ``report.to_html("report.html")`` writes all of it to one file.

from skmissdiff.report import SyntheticReport

report = SyntheticReport(
    table.iloc[train], sources["generated rows"], table.iloc[test], random_state=0
)
figure = plt.figure(figsize=(11, 11), layout="constrained")
report.plot(figure)
plt.show()
