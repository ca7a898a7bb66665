"""A table, a stand-in for the estimators and a way to run the command, for its tests."""

import numpy as np
import pytest

import skmissdiff
from skmissdiff.cli import _main as cli

# Every trait of a file that a careless writer loses: quotation marks, zeros at either end,
# spellings of a missing value, a blank inside a cell.
TABLE = """"id",code,height,"children",city,day
1,007,1.10,2,"Bonn",2024-01-01
2,012,,0,"Bad Ems, Lahn",2024-01-02
3,,1.85,NA,"Ulm",2024-01-03
4,007,1.7,1,,2024-01-04
5,012,1.60,3,"Ulm",
"""


class MedianEstimator:
    """Stands for either estimator where a test is not about what it learns."""

    def __init__(self, **parameters):
        self.parameters = parameters

    def fit(self, frame):
        self.frame = frame
        return self

    def transform(self, frame, pick=0, impute_columns=None):
        filled = frame.copy()
        for name in filled:
            values = filled[name].array.copy()
            levels = filled[name].dropna().sort_values()
            values[filled[name].isna()] = levels.iloc[(len(levels) // 2 + pick) % len(levels)]
            filled[name] = values
        return filled

    def multiple_impute(self, frame, n_imputations, random_state, impute_columns=None):
        return [self.transform(frame, pick=draw) for draw in range(n_imputations)]

    def sample_batches(self, n_samples, random_state, **wishes):
        rows = self.transform(self.frame).iloc[np.arange(n_samples) % len(self.frame)]
        return (rows.assign(**wishes.get("given", {}))[i : i + 3] for i in range(0, n_samples, 3))


@pytest.fixture
def median(monkeypatch):
    """Replace the estimators by medians."""
    # Set in the dictionary: asking the package for the real ones would import them.
    monkeypatch.setitem(vars(skmissdiff), "MissDiffImputer", MedianEstimator)
    monkeypatch.setitem(vars(skmissdiff), "MissDiffSampler", MedianEstimator)


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "in.csv"
    path.write_text(TABLE)
    return path


def run(capsys, *args):
    """Exit status and standard error of the command."""
    try:
        status = cli.main([str(arg) for arg in args])
    except SystemExit as stop:  # argparse
        status = stop.code
    out, err = capsys.readouterr()
    assert out == ""
    return status, err


def fails(capsys, *args):
    """Exit status and the only line of a failing command."""
    status, err = run(capsys, *args)
    lines = err.splitlines()
    assert len(lines) == 1, err
    assert lines[0].startswith("skmissdiff: error: ")
    return status, lines[0]
