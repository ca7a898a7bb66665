"""``--relations found``: what holds in every row of a file holds in what is written."""

import numpy as np
import pandas as pd
import pytest

from skmissdiff.cli import _main as cli


@pytest.fixture
def stays(tmp_path):
    rng = np.random.default_rng(0)
    start = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, 80), unit="D")
    end = start + pd.to_timedelta(rng.integers(0, 9, 80), unit="D")
    table = pd.DataFrame({"start": start, "end": end})
    table.mask(rng.random(table.shape) < 0.2).to_csv(tmp_path / "in.csv", index=False)
    return tmp_path / "in.csv"


@pytest.mark.parametrize(
    "command", [["impute"], ["impute", "--draws", "1"], ["sample", "-n", "50"]], ids=str
)
def test_found_relations_are_kept_and_listed(stays, capsys, command):
    out = stays.with_name("out.csv")
    options = ["--relations", "found", "--max-iter", "0", "--seed", "0"]
    assert cli.main([*command, str(stays), "-o", str(out), *options]) == 0
    assert "in every row holds Order(columns=['start', 'end'])" in capsys.readouterr().err
    rows = pd.read_csv(out, parse_dates=["start", "end"])
    assert (rows["start"] <= rows["end"]).all()


def test_they_are_settled_by_a_model(stays, capsys):
    model = str(stays.with_name("model.npz"))
    options = ["--relations", "found", "--max-iter", "0", "--seed", "0", "-q"]
    assert cli.main(["fit", str(stays), "-o", model, *options]) == 0
    out = stays.with_name("out.csv")
    assert cli.main(["impute", str(stays), "-o", str(out), "--model", model]) == 0
    rows = pd.read_csv(out, parse_dates=["start", "end"])
    assert (rows["start"] <= rows["end"]).all()
    wrong = ["impute", str(stays), "-o", str(out), "--model", model, "--relations", "found"]
    assert cli.main(wrong) != 0
    assert "--relations" in capsys.readouterr().err
