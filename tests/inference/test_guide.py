"""The page on inference says what happens."""

import doctest
import pathlib

import pytest

import skmissdiff

PAGE = pathlib.Path(skmissdiff.__file__).parents[1] / "docs" / "inference.rst"


def test_examples_of_the_page():
    pytest.importorskip("statsmodels", reason="statsmodels is optional")
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    failed, attempted = doctest.testfile(str(PAGE), module_relative=False, optionflags=flags)
    assert attempted > 20
    assert failed == 0
