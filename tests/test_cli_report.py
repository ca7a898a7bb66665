"""``skmissdiff sample --report``."""

import sys

import numpy as np
import pandas as pd
import pytest
from cli_helpers import MedianEstimator, fails, run

import skmissdiff

pytestmark = pytest.mark.slow


@pytest.fixture
def people(tmp_path):
    """A file with 40 rows and some missing cells."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "height": (1.7 + 0.1 * rng.normal(size=40)).round(2),
            "city": rng.choice(["Bonn", "Ulm"], 40),
        }
    )
    path = tmp_path / "people.csv"
    frame.mask(rng.random(frame.shape) < 0.1).to_csv(path, index=False)
    return path


@pytest.mark.usefixtures("median")
def test_report_beside_the_rows(people, tmp_path, capsys):
    out, page = tmp_path / "out.csv", tmp_path / "page.html"
    status, err = run(capsys, "sample", people, "-n", 30, "-o", out, "--report", page)
    assert status == 0
    assert f"wrote {page}: the generated rows beside the real ones\n" in err
    text = page.read_text(encoding="utf-8")
    assert "30 synthetic rows, 40 real rows, 2 columns" in text
    assert "Without rows that were held out from the training" in text
    assert len(pd.read_csv(out)) == 30


def test_held_out_rows_are_not_trained_on(people, tmp_path, capsys, monkeypatch):
    seen = []

    class Watched(MedianEstimator):
        def fit(self, frame):
            seen.append(frame)
            return super().fit(frame)

    monkeypatch.setitem(vars(skmissdiff), "MissDiffSampler", Watched)
    page = tmp_path / "page.html"
    args = ["sample", people, "-n", 30, "-o", tmp_path / "out.csv", "--report", page]
    status, err = run(capsys, *args, "--holdout", "0.25", "--seed", 1)
    assert status == 0
    assert "beside the real ones and 10 held-out ones\n" in err
    assert "30 synthetic rows, 30 real rows, 10 held-out real rows" in page.read_text()
    assert len(seen[0]) == 30
    run(capsys, *args, "--holdout", "0.25", "--seed", 2)
    assert not seen[0].equals(seen[1])


@pytest.mark.usefixtures("median")
def test_numbers_are_compared_as_they_are_written(people, tmp_path, capsys, monkeypatch):
    class Precise(MedianEstimator):
        def sample_batches(self, n_samples, random_state):
            for rows in super().sample_batches(n_samples, random_state):
                yield rows.assign(height=rows["height"] + 0.001)

    monkeypatch.setitem(vars(skmissdiff), "MissDiffSampler", Precise)
    page = tmp_path / "page.html"
    out = tmp_path / "out.csv"
    run(capsys, "sample", people, "-n", 40, "-o", out, "--report", page)
    real = set(pd.read_csv(people).itertuples(index=False, name=None))
    share = np.mean([row in real for row in pd.read_csv(out).itertuples(index=False, name=None)])
    assert share > 0.5
    assert f'<td>Share equal to a training row</td><td class="number mine">{share:.3f}' in (
        page.read_text()
    )


@pytest.mark.usefixtures("median")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--report", "page.pdf"], "must end in .html"),
        (["--report", "no/such/page.html"], "there is no folder"),
        (["--holdout", "0.2"], "add --report FILE.html"),
        (["--report", "page.html", "--holdout", "1"], "'1' is not a share between 0 and 1"),
        (["--report", "page.html", "--holdout", "0.03"], "leaves 1 to hold out and 39"),
    ],
)
def test_wrong_options(people, tmp_path, capsys, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    status, line = fails(capsys, "sample", people, "-n", 5, "-o", "out.csv", *options)
    assert status == 2
    assert message in line
    assert sorted(path.name for path in tmp_path.iterdir()) == ["people.csv"]


@pytest.mark.usefixtures("median")
def test_a_column_that_would_be_held_out_whole(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pd.DataFrame({"a": range(10), "b": [1.5] + [None] * 9}).to_csv("in.csv", index=False)
    for seed in range(20):
        args = ["sample", "in.csv", "-n", 5, "-o", "out.csv", "--report", "page.html", "-q"]
        status, err = run(capsys, *args, "--holdout", "0.5", "--seed", seed)
        if status:
            assert "every value of column 'b' is in the rows held out" in err
            assert not (tmp_path / "page.html").exists() or seed > 0
            return
    pytest.fail("twenty seeds have held out every other row")


@pytest.mark.usefixtures("median")
def test_a_given_level_may_be_held_out(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pd.DataFrame({"a": list("uvvvvvvvvv"), "b": range(10)}).to_csv("in.csv", index=False)
    monkeypatch.setattr(MedianEstimator, "fit", None)  # there is an error before, or this one
    args = ["sample", "in.csv", "-n", 5, "-o", "out.csv", "--report", "page.html", "-q"]
    args += ["--holdout", "0.5", "--given", "a=u", "--seed"]
    lines = [fails(capsys, *args, seed)[1] for seed in range(20)]
    held_out = [line for line in lines if "NoneType" not in line]
    assert 0 < len(held_out) < 20
    for line in held_out:
        assert "column 'a' has no level 'u' in the rows not held out; there are v" in line


@pytest.mark.usefixtures("median")
def test_matplotlib_is_asked_for_before_the_training(people, tmp_path, capsys, monkeypatch):
    for name in ["matplotlib", "matplotlib.figure"]:
        monkeypatch.setitem(sys.modules, name, None)
    page = tmp_path / "page.html"
    status, line = fails(
        capsys, "sample", people, "-n", 5, "-o", tmp_path / "out.csv", "--report", page
    )
    assert status == 2
    assert 'pip install "skmissdiff[plot]"' in line


@pytest.mark.usefixtures("median")
def test_there_are_both_files_or_none(people, tmp_path, capsys, monkeypatch):
    from skmissdiff.report import _report

    def fail(*args, **options):
        raise RuntimeError("no page today")

    monkeypatch.setattr(_report, "render", fail)
    out, page = tmp_path / "out.csv", tmp_path / "page.html"
    status, _ = fails(capsys, "sample", people, "-n", 5, "-o", out, "-q", "--report", page)
    assert status == 1
    assert not out.exists()
    assert not page.exists()
