"""Numbers in disguise in text files: read as numbers, written back in the column's own style."""

import numpy as np
import pandas as pd
import pytest
from cli_helpers import MedianEstimator, fails, run

import skmissdiff
from skmissdiff._support.files import TableError
from skmissdiff.cli._csv_column import parse_column
from skmissdiff.cli._reading import Reading

QUICK = ["--max-iter", "30", "--n-steps", "4", "--seed", "0"]


def column(*cells, kind=None, **reading):
    return parse_column("x", list(cells), Reading(kinds={"x": kind}, **reading))


@pytest.mark.parametrize(
    ("cells", "number", "text"),
    [
        (["65,5", "70,2", "", "0,5", "1,25", "7"], 8.125, "8,12"),
        (["1.250,50 €", "980,00 €", "7,00 €", "-3,10 €", "NA", "5,00 €"], -1234.5, "-1.234,50 €"),
        (["12 %", "7 %", "100 %", "0 %", "55 %"], 33, "33 %"),
        (["$1,250", "$980", "($12)", "$7", "$0"], -1234567, "($1,234,567)"),
        (["1 250", "980", "12", "7", "10 000"], 123456, "123 456"),
        (["1 250", "980", "12", "7", "10 000"], 3, "3"),
    ],
)
def test_found_and_written_alike(cells, number, text):
    found = column(*cells)
    assert found.kind == "number"
    assert found.style.format(number, ";") == text
    assert found.style.format(number, ",") == (f'"{text}"' if "," in text else text)
    assert bool(found.remark) == ("$1,250" in cells)  # which may be little more than a dollar


def test_dtypes():
    assert column("1 250", "980", "12", "7", "8", "").series().dtype == "Int64"
    floats = column("1,5", "980", "12", "7", "8", "").series()
    assert floats.dtype == "float64"
    assert floats.tolist()[:5] == [1.5, 980, 12, 7, 8]
    assert np.isnan(floats[5])


@pytest.mark.parametrize(
    ("cells", "remark"),
    [
        (
            ["1,5"] * 40 + ["2,5", "3,5", "4,5", "5,5", "n/k"],
            "because it holds 'n/k'; if that means",
        ),
        (["1,234", "5,678", "9,012", "3,456", "7,890"], "if it is ',', add --decimal=,"),
        (["9.007.199.254.740.993,0", "1,0", "2,0", "3,0", "4,0"], "to have it rounded"),
    ],
)
def test_remarks(cells, remark):
    assert remark in column(*cells).remark


def test_marks_that_the_user_names():
    cells = ["1.234", "5.678", "850"]
    assert column(*cells).series().tolist() == [1.234, 5.678, 850]
    assert column(*cells, thousands=".").series().tolist() == [1234, 5678, 850]
    assert column(*cells, decimal=",").series().tolist() == [1234, 5678, 850]
    assert column("1,234", "2,5", decimal=",").series().tolist() == [1.234, 2.5]
    assert column("1,234", "2", decimal=".").series().tolist() == [1234, 2]
    assert column("1\u202f234", "2", thousands=" ").series().tolist() == [1234, 2]
    assert column("1,5", "2", kind="number").series().tolist() == [1.5, 2]
    assert column("1.5", "2", thousands=".").series().tolist() == [1.5, 2]
    found = column("1.5", "2", decimal=",")
    assert found.series().tolist() == [1.5, 2]
    assert "no decimal commas: '1.5' is read as it is" in found.remark
    assert column(*["1,5", "2,5", "3,5", "4,5", "5,5"], kind="category").kind == "category"


def test_a_number_that_is_none():
    many = [f"{n},5" for n in range(40)]
    with pytest.raises(TableError, match=r"column 'x' holds 'n/k', which is not a number"):
        column(*many, "n/k", kind="number")


PRICES = """id;price;share;dose;income;code
a;1.250,50 €;12,5 %;0,5;1.234;007
b;;7,0 %;1,5;12.500;012
c;7,00 €;;;850;012
d;980,00 €;55,5 %;0,5;;007
e;5,25 €;0,1 %;1,5;2.000;
f;3,10 €;3,0 %;0,5;1.900;007
"""


@pytest.mark.usefixtures("median")
class TestCommand:
    def test_the_rest_of_the_file_settles_doubts(self, tmp_path, capsys):
        source, out = tmp_path / "in.csv", tmp_path / "out.csv"
        source.write_text(PRICES)
        status, err = run(capsys, "impute", source, "-o", out, "--ignore", "id")
        assert status == 0
        assert out.read_text() == (
            PRICES.replace("b;;", "b;7,00 €;")
            .replace("c;7,00 €;;;", "c;7,00 €;7,0 %;0,5;")
            .replace("%;0,5;;", "%;0,5;1.900;")
            .replace("2.000;\n", "2.000;007\n")
        )
        assert "'price' ('1.250,50 €' is 1250.5), 'share' ('12,5 %' is 12.5)" in err
        assert "'dose' ('0,5' is 0.5), 'income' ('12.500' is 12500)" in err

    def test_points_elsewhere_leave_points_alone(self, tmp_path, capsys):
        source, out = tmp_path / "in.csv", tmp_path / "out.csv"
        source.write_text("a;b\n1.234;1.5\n2.345;2.5\n;3.5\n")
        _, err = run(capsys, "impute", source, "-o", out)
        assert "read as numbers" not in err
        assert out.read_text().endswith("\n2.345;3.5\n")

    def test_a_semicolon_leaves_the_comma_to_the_numbers(self, tmp_path, capsys):
        cells = ["1,234", "5,678", "9,012", "3,456", "7,890"]
        source, out = tmp_path / "in.csv", tmp_path / "out.parquet"
        source.write_text("a;b\n" + "".join(f"{cell};x\n" for cell in cells) + ";y\n")
        assert run(capsys, "impute", source, "-o", out, "-q") == (0, "")
        assert pd.read_parquet(out)["a"].max() == 9.012
        source.write_text("a|b\n" + "".join(f"{cell}|x\n" for cell in cells) + "|y\n")
        _, err = run(capsys, "impute", source, "-o", out)
        assert pd.read_parquet(out)["a"].max() == 9012
        assert "note: column 'a' is read with '.' as the decimal mark ('1,234' is 1234)" in err
        run(capsys, "impute", source, "-o", out, "--decimal", ",")
        assert pd.read_parquet(out)["a"].max() == 9.012

    def test_given_and_bounds(self, tmp_path, capsys, monkeypatch):
        made = []
        monkeypatch.setitem(
            vars(skmissdiff), "MissDiffSampler", lambda **own: made.append(own) or MedianEstimator()
        )
        source, out = tmp_path / "in.csv", tmp_path / "out.csv"
        source.write_text(PRICES)
        options = ["--ignore", "id", "--given", "price=1.000,125 €", "--given", "dose=0,25"]
        options += [
            "--given",
            "share=50",
            "--bounds",
            "price=1,5 €:2000",
            "--given",
            "income=1.500",
        ]
        assert run(capsys, "sample", source, "-n", 1, "-o", out, "-q", *options) == (0, "")
        assert out.read_text().splitlines()[1] == "1.000,125 €;50,0 %;0,25;1.500;007"
        assert made[0]["bounds"]["price"] == (1.5, 2000)
        args = ["sample", source, "-n", 1, "-o", out, "-q", "--ignore", "id"]
        for given in ("price=much", "income=1,5"):
            status, line = fails(capsys, *args, "--given", given)
            assert (status, "numbers, not" in line) == (2, True), line

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (["--decimal", ";"], "invalid choice: ';'"),
            (["--thousands", ".."], "'..' does not stand between thousands"),
            (["--thousands", "0"], "'0' does not stand between thousands"),
        ],
    )
    def test_refused(self, options, message, tmp_path, capsys):
        source = tmp_path / "in.csv"
        source.write_text(PRICES)
        status, line = fails(capsys, "impute", source, "-o", tmp_path / "out.csv", *options)
        assert (status, message in line) == (2, True), line


@pytest.mark.parametrize("decimal", [",", "."])
def test_gaps_get_different_numbers(decimal, tmp_path, capsys):
    """As with decimal points: the figures are the same, only the marks differ."""
    rng = np.random.default_rng(0)
    height = (170 + 9 * rng.normal(size=120)).round(1)
    weight = (height - 100 + rng.normal(size=120)).round(1)
    table = pd.DataFrame({"height": height, "weight": weight})
    gaps = rng.random(120) < 0.2
    table["weight"] = table["weight"].mask(gaps)
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    table.to_csv(source, sep=";", decimal=decimal, index=False)
    assert run(capsys, "impute", source, "-o", out, "-q", *QUICK) == (0, "")
    done = pd.read_csv(out, sep=";", decimal=decimal)
    assert done["weight"].dtype == float
    error = (done["weight"] - weight)[gaps]
    assert np.sqrt((error**2).mean()) < 0.4 * weight.std()
    assert done["weight"][gaps].nunique() > 0.8 * gaps.sum()
    before, after = (path.read_text().splitlines() for path in (source, out))
    assert all(new == old or old.endswith(";") for old, new in zip(before, after, strict=True))
