"""
Look at what was imputed
========================

Four pictures answer four questions. Is what was imputed plausible beside what was observed? How
sure is it in a single row? Are draws as uncertain as they should be? Was the training long enough?
Each is a display in the manner of scikit-learn, made by one call.
"""

# %%
# The table
# ---------
# Scikit-learn's diabetes data. Two of the blood values are missing more often the older the patient
# is.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import load_diabetes

complete = load_diabetes(as_frame=True, scaled=False).frame
complete = complete[["age", "sex", "bmi", "bp", "s1", "s2", "s3", "s5", "target"]]
complete.columns = [
    *("age", "sex", "bmi", "pressure", "cholesterol", "ldl", "hdl", "log triglycerides"),
    "progression",
]
complete["sex"] = complete["sex"].map({1.0: "one", 2.0: "two"}).astype("category")
rng = np.random.default_rng(0)
hidden = rng.random(complete.shape) < 0.15
old = 1 / (1 + np.exp((55 - complete["age"]) / 6))
blood = [complete.columns.get_loc(name) for name in ("cholesterol", "hdl")]
hidden[:, blood] |= rng.random((len(complete), 2)) < 0.6 * old.to_numpy()[:, None]
hidden[:, 0] = False
table = complete.mask(hidden)
table.isna().mean().round(2)

# %%
# Observed and imputed values
# ---------------------------
# A line for each of five imputations, on the observed cells in blue. They need not agree: here
# imputed blood values are those of older people. A category is a pair of bars, with a line from the
# least to the largest share in a single imputation.

from skmissdiff import MissDiffImputer
from skmissdiff.displays import ImputedDistributionDisplay

imputer = MissDiffImputer(random_state=0).fit(table)
ImputedDistributionDisplay.from_estimator(imputer, table)
plt.show()

# %%
# Best guesses, in one line, are drawn together in the middle: that is right for single cells, and
# wrong for everything that is computed from a column as a whole.

best = imputer.transform(table)
ImputedDistributionDisplay.from_imputations(
    table, best, columns=["pressure", "cholesterol", "hdl"], kind="ecdf"
)
plt.show()

# %%
# Single rows
# -----------
# For each missing cell of a few rows: the point estimate, the intervals that hold half of the draws
# and nine tenths of them, and, since we know it here, the truth. The shaded strip is the middle
# half of the observed column: an interval as wide as that would tell nothing. Cholesterol is well
# known where LDL is there, blood pressure hardly from anything. The area of a circle is the share
# of a category.

from skmissdiff.displays import RowImputationsDisplay

rows = np.flatnonzero(table["sex"].isna() & (table.isna().sum(axis=1) > 2))[:6]
RowImputationsDisplay.from_estimator(imputer, table, rows, X_true=complete)
plt.show()

# %%
# Are draws as uncertain as they should be?
# -----------------------------------------
# A fifth of the observed cells is hidden from a new fit and drawn. Where draws come from the right
# distribution, all ranks of the truth among them are equally frequent, and an interval that holds
# half of the draws holds half of the true values. A hump on the left, or lines above the diagonal
# on the right, say that draws vary more than they should; a trough and lines below, less.

from skmissdiff.displays import ImputationCalibrationDisplay

display = ImputationCalibrationDisplay.from_estimator(imputer, table, random_state=0)
plt.show()

pd.DataFrame({level: display.coverage(level) for level in (0.5, 0.9)}).round(2)

# %%
# The training
# ------------
# On the right is the error of cells of held-out rows, relative to the factor analysis that the
# training starts from. The weights with the least error are kept, the later of those that are
# as good, so that a training that went on for too long does no harm.

from skmissdiff.displays import TrainingDisplay

TrainingDisplay.from_estimator(imputer)
plt.show()
