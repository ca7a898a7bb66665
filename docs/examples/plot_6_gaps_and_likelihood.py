"""
Rows with gaps like yours, and how likely rows are
==================================================

To share a table without sharing its rows, generated rows should have the real table's gaps,
too. And to know whether a model of the rows is a good one, ask how likely it finds rows that it
has not seen.
"""

# %%
# A table whose gaps tell something
# ---------------------------------
# Scikit-learn's diabetes data. The blood pressure is missing more often the older the patient
# is, and two of the blood values are always missing together.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import load_diabetes

complete = load_diabetes(as_frame=True, scaled=False).data[["age", "bmi", "bp", "s3", "s5"]]
complete = complete.rename(columns={"bp": "pressure", "s3": "hdl", "s5": "triglycerides"})
rng = np.random.default_rng(0)
table = complete.copy()
table.loc[rng.random(len(table)) < 1 / (1 + np.exp((55 - table["age"]) / 6)), "pressure"] = np.nan
table.loc[rng.random(len(table)) < 0.25, ["hdl", "triglycerides"]] = np.nan
table.isna().mean().round(2)

# %%
# Generated rows that keep the gaps
# ---------------------------------
# ``fit`` learns, besides the rows, which cells are missing in rows of which kind.
# ``sample_batches`` hands out any number of rows in bounded memory, table by table.

from skmissdiff import MissDiffSampler

sampler = MissDiffSampler(max_iter=200, random_state=0).fit(table)
batches = sampler.sample_batches(3000, batch_size=1000, keep_missing=True)
rows = pd.concat(batches, ignore_index=True)
print(rows.isna().mean().round(2).to_string())
print("hdl without triglycerides:", int((rows["hdl"].isna() != rows["triglycerides"].isna()).sum()))

# %%
# The generated table has the real one's gaps where the real one has them.

edges = [18, 35, 45, 55, 65, 80]
centres = (np.array(edges[1:]) + edges[:-1]) / 2
fig, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
for frame, style in ((table, "o-"), (rows, "s--")):
    group = pd.cut(frame["age"], edges)
    share = frame["pressure"].isna().groupby(group, observed=False).mean()
    ax.plot(centres, share, style, label="generated" if frame is rows else "real")
ax.set(xlabel="age", ylabel="share without blood pressure", ylim=(0, 1))
ax.legend(frameon=False)
plt.show()

# %%
# How likely are rows?
# --------------------
# ``score_samples`` bounds the log density of the observed cells of each row, in nats, and
# ``score`` is their mean. Rows that contradict what the table has taught are less likely, though
# each of their values alone is ordinary: here the blood values of other patients take the
# place of the row's own.

odd = table.copy()
order = np.random.default_rng(1).permutation(len(table))
odd[["hdl", "triglycerides"]] = table[["hdl", "triglycerides"]].to_numpy()[order]
print(f"rows of the table     {sampler.score(table):.2f} nats")
print(f"with others' values   {sampler.score(odd):.2f} nats")

# %%
# Choose between settings by it
# -----------------------------
# A search finds the settings under which rows that were held out
# are most likely. 0 iterations is the factor analysis that training starts from; with few rows
# and without early stopping, long training makes other rows of the same kind less likely.

from sklearn.model_selection import GridSearchCV

search = GridSearchCV(
    MissDiffSampler(early_stopping=False, random_state=0),
    {"max_iter": [0, 30, 150]},
    cv=3,
).fit(table)
pd.DataFrame(search.cv_results_)[["param_max_iter", "mean_test_score", "std_test_score"]].round(2)
