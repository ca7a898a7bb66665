"""``--where``: gaps that a rule leaves empty, known from the other column or from its draw."""

import numpy as np
import pandas as pd
import pytest
from cli_helpers import fails, run

from skmissdiff import MissDiffImputer


@pytest.fixture
def people():
    """Only pregnant people have a week; whether they are is not always known."""
    rng = np.random.default_rng(0)
    n = 80
    pregnant = np.where(rng.random(n) < 0.4, "yes", "no")
    week = np.where(pregnant == "yes", rng.integers(5, 40, n).astype(float), np.nan)
    week[rng.random(n) < 0.3] = np.nan
    frame = pd.DataFrame({"pregnant": pregnant, "week": week, "ward": rng.integers(1, 4, n)})
    frame.loc[np.isnan(week) & (rng.random(n) < 0.3), "pregnant"] = None
    return frame.convert_dtypes()


def impute(capsys, source, out, *options):
    return run(capsys, "impute", source, "-o", out, "--max-iter", 0, "--seed", 3, *options)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_as_in_python(people, tmp_path, capsys, ending):
    source, out = tmp_path / f"in.{ending}", tmp_path / f"out.{ending}"
    write = people.to_csv if ending == "csv" else people.to_parquet
    write(source, index=False)
    status, err = impute(capsys, source, out, "--where", "week:pregnant=yes")
    assert status == 0, err
    found = (pd.read_csv if ending == "csv" else pd.read_parquet)(out)
    imputer = MissDiffImputer(max_iter=0, random_state=3).fit(people)
    expected = imputer.transform(people, where={"week": ("pregnant", "yes")})
    assert found["pregnant"].tolist() == expected["pregnant"].tolist()
    is_empty = found["week"].isna().tolist()
    assert is_empty == expected["week"].isna().tolist()
    assert is_empty == (found["pregnant"] != "yes").tolist()
    assert f"left empty where the rule says so: 'week' ({sum(is_empty)} of" in err


def test_each_draw_decides_for_itself(people, tmp_path, capsys):
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    people.to_csv(source, index=False)
    options = ["--where", "week:pregnant=yes", "--draws", 6]
    status, err = impute(capsys, source, out, *options)
    assert status == 0, err
    drawn = pd.read_csv(out)
    assert (drawn["week"].isna() == (drawn["pregnant"] != "yes")).all()
    assert len({tuple(part["week"].isna()) for _, part in drawn.groupby(".imp")}) > 1
    n_gaps, n_left = 6 * people["week"].isna().sum(), drawn["week"].isna().sum()
    assert f"'week' ({n_left} of {n_gaps} gaps)" in err


def test_several_values_numbers_and_other_rules(people, tmp_path, capsys):
    people["seen by"] = people["ward"].map({1: "Ada, MD", 2: "Bo", 3: "Cy"})
    people.loc[::5, "seen by"] = None
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    people.to_csv(source, index=False)
    rules = ['week:seen by="Ada, MD",Bo', "seen by:ward=1,3"]
    options = [word for rule in rules for word in ("--where", rule)]
    assert impute(capsys, source, out, "-q", *options) == (0, "")
    found, gone = pd.read_csv(out), people["seen by"].isna()
    assert (found["seen by"].isna() == (gone & (people["ward"] == 2))).all()
    filled = people["week"].isna() & found["week"].notna()
    assert set(found["seen by"][filled]) == {"Ada, MD", "Bo"}
    assert filled.sum() == (people["week"].isna() & found["seen by"].isin(["Ada, MD", "Bo"])).sum()


def test_beside_only(people, tmp_path, capsys):
    """A column that is not filled fulfils no rule where it is missing."""
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    people.to_csv(source, index=False)
    options = ["--where", "week:pregnant=yes", "--only", "week"]
    status, err = impute(capsys, source, out, *options)
    assert status == 0, err
    found = pd.read_csv(out)
    assert (found["pregnant"].isna() == people["pregnant"].isna()).all()
    assert (found["week"].notna() == (people["pregnant"] == "yes").fillna(False)).all()
    assert "gaps left as they are: 'pregnant'" in err


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("options", [[], ["--key", "row"], ["--draws", 2]])
def test_with_a_model(people, tmp_path, capsys, ending, options):
    source, model, out = tmp_path / f"in.{ending}", tmp_path / "m.npz", tmp_path / f"out.{ending}"
    write = people.to_csv if ending == "csv" else people.to_parquet
    write(source, index=False)
    assert run(capsys, "fit", source, "-o", model, "--max-iter", 0, "-q") == (0, "")
    people = people.assign(row=range(len(people)))
    (people.to_csv if ending == "csv" else people.to_parquet)(source, index=False)
    rule = ["--where", "week:pregnant=yes"]
    status, err = run(capsys, "impute", source, "-o", out, "--model", model, *rule, *options)
    assert status == 0, err
    found = (pd.read_csv if ending == "csv" else pd.read_parquet)(out)
    assert (found["week"].isna() == (found["pregnant"] != "yes")).all()
    if options == ["--key", "row"]:
        gaps = people.isna().sum().sum() - found.isna().sum().sum()
        assert f"{gaps} cells filled" in err


def test_into_a_folder(people, tmp_path, capsys):
    source, model, out = tmp_path / "in.csv", tmp_path / "m.npz", tmp_path / "out"
    people.to_csv(source, index=False)
    assert run(capsys, "fit", source, "-o", model, "--max-iter", 0, "-q") == (0, "")
    work = ["impute", source, "-o", f"{out}/", "--model", model, "-q"]
    assert run(capsys, *work, "--where", "week:pregnant=yes") == (0, "")
    found = pd.read_csv(out / "in.csv")
    assert (found["week"].isna() == (found["pregnant"] != "yes")).all()
    _, line = fails(capsys, *work, "--where", "week:pregnant=no")
    assert "it holds files of another run, with where" in line


def test_dates_and_names_with_marks_of_their_own(tmp_path, capsys):
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    days = [f"2024-01-0{1 + i % 2}" for i in range(40)]
    lines = [f"{day},{'' if i % 3 == 0 else i}" for i, day in enumerate(days)]
    source.write_text("\n".join(["a:b=c,x:y", *lines]) + "\n")
    rule = ["--where", "x:y:a:b=c=2024-01-02"]
    assert impute(capsys, source, out, "-q", *rule) == (0, "")
    found = pd.read_csv(out)
    gaps = np.arange(40) % 3 == 0
    assert (found["x:y"].isna() == (gaps & (found["a:b=c"] == "2024-01-01"))).all()


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        (["week"], "'week' is not of the form COL:OTHER=VALUE, as week:pregnant=yes is"),
        (["week:pregnant"], "is not of the form COL:OTHER=VALUE"),
        (["nil:pregnant=yes"], "there is no column 'nil'; there are pregnant, week, ward"),
        (["week:nil=yes"], "there is no column 'nil'"),
        (["week:pregnant=y"], "column 'pregnant' has no level 'y'; there are no, yes"),
        (["week:ward=a"], "column 'ward' holds numbers, not 'a'"),
        (["week:pregnant=yes", "week:ward=1"], "names column 'week' twice"),
        (["week:pregnant=yes", "pregnant:week=7"], "go round in a circle"),
    ],
)
def test_wrong_rules(people, tmp_path, capsys, monkeypatch, rules, message):
    source = tmp_path / "in.csv"
    people.to_csv(source, index=False)
    monkeypatch.setattr(MissDiffImputer, "fit", None)  # all is said before the training
    options = [word for rule in rules for word in ("--where", rule)]
    status, line = fails(capsys, "impute", source, "-o", tmp_path / "out.csv", *options)
    assert status == 2
    assert message in line
