"""``skmissdiff demo``: a comparison that fits on one screen, on data that scikit-learn ships."""

import time
import warnings

import numpy as np

from skmissdiff._support.files import import_pandas

MISSING_RATE = 0.3
N_SAMPLED = 5
# What the demo passes to MissDiffImputer besides the seed: nothing, the defaults are shown.
TRAINING: dict = {}

_INTRODUCTION = """\
Diabetes data set of scikit-learn: {n_rows} patients, {n_columns} columns, the sex as a category.
{n_hidden} of {n_cells} cells ({rate:.0%}), chosen at random, are hidden and imputed.
"""
_READING = """
RMSE and MAE: over the hidden cells of the numeric columns, in standard deviations of the column.
sex wrong: share of the hidden cells of this column. seconds: fitting and imputing.
The other imputers take numbers only: they see the sex as a number, and are rounded.
"""


def run_demo(seed=0):
    """Hide cells of a real table, impute them in four ways, and generate complete rows.

    Parameters
    ----------
    seed : int
        For the hidden cells and for the estimators.
    """
    truth = load_table()
    hidden = np.random.default_rng(seed).random(truth.shape) < MISSING_RATE
    incomplete = truth.mask(hidden)
    print(
        _INTRODUCTION.format(
            n_rows=len(truth),
            n_columns=truth.shape[1],
            n_hidden=hidden.sum(),
            n_cells=hidden.size,
            rate=hidden.mean(),
        ),
        flush=True,
    )
    print(f"{'':18}{'RMSE':>8}{'MAE':>8}{'sex wrong':>12}{'seconds':>10}", flush=True)
    ours = None
    for imputer in make_imputers(seed):
        name = type(imputer).__name__
        start = time.perf_counter()
        if name == "MissDiffImputer":
            ours = imputer
            completed = imputer.fit_transform(incomplete)
        else:
            completed = _impute_numbers(imputer, incomplete)
        seconds = time.perf_counter() - start
        rmse, mae, wrong = errors(completed, truth, hidden)
        print(f"{name:18}{rmse:8.3f}{mae:8.3f}{wrong:12.1%}{seconds:10.2f}", flush=True)
    print(_READING)
    _show_rows(ours, truth, seed)


def load_table():
    """The diabetes data set as a frame with legible names.

    Returns
    -------
    pandas.DataFrame
        The ten measurements and the target, ``progression``; ``sex`` is categorical.
    """
    from sklearn.datasets import load_diabetes

    import_pandas()
    table = load_diabetes(as_frame=True, scaled=False).frame
    serum = ["cholesterol", "ldl", "hdl", "chol_ratio", "log_triglyc", "glucose"]
    table.columns = ["age", "sex", "bmi", "bp", *serum, "progression"]
    table["sex"] = table["sex"].map({1.0: "1", 2.0: "2"}).astype("category")
    whole = ["age", "cholesterol", "hdl", "glucose", "progression"]
    return table.astype({name: "Int64" for name in whole if (table[name] % 1 == 0).all()})


def make_imputers(seed):
    """Three imputers of scikit-learn's and this package's.

    Parameters
    ----------
    seed : int

    Returns
    -------
    list of transformer
    """
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401
    from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer

    import skmissdiff

    return [
        SimpleImputer(),
        KNNImputer(),
        IterativeImputer(max_iter=20, random_state=seed),
        skmissdiff.MissDiffImputer(random_state=seed, **TRAINING),
    ]


def _impute_numbers(imputer, incomplete):
    """Impute with an imputer that knows numbers only, standardised so that distances mean much."""
    from sklearn.exceptions import ConvergenceWarning

    pandas = import_pandas()
    numbers = incomplete.assign(sex=incomplete["sex"].cat.codes.where(incomplete["sex"].notna()))
    values = numbers.astype(float).to_numpy(na_value=np.nan)
    mean, sd = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
    with warnings.catch_warnings():
        # IterativeImputer goes on in small steps; 100 rounds bring it no closer than 20.
        warnings.simplefilter("ignore", ConvergenceWarning)
        filled = imputer.fit_transform((values - mean) / sd) * sd + mean
    completed = pandas.DataFrame(filled, columns=incomplete.columns)
    codes = completed["sex"].round().clip(0, 1).astype(int)
    levels = incomplete["sex"].cat.categories
    return completed.assign(sex=pandas.Categorical.from_codes(codes, levels))


def errors(completed, truth, hidden):
    """Errors over the hidden cells.

    Parameters
    ----------
    completed, truth : pandas.DataFrame
    hidden : ndarray of bool

    Returns
    -------
    rmse, mae : float
        Over all numeric cells, each in standard deviations of its column.
    wrong : float
        Share of wrong levels of ``sex``.
    """
    numeric = truth.drop(columns="sex").astype(float)
    guess = completed[numeric.columns].astype(float)
    hidden_numbers = hidden[:, truth.columns != "sex"]
    error = ((guess - numeric) / numeric.std()).to_numpy()[hidden_numbers]
    hidden_sex = hidden[:, truth.columns == "sex"].ravel()
    wrong = (completed["sex"].astype(str) != truth["sex"].astype(str))[hidden_sex].mean()
    return float(np.sqrt(np.mean(error**2))), float(np.mean(np.abs(error))), float(wrong)


def _show_rows(imputer, truth, seed):
    """Print rows that the same fit generates beside real ones."""
    generated = imputer.to_sampler().sample(N_SAMPLED, random_state=seed)
    shown = truth.sample(N_SAMPLED, random_state=seed)
    for title, rows in (("real rows", shown), ("generated rows, from the same fit", generated)):
        print(f"{title}:")
        print(rows.to_string(index=False, float_format="{:.4g}".format))
        print()
