"""Times of day and durations in text files: which are found, and how new ones are written."""

import datetime as dt
import re

import pandas as pd
import pytest
from cli_helpers import fails, run

from skmissdiff import MissDiffImputer
from skmissdiff.cli._csv_column import parse_column
from skmissdiff.cli._reading import Reading


def column(*cells, **options):
    return parse_column("x", list(cells), Reading(**options))


@pytest.mark.parametrize(
    ("cells", "value", "text"),
    [
        (["08:30", "17:05", ""], dt.time(9, 5, 40), "09:06"),
        (["8:30", "17:05"], dt.time(9, 5), "9:05"),
        (["08:30:15", "23:59:59"], dt.time(23, 59, 59, 900_000), "23:59:59"),
        (["08:30:15.25"], dt.time(7, 0, 1, 126_000), "07:00:01.13"),
        (["08:30:15,250"], dt.time(7, 0, 1), '"07:00:01,000"'),
        (["8:30 AM", "12:15 PM"], dt.time(0, 5), "12:05 AM"),
        (["8:30 AM", "12:15 PM"], dt.time(13, 5), "1:05 PM"),
        (["08:30a.m.", "01:15p.m."], dt.time(12, 0), "12:00p.m."),
        (["08:30", "09:15", "08:30:15"], dt.time(8, 30), "08:30"),
        (['"08:30"'], dt.time(8, 0), '"08:00"'),
    ],
)
def test_times_of_day_are_found_and_written_alike(cells, value, text):
    found = column(*cells)
    assert found.kind == "time"
    assert all(isinstance(time, dt.time) for time in found.series().dropna())
    assert found.series().isna().tolist() == found.missing.tolist()
    assert found.style.format(value, ",") == text


@pytest.mark.parametrize(
    ("cells", "first", "value", "text"),
    [
        (["7:30", "36:15"], "7h 30m", "125h 5m", "125:05"),
        (["07:30:10", "36:15:00"], "7h 30m 10s", "3h", "03:00:00"),
        (["1:45.32", "12:03.5"], "1m 45.32s", "2m 7.5s", "2:07.50"),
        (["1:45.3", "1:01:45.32"], "1m 45.3s", "62m", "1:02:00.00"),
        (["24:00", "08:00"], "24h", "-90m", "-01:30"),
    ],
)
def test_what_goes_beyond_a_day_is_a_duration(cells, first, value, text):
    found = column(*cells)
    assert found.kind == "duration"
    assert found.series()[0] == pd.Timedelta(first)
    assert found.style.format(pd.Timedelta(value), ",") == text


@pytest.mark.parametrize(
    ("cells", "remark"),
    [
        (["08:30", "09:15", "late"], "mostly times and is read as categories because it holds"),
        (["08:30", "09:15", "08:60"], "add --missing-values=08:60"),
        (["08:30", "9:15 PM"], "times with and without AM or PM"),
        (["late", "early", "08:30"], ""),
        (["a:30", "b:10"], ""),
        (["1:2", "16:9"], ""),
    ],
)
def test_other_texts_stay_categories(cells, remark):
    found = column(*cells)
    assert found.kind == "category"
    assert remark in found.remark
    assert bool(remark) == bool(found.remark)


def test_times_may_be_categories():
    assert column("08:30", "09:15", kinds={"x": "category"}).kind == "category"


def _shifts(path, start="8:05"):
    """Shifts that begin in minutes, and end after them to the second."""
    lines = ["start,end,paid"]
    for i in range(60):
        begin, hours = 420 + 7 * i % 240, 100 + i % 40
        cells = [f"{begin // 60}:{begin % 60:02}", f"{begin // 60 + 8:02}:{begin % 60:02}:00"]
        cells += [f"{hours}:{(7 * i) % 60:02}"]
        for place in range(3):
            if i % 8 == 2 * place + 1:
                cells[place] = ""
        lines.append(",".join(cells))
    path.write_text("\n".join(lines) + "\n")
    return path


def test_the_command_completes_them_in_their_own_style(tmp_path, capsys):
    source, out = _shifts(tmp_path / "in.csv"), tmp_path / "out.csv"
    status, err = run(capsys, "impute", source, "-o", out, "--max-iter", 0, "--seed", 0)
    assert status == 0, err
    assert "read as times of day: 'start' (7:00), 'end' (15:00:00)" in err
    assert "read as durations: 'paid' (100:00)" in err
    assert "start   8        13.3%  07:00:00 .. 10:5" in err
    before, after = (path.read_text().splitlines() for path in (source, out))
    for old, new in zip(before, after, strict=True):
        for was, now in zip(old.split(","), new.split(","), strict=True):
            assert was in ("", now)
    completed = pd.read_csv(out)
    assert completed["start"].str.fullmatch(r"\d?\d:\d\d").all()
    assert completed["end"].str.fullmatch(r"\d\d:\d\d:\d\d").all()
    assert completed["paid"].str.fullmatch(r"1\d\d:\d\d").all()
    # The end tells the start to the minute.
    times = [
        pd.to_timedelta(completed[name] + end) for name, end in (("start", ":00"), ("end", ""))
    ]
    assert ((times[1] - times[0] - pd.Timedelta("8h")).abs() < pd.Timedelta("20min")).all()


def test_given_times_and_bounds_of_times(tmp_path, capsys):
    source, out = _shifts(tmp_path / "in.csv"), tmp_path / "out.csv"
    options = ["-n", 20, "--max-iter", 0, "--seed", 0, "-q"]
    wishes = ["--given", "end=17:00:00", "--bounds", "start=8:00:9:00", "--bounds", "paid=110:00:"]
    assert run(capsys, "sample", source, "-o", out, *options, *wishes) == (0, "")
    rows = pd.read_csv(out)
    assert set(rows["end"]) == {"17:00:00"}
    assert rows["start"].str.fullmatch("8:[0-5][0-9]|9:00").all()
    assert rows["paid"].str.slice(0, 3).astype(int).ge(110).all()
    status, line = fails(capsys, "sample", source, "-o", out, *options, "--given", "end=noon")
    assert status == 2
    assert "column 'end' holds times of day, and 'noon' is none" in line
    status, line = fails(capsys, "sample", source, "-o", out, *options, "--bounds", "paid=a:b")
    assert "column 'paid' holds durations, and 'a' is none" in line


def test_a_saved_model_knows_them(tmp_path, capsys):
    source, model, out = _shifts(tmp_path / "in.csv"), tmp_path / "m.npz", tmp_path / "out.csv"
    assert run(capsys, "fit", source, "-o", model, "--max-iter", 0, "-q") == (0, "")
    part = tmp_path / "part.csv"
    # Alone the last column would be one of times of day.
    part.write_text("start,end,paid\n9:05,,12:30\n,17:10:00,\n")
    assert run(capsys, "impute", part, "-o", out, "--model", model, "-q") == (0, "")
    completed = pd.read_csv(out)
    assert completed["end"].str.fullmatch(r"\d\d:\d\d:\d\d").all()
    assert completed["paid"].str.fullmatch(r"1\d\d:\d\d|12:30").all()
    options = ["--model", model, "-n", 5, "--given", "start=8:15", "-q"]
    assert run(capsys, "sample", "-o", out, *options) == (0, "")
    assert set(pd.read_csv(out)["start"]) == {"8:15"}
    part.write_text("start,end,paid\n25:05,,12:30\n")
    status, line = fails(capsys, "impute", part, "-o", out, "--model", model)
    assert status == 2
    assert "column 'start' held times of day in the fit and holds '25:05' now" in line


def test_a_model_of_python_writes_them_plainly(tmp_path, capsys):
    times = [dt.time(8 + i % 8, i % 60) for i in range(40)]
    frame = pd.DataFrame(
        {"at": times, "took": pd.to_timedelta(range(40), unit="s"), "x": range(40)}
    )
    model, out = tmp_path / "m.npz", tmp_path / "out.csv"
    MissDiffImputer(max_iter=0, random_state=0).fit(frame).save(model)
    options = ["--model", model, "-n", 5, "--seed", 0, "-q"]
    assert run(capsys, "sample", "-o", out, *options) == (0, "")
    rows = pd.read_csv(out)
    assert rows["at"].str.fullmatch(r"\d\d:\d\d:00").all()
    assert rows["took"].str.fullmatch(r"00:00:\d\d").all()


def test_parquet_keeps_their_types(tmp_path, capsys):
    pq = pytest.importorskip("pyarrow.parquet")
    source, out, again = (
        _shifts(tmp_path / "in.csv"),
        tmp_path / "o.parquet",
        tmp_path / "2.parquet",
    )
    assert run(capsys, "impute", source, "-o", out, "--max-iter", 0, "-q") == (0, "")
    types = [str(field.type) for field in pq.read_schema(out)]
    assert types == ["time64[us]", "time64[us]", "duration[us]"]
    frame = pd.read_parquet(out)
    frame.loc[:9, "start"] = None
    frame.to_parquet(out)
    status, err = run(capsys, "impute", out, "-o", again, "--max-iter", 0, "--only", "start")
    assert status == 0, err
    assert re.search(r"start +10 +16.7% +07:\d\d:00 \.\. 10:\d\d:00, mean", err), err
    assert pd.read_parquet(again)["start"].notna().all()
