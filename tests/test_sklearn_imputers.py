"""scikit-learn's own tests of its imputers, with `MissDiffImputer` in their list.

They are those of the installed release, not copies.
"""

from inspect import signature
from types import FunctionType

import pytest
from sklearn.impute.tests import test_common as theirs

from skmissdiff import MissDiffImputer, PaperMethod

IMPUTERS = [
    MissDiffImputer(max_iter=5, random_state=0),
    MissDiffImputer(PaperMethod(), max_iter=5, n_steps=3, n_draws=2, random_state=0),
]
# A frame comes back for a frame, with its dtypes: here, whole numbers. As scikit-learn's imputers
# do it is asked for by set_output(transform="default"), see the user guide.
WITH_ARRAYS = {"test_imputers_pandas_na_integer_array_support"}
LEFT_OUT = {"test_imputers_add_indicator_sparse"}  # of imputers that take sparse matrices


def _with_our_imputers(name):
    """Their test, for our imputers in place of theirs."""
    test = getattr(theirs, name)
    ours = FunctionType(test.__code__, test.__globals__, name, test.__defaults__)
    imputers = [
        imputer.set_output(transform="default")
        for imputer in map(theirs.clone, IMPUTERS)
        if name in WITH_ARRAYS
    ] or IMPUTERS
    ours.pytestmark = [
        *(mark for mark in test.pytestmark if mark.args[0] != "imputer"),
        pytest.mark.parametrize("imputer", imputers, ids=repr).mark,
        # The tables of these tests have two to four rows.
        pytest.mark.filterwarnings("ignore:.* too few to train a network").mark,
        pytest.mark.filterwarnings("ignore:Skipping features without any observed").mark,
    ]
    return ours


NAMES = {name for name in vars(theirs) if name.startswith("test_")} - LEFT_OUT
# In an order: workers that share the tests have to find them alike.
globals().update({name: _with_our_imputers(name) for name in sorted(NAMES)})


def test_the_tests_are_those_of_imputers():
    assert len(NAMES) >= 6
    assert NAMES >= WITH_ARRAYS
    assert all("imputer" in signature(getattr(theirs, name)).parameters for name in NAMES)


def test_columns_that_go_into_no_array_are_refused_with_a_way_out():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"x": [1.0, None, 3.0], "when": pd.date_range("2020-01-01", periods=3)})
    imputer = MissDiffImputer(max_iter=0).set_output(transform="default")
    with pytest.raises(TypeError, match="Ask for 'pandas'"):
        imputer.fit(frame)


def test_without_it_a_frame_comes_back_for_a_frame():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": [1, None, 3], "b": [2, 4, None]}, dtype="Int16")
    imputer = MissDiffImputer(max_iter=0, random_state=0)
    assert imputer.fit_transform(frame).dtypes.tolist() == frame.dtypes.tolist()
    array = imputer.set_output(transform="default").fit_transform(frame)
    assert array.dtype == float
    assert imputer.get_feature_names_out().tolist() == ["a", "b"]
    cells = frame.to_numpy(float, na_value=float("nan"))
    assert (MissDiffImputer(max_iter=0, random_state=0).fit_transform(cells) == array).all()
