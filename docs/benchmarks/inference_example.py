"""The worked example of "Inference after multiple imputation": cholesterol in nhanes2.

    Rscript docs/benchmarks/inference_example.R
    python -m docs.benchmarks.inference_example

Regresses serum cholesterol on age group and body mass index in the 25 rows of nhanes2, of which
13 are complete: in these alone, in tables completed in each of the three ways of MissDiffImputer,
and, as a warning, by fits to bootstrap samples with a single seed. Writes the pooled coefficients
and the joint tests of age. Takes five minutes on one core.
"""

import argparse
from pathlib import Path

import pandas as pd
import statsmodels.formula.api as smf

from docs.benchmarks.data import DEFAULT_DIR, load
from docs.benchmarks.tables import list_table
from skmissdiff import MissDiffImputer
from skmissdiff.inference import pool, wald

FOLDER = Path(__file__).parent
FORMULA = "chl ~ age + bmi"
TERMS = ["age[T.40-59]", "age[T.60-99]", "bmi"]


def analyse(tables):
    """A least-squares fit for each completed table."""
    return [smf.ols(FORMULA, table).fit() for table in tables]


def completed(frame, n_imputations, proper):
    imputer = MissDiffImputer(random_state=0).fit(frame)
    return imputer.multiple_impute(frame, n_imputations, proper=proper)


def one_seed(frame, n_imputations):
    """A bootstrap by hand that falls into both traps: copies of rows, and a single seed."""
    tables = []
    for number in range(n_imputations):
        rows = frame.sample(len(frame), replace=True, random_state=number)
        imputer = MissDiffImputer(random_state=0).fit(rows)
        tables += imputer.multiple_impute(frame, n_imputations=1)
    return tables


def pooled_row(tables):
    """Coefficients with their intervals and fmi, and the joint test of age."""
    fits = analyse(tables)
    pooled = pool(fits).to_frame().loc[TERMS]
    test = wald(fits, parameters=TERMS[:2])
    cells = [
        f"{row.estimate:.1f} ({row.conf_low:.1f} to {row.conf_high:.1f}), {row.fmi:.2f}"
        for row in pooled.itertuples()
    ]
    return [*cells, f"{test.statistic:.2f} on 2 and {test.df2:.1f}, {test.p_value:.3f}"]


def complete_rows_row(frame):
    """The same from the rows without a gap."""
    fit = analyse([frame.dropna()])[0]
    intervals = fit.conf_int()
    cells = [
        f"{fit.params[term]:.1f} ({intervals[0][term]:.1f} to {intervals[1][term]:.1f})"
        for term in TERMS
    ]
    test = fit.f_test(" = ".join([*TERMS[:2], "0"]))
    return [*cells, f"{test.fvalue:.2f} on 2 and {test.df_denom:.0f}, {test.pvalue:.3f}"]


def mice_row(path):
    """What inference_example.R has stored."""
    stored = pd.read_csv(path).set_index("term")
    cells = [
        f"{row.estimate:.1f} ({row.conf_low:.1f} to {row.conf_high:.1f}), {row.fmi:.2f}"
        for row in stored.loc[["age40-59", "age60-99", "bmi"]].itertuples()
    ]
    test = stored.loc["D1"]
    return [*cells, f"{test.estimate:.2f} on 2 and {test.df:.1f}, {test.p_value:.3f}"]


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path, default=DEFAULT_DIR)
    parser.add_argument("--n-imputations", type=int, default=20)
    options = parser.parse_args(arguments)
    m = options.n_imputations
    frame = load("nhanes2", options.data_dir)
    rows = [
        ["13 complete rows", *complete_rows_row(frame)],
        ['one fit, proper="none"', *pooled_row(completed(frame, m, "none"))],
        ['proper="bootstrap"', *pooled_row(completed(frame, m, "bootstrap"))],
        ['proper="refit"', *pooled_row(completed(frame, m, "refit"))],
        ["bootstrap by hand, one seed", *pooled_row(one_seed(frame, m))],
        ["R's mice (pmm)", *mice_row(FOLDER / "results" / "inference_mice.csv")],
    ]
    header = ["completed by", "40-59 years", "60-99 years", "bmi", "age: F, p"]
    text = list_table(header, rows)
    (FOLDER / "tables" / "inference_example.inc").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
