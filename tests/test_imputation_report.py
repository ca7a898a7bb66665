"""The report on an imputed table: its figures and its page, from Python and by the command."""

import html
import html.parser
import re

import numpy as np
import pandas as pd
import pytest
from cli_helpers import fails, run

from skmissdiff import MissDiffImputer, displays
from skmissdiff.report import ImputationReport, _imputation_report

NASTY = '<script>alert("x")</script>'


class Page(html.parser.HTMLParser):
    """The tags, the addresses and the rows of tables of a page."""

    def __init__(self, text):
        super().__init__()
        self.opened, self.closed, self.sources = [], [], []
        self.rows = [
            [html.unescape(cell) for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row)]
            for row in re.findall(r"<tr>(.*?)</tr>", text)
        ]
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.opened.append(tag)
        self.sources += [value for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag):
        self.closed.append(tag)


def make_table(n_rows=60):
    rng = np.random.default_rng(0)
    x = rng.normal(size=n_rows)
    frame = pd.DataFrame(
        {
            "height": (1.7 + 0.1 * x).round(2),
            "weight": (70 + 12 * x + 3 * rng.normal(size=n_rows)).round(1),
            "city": np.where(x + 0.3 * rng.normal(size=n_rows) > 0, "Bonn", "Ulm"),
            "whole": rng.normal(size=n_rows).round(2),
        }
    )
    gaps = rng.random(frame.shape) < 0.2
    gaps[:, -1] = False
    return frame.mask(gaps)


@pytest.fixture(scope="module")
def table():
    return make_table()


@pytest.fixture(scope="module")
def imputer(table):
    return MissDiffImputer(max_iter=0, random_state=0).fit(table)


@pytest.fixture(scope="module")
def report(table, imputer):
    return ImputationReport(imputer, table, remarks=["a note", NASTY], n_draws=9, random_state=0)


def test_figures_of_what_was_imputed(table, report):
    assert report.names_ == list(table)
    assert report.n_imputed_.tolist() == table.isna().sum().tolist()
    text = report.to_html()
    n_missing = int(table.isna().sum().sum())
    assert f"60 rows, 4 columns, {n_missing} of 240 cells missing" in text
    assert f"{n_missing} cells imputed by best guesses." in text
    rows = {row[0]: row for row in Page(text).rows if len(row) == 5}
    assert rows["height"][1] == str(table["height"].isna().sum())
    known = table["height"].dropna()
    assert rows["height"][3].startswith(f"mean {known.mean():.4g}, sd ")
    assert "Bonn" in rows["city"][4]
    assert "whole" not in rows


def test_held_out_cells_are_judged_as_they_should(table, imputer, report):
    held_out = report.held_out_
    assert set(held_out) == set(table)
    for name, figures in held_out.items():
        assert figures["n_cells"] == round(0.1 * table[name].notna().sum())
    # What hangs together is imputed better than by a constant, noise is not.
    assert held_out["weight"]["error"] < 0.7 * held_out["weight"]["constant_error"]
    assert held_out["whole"]["error"] > 0.8 * held_out["whole"]["constant_error"]
    assert np.isnan(held_out["city"]["coverage_50"])
    assert report._calibration.coverage(0.5)["height"] == held_out["height"]["coverage_50"]
    again = ImputationReport(imputer, table, n_draws=9, random_state=0)
    assert again.held_out_["weight"] == held_out["weight"]
    assert again.to_html() == report.to_html().replace(
        report.to_html()[report.to_html().index("<h2>To be") : report.to_html().index("<h2>What")],
        "",
    )


def test_errors_are_those_of_a_hidden_cell(table):
    """By an imputer whose guesses are known."""

    class Constant(MissDiffImputer):
        def transform(self, X):
            return X.fillna({"height": 9.0, "weight": 9.0, "city": "Ulm", "whole": 9.0})

    seen = []

    class Watched(Constant):
        def fit(self, X, y=None):
            seen.append(X)
            return super().fit(X)

    report = ImputationReport(
        Watched(max_iter=0, random_state=0).fit(table), table, n_draws=5, random_state=0
    )
    spoiled = seen[1]
    for name in ("weight", "city"):
        hidden = spoiled[name].isna() & table[name].notna()
        truth, known = table[name][hidden], spoiled[name].dropna()
        if name == "city":
            expected = (truth != "Ulm").mean(), (truth != known.mode()[0]).mean()
        else:
            expected = (np.sqrt(np.mean((truth - v) ** 2)) for v in (9.0, known.mean()))
        figures = report.held_out_[name]
        assert (figures["error"], figures["constant_error"]) == pytest.approx(tuple(expected))


def test_the_page_needs_nothing_else(report, tmp_path):
    path = tmp_path / "report.html"
    assert report.to_html(path) is None
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    assert "script" not in page.opened
    assert "&lt;script&gt;" in text
    # Columns, calibration, rows; a model without training has no curve.
    assert len(page.sources) == 3
    assert all(source.startswith("data:image/png;base64,") for source in page.sources)
    assert not re.search(r"https?:|@import|url\(|link", text)
    void = {"meta", "img"}
    assert sorted(tag for tag in page.opened if tag not in void) == sorted(page.closed)
    assert len(text) < 500_000


def test_draws_are_shown_as_they_are(table, imputer):
    tables = imputer.multiple_impute(table, n_imputations=3)
    report = ImputationReport(imputer, table, imputations=tables, hidden_fraction=None)
    assert report.held_out_ == {}
    assert report._draws is report._tables
    text = report.to_html()
    assert "by draws, in 3 tables" in text
    assert "No cell was hidden" in text
    assert "the completed table has their best guesses" not in text
    display = displays.ImputedDistributionDisplay.from_imputations(table, tables)
    np.testing.assert_array_equal(report._draws.draws(0), display.cells[0].imputed)


def test_few_rows_are_drawn_and_all_are_counted(table, imputer):
    report = ImputationReport(imputer, table, max_rows=10, n_draws=5, random_state=0)
    assert report.n_imputed_.tolist() == table.isna().sum().tolist()
    assert report._draws.n_rows == 10
    assert sum(f["n_cells"] for f in report.held_out_.values()) > 10
    assert sum(map(len, report._calibration.positions)) < 25
    from skmissdiff.displays._distribution import columns_of

    cells = columns_of(report._draws, whole=report._tables)["cells"]
    assert len(cells[0].observed) == table["height"].notna().sum()
    assert cells[0].share_imputed == table["height"].isna().mean()


def test_complete_tables_and_gaps_that_stay(table, imputer):
    whole = table.dropna()
    report = ImputationReport(imputer, whole, n_draws=5, random_state=0)
    assert "0 cells imputed" in report.to_html()
    partly = imputer.transform(table, impute_columns=["weight"])
    report = ImputationReport(imputer, table, imputations=partly, hidden_fraction=None)
    assert report.n_imputed_.tolist() == [0, table["weight"].isna().sum(), 0, 0]
    assert "Gaps left as they are: height, city." in report.to_html()


# ---------------------------------------------------------------- by the command


@pytest.fixture
def people(table, tmp_path):
    path = tmp_path / "people.csv"
    table.to_csv(path, index=False)
    return path


def impute(capsys, people, *options):
    out, page = people.parent / "out.csv", people.parent / "page.html"
    args = ["impute", people, "-o", out, "--report", page, "--max-iter", 0, "--seed", 0]
    return *run(capsys, *args, *options), out, page


def test_the_command_writes_a_report(people, table, capsys):
    status, err, out, page = impute(capsys, people)
    assert status == 0, err
    assert f"wrote {page}: what was imputed" in err
    text = page.read_text(encoding="utf-8")
    assert "How good are they?" in text
    rows = {row[0]: row for row in Page(text).rows if len(row) == 7}
    assert rows["weight"][1] == str(round(0.1 * table["weight"].notna().sum()))
    plain = out.read_text()
    assert run(capsys, "impute", people, "-o", out, "--max-iter", 0, "--seed", 0)[0] == 0
    assert out.read_text() == plain  # the report changes nothing of it
    written = pd.read_csv(out)["height"][table["height"].isna()]
    [row] = [row for row in Page(text).rows if len(row) == 5 and row[0] == "height"]
    assert f"{written.min():.4g} to {written.max():.4g}" in row[4]


def test_the_command_hides_no_cell_if_told_so(people, capsys):
    status, _, _, page = impute(capsys, people, "--holdout", 0, "--draws", 2, "--only", "weight")
    assert status == 0
    text = page.read_text(encoding="utf-8")
    assert "No cell was hidden" in text
    assert "by draws, in 2 tables" in text
    assert "Gaps left as they are: height, city." in text


def test_notes_and_warnings_of_the_command_stand_in_the_report(tmp_path, capsys):
    path = tmp_path / "in.csv"
    path.write_text("id,x\n" + "".join(f"person {i},{i % 5}\n" for i in range(30)) + ",\n")
    args = ["impute", path, "-o", tmp_path / "out.csv", "--report", tmp_path / "page.html"]
    status, err = run(capsys, *args, "--holdout", 0, "--max-iter", 0)
    assert status == 0, err
    said = [re.split("note: |warning: ", line)[1] for line in err.splitlines() if ": " in line[:22]]
    assert any("30 levels in 30 cells" in line for line in said)
    text = html.unescape((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert "<h2>To be noted</h2>" in text
    assert all(f"<li>{line}</li>" in text for line in said)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--report", "page.pdf"], "must end in .html"),
        (["--holdout", "0.2"], "add --report FILE.html"),
        (["--report", "page.html", "--holdout", "1"], "'1' is not a share between 0 and 1"),
    ],
)
def test_wrong_options(people, tmp_path, capsys, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    status, line = fails(capsys, "impute", people, "-o", "out.csv", *options)
    assert status == 2
    assert message in line
    assert sorted(path.name for path in tmp_path.iterdir()) == ["people.csv"]


def test_a_folder_has_no_report(table, imputer, people, tmp_path, capsys):
    imputer.save(tmp_path / "model.npz")
    args = ["--model", tmp_path / "model.npz", "--report", tmp_path / "page.html"]
    status, line = fails(capsys, "impute", people, "-o", f"{tmp_path}/out/", *args)
    assert status == 2
    assert "--report is for one table that is read whole" in line


def test_a_complete_table_has_no_report(table, tmp_path, capsys):
    path = tmp_path / "in.csv"
    table.dropna().to_csv(path, index=False)
    status, line = fails(
        capsys, "impute", path, "-o", tmp_path / "out.csv", "--report", tmp_path / "page.html"
    )
    assert status == 2
    assert "nothing is missing" in line


def test_there_are_both_files_or_none(people, capsys, monkeypatch):
    def fail(*args, **options):
        raise RuntimeError("no page today")

    monkeypatch.setattr(_imputation_report, "render", fail)
    status, _, out, page = impute(capsys, people, "-q", "--holdout", 0)
    assert status == 1
    assert not out.exists()
    assert not page.exists()
