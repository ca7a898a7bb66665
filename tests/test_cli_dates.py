"""Dates in text files: which are found, and how new ones are written."""

import numpy as np
import pandas as pd
import pytest
from cli_helpers import MedianEstimator, fails, run

import skmissdiff
from skmissdiff._support.files import TableError
from skmissdiff.cli._csv_column import parse_column
from skmissdiff.cli._reading import Reading


def column(*cells, **dates):
    return parse_column("x", list(cells), Reading(dates=dates))


@pytest.mark.parametrize(
    ("cells", "value", "text"),
    [
        (["2024-01-31", "1899-12-01", ""], "2024-02-03 11:00", "2024-02-03"),
        (["2024-01-31", "NA"], "2024-02-03 13:00", "2024-02-04"),
        (["2024-01", "2023-12"], "2024-02-28", "2024-03"),
        (["2024-01-01", "2023-12-01", "2023-11-01"], "2024-02-11", "2024-02-01"),
        (["2024-01-01", "2023-01-01", "1999-01-01"], "2024-08-11", "2025-01-01"),
        (["2024-01-31", "2024-02-29", "2024-04-30"], "2024-03-05", "2024-02-29"),
        (["2024-01-01", "2023-12-01"], "2024-02-11", "2024-02-11"),  # by chance?
        (["2024/01/31", "2024/02/01"], "2024-02-11", "2024/02/11"),
        (["2024/01/31 08:00:00"], "2024-02-11 07:30", "2024/02/11 07:30:00"),
        (["2-Jan-2024", "30-Nov-2023"], "2024-02-03", "3-Feb-2024"),
        (["Jan 02, 2024", "Nov 30, 2023"], "2024-02-03", '"Feb 03, 2024"'),
        (["Jan 1 2000", "Feb 1 2000", "Mar 1 2000"], "2000-05-20", "Jun 1 2000"),
        (["2024-01-31 08:30", "2024-01-31 18:00"], "2024-02-03 13:00:40", "2024-02-03 13:01"),
        (["2024-01-31T08:30:00"], "2024-02-03 13:00:40.6", "2024-02-03T13:00:41"),
        (["2024-01-31T08:30:00.25"], "2024-02-03 13:00:40.678", "2024-02-03T13:00:40.68"),
        (["2024-01-31T08:30:00.123456789"], "2024-02-03 13:00", "2024-02-03T13:00:00.000000000"),
        (["2024-01-31T08:30Z"], "2024-02-03 13:00+00:00", "2024-02-03T13:00Z"),
        (["2024-01-31T08:30+01:00"], "2024-02-03 13:00+00:00", "2024-02-03T14:00+01:00"),
        (["2024-01-31T08:30-0530"], "2024-02-03 13:00+00:00", "2024-02-03T07:30-0530"),
        (
            ["2024-01-31T08:30+01:00", "2024-07-31T08:30+02:00"],
            "2024-02-03 13:00+00:00",
            "2024-02-03T13:00+00:00",
        ),
        (["2024-01-31", "2024-01-30", "2024-01-31 08:30"], "2024-02-03 11:00", "2024-02-03"),
        (["9999-12-31", "0099-01-01"], "0123-04-05", "0123-04-05"),
        (['"2024-01-31"'], "2024-02-03", '"2024-02-03"'),
    ],
)
def test_iso_dates_are_found_and_written_alike(cells, value, text):
    found = column(*cells)
    assert found.kind == "date"
    series = found.series()
    assert series.dtype.kind == "M"
    assert series.isna().tolist() == found.missing.tolist()
    assert found.style.format(pd.Timestamp(value), ",") == text


def test_observed_dates_are_read_to_the_nanosecond():
    series = column("2024-01-31T08:30:00.123456789", "", "1999-01-31T08:30:00.5").series()
    assert series[0] == pd.Timestamp("2024-01-31T08:30:00.123456789")
    assert series[2] == pd.Timestamp("1999-01-31T08:30:00.5")
    zoned = column("2024-01-31T08:30+01:00", "2024-07-31T08:30+02:00").series()
    assert zoned.tolist() == [
        pd.Timestamp("2024-01-31 07:30", tz="UTC"),
        pd.Timestamp("2024-07-31 06:30", tz="UTC"),
    ]


@pytest.mark.parametrize(
    ("cells", "remark"),
    [
        (["2024-01-31", "2024-02-30"], "because it holds '2024-02-30'; if that means missing"),
        (["2024-01-31", "0000-00-00"], "add --missing-values=0000-00-00"),
        (["2024-01-31", "2024-01-30", "unknown"], "because it holds 'unknown'"),
        (["2024-01-31T08:30", "2024-01-31T08:30Z"], "with and without a time zone"),
        (["31.01.2024", "01.02.2024"], "if '01.02.2024' is a date, add --dates x=%d.%m.%Y"),
        (["31/01/2024", "01/02/2024"], "add --dates x=%d/%m/%Y"),
        (["01/02/2024", "03/04/2024"], "add --dates x=%d/%m/%Y or %m/%d/%Y"),
        (["2-Jan-24", "30-Nov-23"], "add --dates x=%d-%b-%y"),
        (["a1-b2", "a3-b4"], ""),
        (["12-345", "12-346"], ""),
    ],
)
def test_what_is_nearly_dates_is_pointed_to(cells, remark):
    found = column(*cells)
    assert found.kind == "category"
    assert remark in found.remark
    assert bool(remark) == bool(found.remark)


@pytest.mark.parametrize(
    ("pattern", "cells", "value", "text"),
    [
        ("%d.%m.%Y", ["31.01.2024", "01.02.2024"], "2024-03-02 11:00", "02.03.2024"),
        ("%d.%m.%Y", ["31.1.2024", "1.2.2024"], "2024-03-02", "2.3.2024"),
        (
            "%m/%d/%Y %H:%M",
            ["1/31/2024 8:05", "12/1/2024 0:00"],
            "2024-03-02 09:04:31",
            "3/2/2024 9:05",
        ),
        ("%d %b %Y", ["31 Jan 2024"], "2024-03-02", "02 Mar 2024"),
        ("%Y%m%d", ["20240131"], "2024-03-02", "20240302"),
        (
            "%d.%m.%Y %H:%M:%S.%f",
            ["31.01.2024 10:00:00.5"],
            "2024-03-02",
            "02.03.2024 00:00:00.000000",
        ),
        ("%Y-%m-%d", ["2024-01-31"], "2024-03-02", "2024-03-02"),
        ("%I:%M %p on %d/%m/%y", ["8:05 PM on 1/2/24"], "2024-03-02 21:00", "9:00 PM on 2/3/24"),
        ("%Y/%m", ["2024/01"], "2024-03-31", "2024/04"),
    ],
)
def test_named_formats(pattern, cells, value, text):
    found = column(*cells, x=pattern)
    assert found.kind == "date"
    assert [found.style.format(v, ",") for v in found.series()][-1][-2:] in cells[-1]
    assert found.style.format(pd.Timestamp(value), ",") == text


def test_a_cell_that_is_no_date_of_the_named_format():
    with pytest.raises(TableError, match=r"column 'x' holds '13\.13\.2024', which is no date"):
        column("12.12.2024", "13.13.2024", x="%d.%m.%Y")


DATES = "visit;end;n\n2024-01-31;1.2.2024;1\n;3.2.2024;2\n2024-03-02;;3\n2024-02-02;5.3.2024;4\n"


@pytest.mark.usefixtures("median")
class TestCommand:
    def test_both_kinds(self, tmp_path, capsys):
        source, out = tmp_path / "in.csv", tmp_path / "out.csv"
        source.write_text(DATES)
        options = ["--dates", "end=%d.%m.%Y"]
        status, err = run(capsys, "impute", source, "-o", out, *options)
        assert status == 0
        assert out.read_text() == DATES.replace("\n;", "\n2024-02-02;").replace(";;", ";3.2.2024;")
        assert "read as dates: 'visit' (%Y-%m-%d), 'end' (%d.%m.%Y)" in err
        assert "2024-01-31 .. 2024-03-02, mean 2024-02-11" in err

    def test_to_parquet_and_samples(self, tmp_path, capsys):
        source, out = tmp_path / "in.csv", tmp_path / "out.parquet"
        source.write_text(DATES)
        options = ["--dates", "end=%d.%m.%Y", "-q"]
        assert run(capsys, "impute", source, "-o", out, *options) == (0, "")
        assert pd.read_parquet(out)["end"].dtype.kind == "M"
        out = tmp_path / "out.csv"
        given = ["--given", "end=24.12.2023", "--given", "visit=2023-12-01"]
        assert run(capsys, "sample", source, "-n", 2, "-o", out, *options, *given) == (0, "")
        assert out.read_text() == "visit;end;n\n2023-12-01;24.12.2023;1\n2023-12-01;24.12.2023;2\n"

    def test_bounds(self, tmp_path, capsys, monkeypatch):
        made = []
        monkeypatch.setitem(
            vars(skmissdiff),
            "MissDiffImputer",
            lambda **given: made.append(given) or MedianEstimator(),
        )
        source, out = tmp_path / "in.csv", tmp_path / "out.csv"
        source.write_text(DATES)
        options = ["--dates", "end=%d.%m.%Y", "--bounds", "end=1.1.2024:31.12.2024"]
        options += ["--bounds", "visit=2024-01-01T08:00:2024-03-31T18:00", "--bounds", "n=:9"]
        assert run(capsys, "impute", source, "-o", out, "-q", *options) == (0, "")
        day = pd.Timestamp
        assert made[0]["bounds"] == {
            "visit": (day("2024-01-01 08:00"), day("2024-03-31 18:00")),
            "end": (day("2024-01-01"), day("2024-12-31")),
            "n": (-np.inf, 9.0),
        }
        options = ["--dates", "end=%d.%m.%Y", "--bounds", "end=:31.12.2024"]
        assert run(capsys, "impute", source, "-o", out, "-q", *options) == (0, "")
        assert made[1]["bounds"]["end"] == (None, day("2024-12-31"))

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (["--dates", "visit"], "is not of the form COL=FORMAT"),
            (["--dates", "nil=%Y"], "there is no column 'nil'"),
            (["--dates", "end=%d/%m/%Y"], "column 'end' holds '1.2.2024', which is no date of the"),
            (["--bounds", "visit=2024:soon"], "column 'visit' holds dates, and 'soon' is none"),
        ],
    )
    def test_refused(self, options, message, tmp_path, capsys):
        source = tmp_path / "in.csv"
        source.write_text(DATES)
        status, line = fails(capsys, "impute", source, "-o", tmp_path / "out.csv", "-q", *options)
        assert (status, message in line) == (2, True), line


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_first_days_of_months_get_first_days(tmp_path, capsys, ending):
    months = pd.date_range("2015-01-01", periods=100, freq="MS")
    frame = pd.DataFrame({"month": months.strftime("%Y-%m-%d"), "sales": range(100)})
    frame.loc[::7, "month"] = None
    source, out = tmp_path / "in.csv", tmp_path / f"out.{ending}"
    frame.to_csv(source, index=False)
    status, err = run(capsys, "impute", source, "-o", out, "--max-iter", 0, "--seed", 0)
    assert status == 0, err
    found = pd.read_csv(out)["month"] if ending == "csv" else pd.read_parquet(out)["month"]
    found = pd.to_datetime(found)
    assert found.dt.is_month_start.all()
    assert (found - months.to_series(index=found.index)).abs().max() < pd.Timedelta("100D")
    assert run(capsys, "sample", source, "-o", out, "-n", 20, "--max-iter", 0, "-q") == (0, "")
    rows = pd.read_csv(out)["month"] if ending == "csv" else pd.read_parquet(out)["month"]
    assert pd.to_datetime(rows).dt.is_month_start.all()
