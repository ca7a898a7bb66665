"""The benchmark commands run from end to end, on small tables."""

import csv
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from scipy.stats import wilcoxon
from sklearn.datasets import load_wine

from docs.benchmarks import (
    cost,
    device,
    draws,
    error_plots,
    generation,
    imputation,
    pages,
    pinned,
    sizes,
    speed,
    streaming,
    streaming_tables,
)
from docs.benchmarks.command import run_table
from docs.benchmarks.data import DEFAULT_DIR, icd9_chapter, load, subsample, without_gaps
from docs.benchmarks.error_plots import error_against_seconds, of_one_machine
from docs.benchmarks.generators import CEILING, GENERATORS
from docs.benchmarks.imputers import IMPUTERS, BoostingPerColumn, OnCodes
from docs.benchmarks.limits import PEERS_PYTHON, NotRun, run_limited
from docs.benchmarks.protocols import protocol_d, protocol_s, protocol_t, protocol_t_complete
from docs.benchmarks.results import NO_PEERS, Results, machine
from docs.benchmarks.streaming_pages import streaming_pages, streaming_plot
from docs.benchmarks.style import label_points, pyplot
from docs.benchmarks.tables import (
    by_machine,
    comparison,
    escape,
    mean_and_sd,
    on_one_machine,
    slope,
)

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wine():
    frame = load_wine(as_frame=True).data.iloc[:, :4]
    frame.columns = ["alcohol", "acid", "ash", "median_house_value"]
    frame["kind"] = np.where(load_wine().target == 0, "first", "other")
    return frame


@pytest.fixture(scope="module")
def data_dir(wine, tmp_path_factory):
    """A folder of tables that bear the names of benchmark tables."""
    folder = tmp_path_factory.mktemp("data")
    wine.to_csv(folder / "wine.csv", index=False)
    (folder / "meta.json").write_text(
        json.dumps({name: {"file": "wine.csv"} for name in ("breast", "california")})
    )
    return folder


def rows_of(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


# A run in a process of its own.


def parts_then_sleep(path):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    path.write_text(str(child.pid))
    yield {"first": 1}
    time.sleep(60)
    yield {"second": 2}


def raises():
    yield {"first": 1}
    raise TypeError("no *such*\nthing")


def dies():
    yield {}
    os._exit(3)


def cannot():
    yield {}
    raise NotRun(NO_PEERS)


def answers(value):
    yield {"value": value}
    yield {"peers": os.environ.get(PEERS_PYTHON)}


def test_a_run_gives_its_parts():
    assert run_limited(answers, (7,), 30) == ("ok", {"value": 7, "peers": None})
    assert run_limited(answers, (7,), 30, "python9")[1]["peers"] == "python9"


def test_a_run_ends_at_its_budget_with_all_it_started(tmp_path):
    start = time.monotonic()
    status, parts = run_limited(parts_then_sleep, (tmp_path / "pid",), 1.5)
    assert time.monotonic() - start < 30
    assert (status, parts) == ("over budget of 1.5 s", {"first": 1})
    pid = int((tmp_path / "pid").read_text())
    for _ in range(100):  # an ended process without a parent is cleared away in a moment
        state = Path(f"/proc/{pid}/stat")
        if not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z":
            return
        time.sleep(0.1)
    pytest.fail("what the run started is still running")


def test_a_failed_run_says_why():
    assert run_limited(raises, (), 30) == ("failed: TypeError: no *such* thing", {"first": 1})
    assert run_limited(dies, (), 30)[0] == "failed: the process ended with exit code 3"
    assert run_limited(cannot, (), 30)[0] == NO_PEERS


# Protocols.


def test_splits_stay_as_they_were():
    """Stored results are for these rows and cells."""
    frame = pd.DataFrame({"a": np.arange(10.0), "b": np.arange(10.0) ** 2})
    task = protocol_t(frame, 0, "breast")
    assert task.truth["a"].tolist() == [8.0, 6.0]
    assert np.argwhere(task.train_hidden).tolist() == [[0, 1], [1, 1], [5, 0]]
    assert task.unit.tolist() == [10.0, 82.0]
    assert protocol_d(frame, 0, "california").truth["a"].tolist() == [5.0, 1.0, 9.0]


def test_tasks_hide_what_they_judge(wine):
    for task in (protocol_t(wine, 1, "wine"), protocol_d(wine, 1, "letter", "MAR")):
        assert (task.test.isna().to_numpy() == task.hidden).all()
        assert (task.train.isna().to_numpy() == task.train_hidden).all()
        assert len(task.train) + len(task.test) == len(wine)
    complete = protocol_t_complete(wine, 1, "wine")
    assert complete.train.notna().all(axis=None)
    assert (complete.hidden == protocol_t(wine, 1, "wine").hidden).all()


def test_columns_that_training_does_not_see_are_left_out():
    frame = pd.DataFrame({"a": np.arange(8.0), "b": [np.nan] * 7 + [1.0], "c": list("xyxyxyxy")})
    for seed in range(20):
        task = protocol_s(frame, seed, "boys")
        seen = task.train.notna().any().to_numpy()
        assert seen.all()
        assert list(task.truth) == list(task.test) == list(task.train)
        assert task.hidden.shape == task.truth.shape
        assert (task.test.isna() & task.truth.notna()).to_numpy().tolist() == task.hidden.tolist()


def test_draws_of_the_truth_are_best_and_runs_are_not_made_again(monkeypatch, tmp_path, data_dir):
    calls = []

    def perfect(holed, n_draws, seed):
        calls.append(seed)
        return [load("california", data_dir).loc[holed.index]] * n_draws, 1.0

    def column_means(holed, n_draws, seed):
        filled = [holed[c].fillna(holed[c].mode()[0]) for c in holed]
        return [pd.concat(filled, axis=1)] * n_draws, 1.0

    monkeypatch.setattr(draws, "METHODS", {"skmissdiff": perfect, "means": column_means})
    out = tmp_path / "draws.csv"
    words = ["--tables", "california", "--seeds", "0", "1", "--n-draws", "40", "--max-rows", "500"]
    for _ in range(2):
        draws.main([*words, "--data-dir", str(data_dir), "--out", str(out)])
    assert calls == [0, 1] * 2  # both mechanisms, once
    runs = pd.read_csv(out).groupby("method")[["energy", "crps", "correlations", "inside_50"]]
    assert runs.mean().loc["skmissdiff"].tolist() == pytest.approx([0, 0, 0, 1])
    assert (runs.mean().loc["means"] > [0.01, 0.1, 0.01, -1]).all()
    made = dict(pages.draws_pages(tmp_path))
    assert "means" in made["draws_mcar_crps"]
    assert "1.000" in made["draws_intervals"]


def test_sizes_are_numbers_of_training_rows():
    hard = sizes.task("made up", 300, 0, None)
    assert hard.train.shape == (300, 4)
    assert len(hard.test) == sizes.TEST_ROWS
    assert hard.hidden.mean(axis=0) == pytest.approx(0.3, abs=0.02)
    # The formulas are those of the page: without noise nothing is left.
    x = hard.truth
    left = x["y"] - x["x1"] ** 2 - x["x1"] * x["x2"] - 0.5 * x["x3"]
    assert left.std() == pytest.approx(1, abs=0.05)
    assert np.corrcoef(x["x1"], x["x2"])[0, 1] == pytest.approx(0.4, abs=0.05)


def test_mechanisms_differ_as_they_should(wine):
    large = pd.concat([wine] * 20, ignore_index=True)
    rates = {}
    for mechanism in ("MCAR", "MAR", "MNAR"):
        task = protocol_d(large, 0, "california", mechanism)
        rates[mechanism] = np.concatenate([task.hidden, task.train_hidden]).mean(axis=0)
    assert np.allclose(rates["MCAR"], 0.3, atol=0.001)
    assert (rates["MAR"] == 0).sum() == 2  # 30 % of five columns stay observed
    assert np.allclose(rates["MAR"][rates["MAR"] > 0], 0.3, atol=0.03)
    assert np.allclose(rates["MNAR"], 0.3, atol=0.03)


def test_subsample(wine):
    assert subsample(wine, "breast", None, 0) is wine
    assert len(subsample(wine, "breast", 50, 0)) == 50
    assert len(subsample(pd.concat([wine] * 40), "census", None, 0)) == 6000
    assert subsample(wine, "census", 0, 0) is wine


def test_real_rows_are_complete():
    frame = pd.DataFrame({"a": [1.0, np.nan, 3.0], "b": ["x", "y", None]})
    done = without_gaps(frame)
    assert done["a"].tolist() == [1.0, 3.0]
    assert done["b"].tolist() == ["x", "not recorded"]


def test_diagnoses_are_grouped_by_chapter():
    assert [icd9_chapter(code) for code in ("250.83", "V57", "428", "785", "001")] == [
        "diabetes",
        "other",
        "circulatory",
        "circulatory",
        "other",
    ]


def test_a_table_by_the_name_of_its_file(data_dir, wine):
    assert load("wine", data_dir).shape == wine.shape
    with pytest.raises(FileNotFoundError, match="no table named 'beer'"):
        load("beer", data_dir)
    with pytest.raises(FileNotFoundError, match="--data-dir"):
        load("wine", data_dir / "nowhere")


@pytest.mark.skipif(not DEFAULT_DIR.exists(), reason=f"{DEFAULT_DIR} is not there")
def test_the_real_tables_load():
    assert load("breast").shape == (699, 10)
    frame = load("diabetes130")
    assert frame.shape == (101_766, 46)
    assert frame["diag_1"].nunique() == 9
    assert without_gaps(frame).notna().all(axis=None)


# The commands.


def run_imputation(data_dir, path, *more):
    methods = ["--methods", "mean / mode", "MICE (linear)", "HyperImpute"]
    where = ["--data-dir", str(data_dir), "--out", str(path)]
    return imputation.main([*methods, "--seeds", "1", *where, *more])


def test_imputation(data_dir, tmp_path, wine, capsys):
    path = tmp_path / "T.csv"
    run_imputation(data_dir, path, "--datasets", "wine")
    mean, mice, peer = rows_of(path)
    assert (mean["status"], mice["status"], peer["status"]) == ("ok", "ok", NO_PEERS)
    assert float(mice["rmse"]) < float(mean["rmse"])
    # The figure of means, without any of the benchmark's own code.
    task = protocol_t(wine, 0, "wine")
    numbers = task.train.select_dtypes("number")
    errors = task.truth[numbers.columns] - numbers.mean()
    squares = (errors / (numbers.max() + 1)).where(task.hidden[:, :4]) ** 2
    assert float(mean["rmse"]) == pytest.approx(np.sqrt(squares.mean()).mean(), rel=1e-4)
    mode = task.train["kind"].mode()[0]
    wrong = (task.truth["kind"] != mode)[task.hidden[:, 4]]
    assert float(mean["error_rate"]) == pytest.approx(wrong.mean(), rel=1e-4)
    assert float(mean["energy_distance"]) > 0
    assert float(mean["fit_seconds"]) > 0
    assert float(mean["peak_mib"]) > 0
    assert mean["threads"] == os.environ["OMP_NUM_THREADS"]
    assert mean["budget"] == "300"
    assert "3/3" in capsys.readouterr().err
    # Finished runs are not made again; the one that lacks its environment is.
    run_imputation(data_dir, path, "--datasets", "wine")
    assert [row["method"] for row in rows_of(path)[3:]] == ["HyperImpute"]


def test_imputation_in_sample(data_dir, tmp_path):
    path = tmp_path / "D.csv"
    run_imputation(data_dir, path, "--protocol", "D", "--datasets", "california")
    rows = [row for row in rows_of(path) if row["status"] == "ok"]
    assert [row["mechanism"] for row in rows] == ["MCAR", "MCAR", "MAR", "MAR", "MNAR", "MNAR"]
    assert all(float(row["train_rmse"]) > 0 and row["train_status"] == "ok" for row in rows)


def test_an_unknown_method_is_refused(data_dir):
    with pytest.raises(SystemExit, match="no method is named"):
        imputation.main(["--methods", "magic", "--data-dir", str(data_dir)])


class Resampling:
    """Rows of the training table, each cell from a row of its own."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def fit(self, X):
        self.X_ = X
        return self

    def sample(self, n_samples):
        known = {name: column.dropna().to_numpy() for name, column in self.X_.items()}
        return pd.DataFrame({k: self.rng.choice(v, n_samples) for k, v in known.items()})


def test_generation(data_dir, tmp_path, monkeypatch):
    monkeypatch.setitem(GENERATORS, "resampling", Resampling)
    path = tmp_path / "G.csv"
    arguments = ["--datasets", "california", "--missingness", "column", "--rates", "0.2"]
    arguments += ["--seeds", "1", "--methods", CEILING, "resampling", "--out", str(path)]
    generation.main([*arguments, "--data-dir", str(data_dir)])
    real, shuffled = rows_of(path)
    assert real["status"] == shuffled["status"] == "ok"
    assert real["rows"] == "89"  # half of the table; the other half is the holdout
    assert float(real["share_nearer_to_train"]) == 1
    assert float(shuffled["share_nearer_to_train"]) < 0.8
    assert float(real["rmse"]) < float(shuffled["rmse"])
    assert float(real["pair_trend"]) > float(shuffled["pair_trend"])
    assert float(shuffled["marginal"]) > 0.8
    assert float(shuffled["sample_seconds"]) > 0
    assert real["auc"] == ""  # the target is a number


def test_cost(tmp_path):
    path = tmp_path / "cost.csv"
    cost.main(
        ["--methods", "MICE (linear)", "--rows", "60", "120", "--columns", "4", "--out", str(path)]
    )
    rows = rows_of(path)
    assert [(row["rows"], row["columns"]) for row in rows] == [
        ("60", "20"),
        ("120", "20"),
        ("1000", "4"),
    ]
    assert all(float(row["fit_seconds"]) > float(row["mean_seconds"]) > 0 for row in rows)
    assert all(row["draw_seconds"] == "" for row in rows)
    pages.main(tmp_path, tmp_path)
    assert (tmp_path / "cost_seconds.png").stat().st_size > 1000
    assert "MICE (linear)" in (tmp_path / "tables" / "cost.inc").read_text()


def test_slow_and_failed_methods_get_fewer_seeds(tmp_path):
    from argparse import Namespace

    seconds = {"fast": 1.0, "slow": 61.0}
    jobs = [{"seed": s, "method": m} for s in range(4) for m in ("fast", "slow", "broken")]

    def execute(job):
        if job["method"] == "broken":
            return {"status": "failed: no"}
        return {"status": "ok", "fit_seconds": seconds[job["method"]]}

    options = Namespace(seeds=4, slow_seeds=2, budget=300)
    results = run_table(
        tmp_path / "r.csv", ["seed", "method"], ["fit_seconds"], jobs, execute, options
    )
    counts = pd.Series([row["method"] for row in results.rows.values()]).value_counts()
    assert counts.to_dict() == {"fast": 4, "slow": 2, "broken": 1}


def test_results_with_other_columns_are_not_mixed(tmp_path):
    path = tmp_path / "r.csv"
    Results(path, ["seed"], ["rmse"]).add({"seed": 0, "status": "ok", "rmse": 0.5})
    assert Results(path, ["seed"], ["rmse"]).finished({"seed": 0})["rmse"] == "0.5"
    with pytest.raises(ValueError, match="has other columns"):
        Results(path, ["seed"], ["mae"])


# Peers in another environment.

FAKE_WORKER = """
import sys
sys.path.insert(0, {folder!r})
import numpy as np
import worker

class Fake(worker.Peer):
    def load(self):
        print("noise on the output")
    def fit(self, values, n_levels):
        self.n_levels = n_levels
        self.high = np.nanmax(values, axis=0)
    def transform(self, values):
        if len(values) == 1:
            raise TypeError("one row")
        return np.where(np.isnan(values), self.high, values)
    def sample(self, n):
        return np.tile(self.high, (n, 1))

worker.PEERS["fake"] = Fake
worker.main()
"""


def test_a_pinned_peer_is_like_another_imputer(wine, tmp_path, monkeypatch):
    script = tmp_path / "fake.py"
    script.write_text(FAKE_WORKER.format(folder=str(pinned.WORKER.parent)))
    monkeypatch.setattr(pinned, "WORKER", script)
    monkeypatch.setenv(PEERS_PYTHON, sys.executable)
    train = wine.mask(np.random.default_rng(0).random(wine.shape) < 0.2)
    peer = pinned.PinnedPeer("fake", 0).fit(train)
    completed = peer.transform(train)
    expected = train.fillna(train.select_dtypes("number").max()).fillna({"kind": "other"})
    pd.testing.assert_frame_equal(completed, expected)
    assert peer.transform_seconds_ > 0
    assert peer.sample(3)["kind"].tolist() == ["other"] * 3
    with pytest.raises(NotRun, match="failed: TypeError: one row"):
        peer.transform(train.iloc[:1])
    peer.close()
    monkeypatch.delenv(PEERS_PYTHON)
    with pytest.raises(NotRun, match=NO_PEERS):
        pinned.PinnedPeer("fake", 0).fit(train)


def test_drawing_peers_are_judged_by_mean_and_mode():
    sys.path.insert(0, str(pinned.WORKER.parent))
    try:
        from worker import point_estimate
    finally:
        sys.path.pop(0)
    draws = np.array([[[1.0, 2.0]], [[2.0, 0.0]], [[6.0, 2.0]]])
    assert point_estimate(draws, np.array([0, 3])).tolist() == [[3.0, 2.0]]


# The pages.


def some_results():
    rng = np.random.default_rng(0)
    lines = []
    for column in ("a", "b"):
        for seed in range(5):
            level = rng.normal(0.3, 0.02)
            for method, factor in (("good", 1), ("bad", 1.5)):
                value = level * factor + rng.normal(0, 0.001)
                lines.append((column, seed, method, "ok", value))
        lines.append((column, 0, "slow", "over budget of 300 s", np.nan))
    return pd.DataFrame(lines, columns=["column", "seed", "method", "status", "rmse"])


def test_boosting_per_column_takes_a_level_that_occurs_once():
    """With more than 10,000 rows it stops early, by a split in which every level has two rows."""
    number = np.arange(10_100.0)
    kind = np.where(number % 2 == 0, "even", "odd").astype(object)
    kind[5], kind[8] = "once", None
    frame = pd.DataFrame({"number": number, "parity": number % 2, "kind": kind})
    assert BoostingPerColumn(0).fit(frame).transform(frame).loc[8, "kind"] == "even"


def test_a_method_with_the_easy_seeds_only_is_not_the_best():
    runs = [("good", seed, rmse) for seed, rmse in enumerate([0.1, 0.3, 0.5])]
    runs += [("easy", 0, 0.11)]
    results = pd.DataFrame(runs, columns=["method", "seed", "rmse"])
    results = results.assign(column="a", status="ok")
    text = comparison(results, "rmse", "good")
    assert "**0.300 (0.200)**" in text
    assert "**0.11" not in text
    # It is 10 % behind on the seed that both ran; 10 % ahead it would be the best.
    results.loc[3, "rmse"] = 0.09
    assert "**0.0900, 1 seed**" in comparison(results, "rmse", "good")


def test_comparison():
    results = some_results()
    text = comparison(results, "rmse", "good", published={"Paper": {"a": "0.1"}})
    rows = [part.split("\n     - ") for part in text.split("\n   * - ")[1:]]
    cells = {row[0]: [cell.strip() for cell in row[1:]] for row in rows}
    good = results[results["method"].eq("good") & results["column"].eq("a")]["rmse"]
    assert cells["RMSE"] == ["a, 5 seeds", "b, 5 seeds", "rank", "against good"]
    assert cells["good"][0] == f"**{good.mean():.3f} ({good.std():.3f})**"
    assert not cells["bad"][0].startswith("**")
    assert cells["slow"] == ["over 300 s"] * 2 + ["3.0", "\u2013"]
    assert [cells[name][2] for name in ("good", "bad")] == ["1.0", "2.0"]
    assert cells["Paper (published)"][:2] == ["0.1", "\u2013"]
    wide = results.pivot_table(index=["column", "seed"], columns="method", values="rmse")
    logs = np.log(wide["bad"] / wide["good"])
    p = wilcoxon(logs).pvalue
    assert cells["bad"][3] == f"{np.exp(logs.mean()):.2f}, p {p:.3f}, n 10"
    bad = results[results["method"].eq("bad") & results["column"].eq("a")]["rmse"]
    assert f"**{bad.mean():.3f}" in comparison(results, "rmse", higher=True)
    # Of methods that are shown apart, none is the best.
    assert f"**{good.mean():.3f}" in comparison(results, "rmse", higher=True, apart=["bad"])


def test_a_failure_is_a_word_in_the_table_and_a_line_below_it():
    results = some_results()
    broken = results["method"].eq("slow")
    results.loc[broken, "status"] = "failed: ValueError: data must be finite"
    table, *notes = comparison(results, "rmse", "good").split("\n\nslow, ")
    assert table.count(" - failed\n") == 2
    assert "ValueError" not in table
    assert notes[0].startswith("a: failed: ValueError: data must be finite")


def of_two_machines():
    """Errors of three rivals on one machine, and of the default on that and on another."""
    lines = [
        (f"{column} (9 rows)", method, seed, machine, error, error * factor)
        for column in ("a", "b")
        for seed in range(2)
        for machine, methods in MACHINES[column].items()
        for method, factor in methods.items()
        for error in [0.2 + seed / 10]
    ]
    names = ["column", "method", "seed", "machine", "rmse", "seconds"]
    frame = pd.DataFrame(lines, columns=names)
    return frame.assign(status="ok", threads=1, fit_seconds=frame["seconds"], rows=9, dataset="a")


RIVALS = {"mean / mode": 0.1, "MICE (linear)": 2, "MissForest": 5}
MACHINES = {
    "a": {"fast": {**RIVALS, "skmissdiff": 7}},
    "b": {"fast": RIVALS, "slow": {"skmissdiff": 70, "skmissdiff, median": 70}},
}


def test_seconds_of_two_machines_share_no_table():
    runs = of_two_machines()
    tables = by_machine(runs, "seconds").split(".. list-table::")[1:]
    assert [table.splitlines()[0] for table in tables] == [" seconds on fast", " seconds on slow"]
    assert "MissForest" in tables[0]
    assert "MissForest" not in tables[1]
    assert "17.5" in tables[1]  # 70 times .2 and .3
    assert "rank" not in tables[0]
    kept = on_one_machine(runs)
    assert kept.loc[kept["machine"].eq("slow"), "fit_seconds"].isna().all()
    assert kept.loc[kept["machine"].eq("fast"), "fit_seconds"].notna().all()
    assert kept["rmse"].notna().all()


def test_a_plot_has_one_machine_with_the_default_and_rivals(tmp_path):
    runs = of_two_machines()
    shown = of_one_machine(runs)
    assert set(shown["column"]) == {"a (9 rows)"}
    assert set(shown["machine"]) == {"fast"}
    path = tmp_path / "plot.png"
    assert error_against_seconds(runs, "rmse", path, "title")
    assert 1000 < path.stat().st_size < 150_000
    alone = runs[runs["column"].eq("b (9 rows)")]
    assert not error_against_seconds(alone, "rmse", tmp_path / "none.png", "title")
    assert not (tmp_path / "none.png").exists()


def test_generated_rows_are_plotted_against_seconds_beside_real_ones(tmp_path, monkeypatch):
    lines = [
        ("real rows (ceiling)", "ok", np.nan, 0.9, 0.5),
        ("skmissdiff", "ok", 10.0, 0.8, 0.6),
        ("skmissdiff", "ok", 20.0, 0.84, 0.62),
        ("TVAE", "ok", 40.0, 0.7, 0.95),
        ("CTGAN", "over budget of 300 s", 300.0, 0.1, 0.1),
    ]
    runs = pd.DataFrame(lines, columns=["method", "status", "fit_seconds", "auc", "c2st"])
    runs = runs.assign(machine="fast", threads=1)
    figures = []
    monkeypatch.setattr(error_plots, "save", lambda figure, path: figures.append(figure))
    assert error_plots.generation_plot(runs, tmp_path / "plot.png", "title")
    expected = [(0.9, [(15, 0.82), (40, 0.7)]), (0.5, [(15, 0.61), (40, 0.95)])]
    for axis, (real, points) in zip(figures[0].axes, expected, strict=True):
        *dots, level = axis.lines
        np.testing.assert_allclose(np.concatenate([dot.get_xydata() for dot in dots]), points)
        assert set(level.get_ydata()) == {real}
        assert {"skmissdiff", "TVAE", "real rows"} <= {text.get_text() for text in axis.texts}
    few = runs[runs["method"].ne("TVAE")]
    assert not error_plots.generation_plot(few, tmp_path / "none.png", "title")


def test_no_stored_seconds_are_of_an_unknown_machine():
    """What a run ran on is told in every line, so that no table mixes two of them."""
    for name in ("imputation_T", "imputation_D", "generation", "generation_complete", "cost"):
        runs = pd.read_csv(ROOT / "docs" / "benchmarks" / "results" / f"{name}.csv")
        assert runs["machine"].notna().all(), name


def test_machine_tells_the_widest_arithmetic(monkeypatch):
    text = "model name\t: EPYC\nflags\t\t: fpu avx2 avx512f{}\n"
    for more, last in (("", "AVX-512"), (" avx512_bf16", "bfloat16")):
        monkeypatch.setattr(Path, "read_text", lambda self, more=more: text.format(more))
        assert machine().split(", ")[1:] == ["EPYC", last]


def test_labels_cover_neither_points_nor_each_other():
    places = {name: (1 + i / 50, 1.0, "black", "normal") for i, name in enumerate("abcd")}
    with pyplot() as plt:
        figure, axis = plt.subplots()
        axis.set(xlim=(0, 2), ylim=(0, 2))
        label_points(axis, {f"method {name}": place for name, place in places.items()})
        boxes = [text.get_window_extent() for text in axis.texts]
        plt.close(figure)
    assert len(boxes) == 4
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_cells():
    assert mean_and_sd(pd.Series([0.0477])) == "0.0477"
    assert mean_and_sd(pd.Series([0.3, 0.5]), 5) == "0.400 (0.141), 2 seeds"
    assert mean_and_sd(pd.Series([np.nan])) == "-"
    assert escape("failed: `x` *y* a_b") == "failed: x y a b"
    sizes = np.array([10.0, 100.0, 1000.0])
    assert slope(sizes, 3 * sizes**1.5) == pytest.approx(1.5)
    assert np.isnan(slope([10], [1]))


def test_pages_show_results_and_reasons(data_dir, tmp_path):
    run_imputation(data_dir, tmp_path / "imputation_T.csv", "--datasets", "wine")
    pages.main(tmp_path, tmp_path)
    text = (tmp_path / "tables" / "imputation_T_rmse.inc").read_text()
    assert "wine (178 rows), 1 seed" in text
    assert NO_PEERS in text
    assert "MissDiff (published)" in text
    assert (
        "No runs are stored yet" in (tmp_path / "tables" / "generation_census_auc.inc").read_text()
    )


def test_every_included_table_is_made():
    folder = ROOT / "docs" / "benchmarks"
    included = set()
    for page in folder.glob("*.rst"):
        included |= set(re.findall(r"include:: tables/(.+)\.inc", page.read_text()))
    made = {name for make in pages.PAGES for name, _ in make(folder / "nothing")} | {"cost"}
    made |= {name for name, _ in pages.plot_pages(folder / "nothing", folder / "nothing")}
    assert included
    assert included <= made


def test_add_your_own_imputer_in_ten_lines(data_dir, tmp_path):
    page = (ROOT / "docs" / "benchmarks" / "index.rst").read_text()
    block = page.split("Add your own imputer in ten lines")[1].split("code-block:: python\n")[1]
    lines = [line[3:] for line in re.match(r"(\n|   .*\n)+", block)[0].strip("\n").split("\n")]
    assert len([line for line in lines if line]) <= 10
    out = tmp_path / "mine.csv"
    more = f', "--data-dir", {str(data_dir)!r}, "--out", {str(out)!r}])'
    script = "\n".join(lines).replace("])", more)
    (tmp_path / "mine.py").write_text(script)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(
        [sys.executable, tmp_path / "mine.py"], cwd=ROOT, env=environment, check=True, timeout=120
    )
    (row,) = rows_of(out)
    assert (row["method"], row["status"]) == ("mine", "ok")


def loaded():
    """What the server has imported that runs are forked from, so with both registries."""
    yield {"modules": set(sys.modules)}


def test_registries_are_lazy():
    """Building the list of methods imports none of the optional packages."""
    assert isinstance(IMPUTERS["MissForest"](0), OnCodes)
    modules = run_limited(loaded, (), 30)[1]["modules"]
    assert {"docs.benchmarks.imputers", "docs.benchmarks.generators"} <= modules
    assert not {"hyperimpute", "xgboost", "docs.benchmarks.baselines"} & modules


def test_the_quick_speed_test_tells_what_has_become_slower(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(speed, "STORED", tmp_path / "ratios.csv")
    ratios = {"fit": 10.0, "draws": 2.0}
    monkeypatch.setattr(speed, "quick_ratios", lambda: dict(ratios))
    speed.main(["--quick", "--store"])
    ratios["fit"] *= 0.9 * speed.SLOWER
    speed.main(["--quick"])
    assert "SLOWER" not in capsys.readouterr().out
    ratios["draws"] *= 1.1 * speed.SLOWER
    with pytest.raises(SystemExit, match="1 operations"):
        speed.main(["--quick"])
    assert capsys.readouterr().out.splitlines()[1].endswith("SLOWER")


def test_lines_of_the_speed_table_are_kept(monkeypatch, tmp_path, capsys):
    out = tmp_path / "speed.csv"
    command = ["--lines", "imputer's fit, 20 x 3", "--out", str(out)]
    speed.main(command)
    speed.main(command)  # it is there already
    with out.open(newline="") as file:
        (line,) = csv.DictReader(file)
    assert line["status"] == "ok"
    assert 0 < float(line["value"]) < 60
    assert capsys.readouterr().out.count("goal") == 1


def test_operations_of_the_quick_speed_test_run():
    ratios = speed.quick_ratios(n_times=1)
    assert all(0 < ratio < 1000 for ratio in ratios.values())


def test_rates_of_a_device_are_stored_once(tmp_path):
    out = tmp_path / "results" / "device.csv"
    command = ["--rows", "300", "--steps", "12", "--tables", "california", "--out", str(out)]
    device.main(command)
    device.main(command)
    with out.open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["what"] for line in lines] == device.OPERATIONS
    assert all(float(line["rows_per_second"]) > 0 for line in lines)
    assert all(0 < float(line["share"]) <= 1 for line in lines)
    ((_, text),) = pages.device_pages(out.parent)
    assert text.count("best guesses") == 1


def test_large_tables_are_shown_beside_their_goals(tmp_path, monkeypatch, capsys):
    out = tmp_path / "results" / "streaming.csv"
    figures = {
        "large file: fit": {"seconds": 100, "reading": 10, "training": 60, "steps": 1000},
        "large file: complete": {"seconds": 50, "rate": 2e4, "value": 0.6},
        "sample of 25,000, seed 0": {"rows": 25_000, "seconds": 9, "value": 0.5},
    }
    asked = []

    def measured(what, task, options):
        asked.append(what)
        found = {"status": "ok", "rows": 10**7, "codes": 60, "peak_mib": 900, "before_mib": 400}
        return {**found, "value": 0.1, **figures[what]}

    monkeypatch.setattr(streaming, "measured", measured)
    for _ in range(2):  # the second time all of it is there
        streaming.main(["--lines", *figures, "--out", str(out)])
    assert asked == list(figures)
    texts = dict(streaming_pages(out.parent))
    rows = re.findall(r"\* - (.+)\n +- (.+)\n +- (.+)\n +- (.+)\n", texts["streaming_goals"])
    assert ("fit of the large file: memory", "900 MiB", "<= 2,048 MiB", "met") in rows
    assert ("completing: rows a second, streamed / in memory", "0.60", ">= 0.7", "missed") in rows
    assert re.search(r"- 10.0\n +- 60.0\n +- 30.0\n", texts["streaming_fits"])
    # 10 billion rows at a million a second and core.
    assert re.search(r"reading, once\n +- 2.78 hours\n +- 20.8 minutes\n", texts["streaming_paper"])
    assert "25,000" in texts["streaming_samples"]
    assert streaming_plot(out.parent, tmp_path / "streaming.png")
    ((_, text), *_) = streaming_pages(tmp_path / "nothing")
    assert "No runs are stored" in text


def test_made_up_tables_are_the_same_however_they_are_cut(tmp_path):
    streaming_tables.write(tmp_path / "one" / "table.parquet", 500)
    streaming_tables.cut(tmp_path / "one" / "table.parquet", tmp_path / "many", 7)
    whole = pq.read_table(tmp_path / "one")
    assert len(list((tmp_path / "many").iterdir())) == 7
    assert pq.read_table(tmp_path / "many").equals(whole)
    assert whole.num_columns == 20
    assert streaming_tables.hard(0, 300).num_rows == 300
