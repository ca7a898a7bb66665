"""What R's mice says, and the completed tables that it says it of; see data/reference.R."""

import json
import pathlib

import numpy as np
import pandas as pd

DATA = pathlib.Path(__file__).parent / "data"
REFERENCE = json.loads((DATA / "reference.json").read_text())
TABLES = ("nhanes2", "airquality", "boys")
KINDS = ("linear", "logistic")
CASES = [(table, kind) for table in TABLES for kind in KINDS]
CATEGORIES = {"age": ["20-39", "40-59", "60-99"], "gen": ["G1", "G2", "G3", "G4", "G5"]}

# The columns of a pooled table as mice calls them, and as we do.
COLUMNS = {
    "estimate": "estimate",
    "std.error": "std_error",
    "statistic": "statistic",
    "df": "df",
    "p.value": "p_value",
    "conf.low": "conf_low",
    "conf.high": "conf_high",
    "riv": "riv",
    "lambda": "lambda",
    "fmi": "fmi",
    "ubar": "ubar",
    "b": "b",
    "t": "t",
}

# The designs of reference.R: the columns of the larger model, and how many the smaller has.
DESIGNS = {
    ("nhanes2", "linear"): ("chl", ["age", "bmi"], ["bmi"]),
    ("nhanes2", "logistic"): ("high", ["bmi", "chl"], ["bmi"]),
    ("airquality", "linear"): ("Ozone", ["Solar_R", "Wind", "Temp"], ["Temp"]),
    ("airquality", "logistic"): ("high", ["Solar_R", "Wind", "Temp"], ["Temp"]),
    ("boys", "linear"): ("tv", ["age", "hgt", "bmi", "gen"], ["age", "hgt", "bmi"]),
    ("boys", "logistic"): ("high", ["age", "hgt", "bmi"], ["age"]),
}


def completed_tables(name):
    """The tables that mice has completed."""
    long = pd.read_csv(DATA / f"{name}.csv.gz")
    for column, categories in CATEGORIES.items():
        if column in long and not pd.api.types.is_numeric_dtype(long[column]):
            long[column] = pd.Categorical(long[column], categories)
    return [table.drop(columns=".imp") for _, table in long.groupby(".imp")]


def reference_estimates(table, kind):
    """Names, estimates and covariances of the single fits in R."""
    found = REFERENCE[table][kind]
    names = [row["term"] for row in found["pool"]]
    return names, np.array(found["estimates"]), np.array(found["covariances"])


def pooled_reference(table, kind, which="pool"):
    """mice's pooled table, by our names of its columns."""
    rows = REFERENCE[table][kind][which]
    return {
        ours: np.array(
            [np.nan if row[theirs] is None else row[theirs] for row in rows], dtype=float
        )
        for theirs, ours in COLUMNS.items()
    }


def dummies(frame, columns):
    """A design matrix with an intercept, as R's treatment contrasts have it."""
    parts = [np.ones(len(frame))]
    for column in columns:
        values = frame[column]
        if column in CATEGORIES and isinstance(values.dtype, pd.CategoricalDtype):
            parts += [(values == category) * 1.0 for category in values.cat.categories[1:]]
        else:
            parts.append(values.astype(float))
    return np.column_stack(parts)


def assert_test_equals(test, expected, rtol=1e-8):
    for name in ("statistic", "df1", "df2", "p_value", "riv"):
        np.testing.assert_allclose(getattr(test, name), expected[name], rtol=rtol, err_msg=name)
