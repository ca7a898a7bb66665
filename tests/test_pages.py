"""The pages say of the code what is so: constants, folders, files."""

import doctest
import importlib
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
sys.path.insert(0, str(DOCS / "_ext"))
constants = importlib.import_module("constants")
sys.path.pop(0)

PAGES = [*DOCS.glob("*.rst"), *DOCS.glob("benchmarks/*.rst"), ROOT / "CONTRIBUTING.rst"]
# What is no constant of the code.
ALLOWED = {"0", "1"}


def _names(text):
    """The substitutions that a page asks for; what stands in ``code`` is no such."""
    return set(re.findall(r"\|([A-Z][A-Z_]+)\|", re.sub(r"``.+?``", "", text)))


def _prose(text):
    """Without formulas, code, links, substitutions and directives."""
    text = re.sub(r"^\.\. math::\n\n?(?:(?:   .*)?\n)+", "", text, flags=re.MULTILINE)
    text = re.sub(r":\w+:`[^`]*`|``[^`]*``|`[^`]*`_+|\[\d+\]_|\|\w+\|", "", text)
    return re.sub(r"arXiv [\d.]+|Theorem \d", "", text)


def test_every_constant_is_written_as_it_is_in_the_code():
    from skmissdiff._diffusion import recipe, sampling

    assert constants.text_of("NETWORK_ROWS") == f"{recipe.NETWORK_ROWS:,}"
    assert constants.text_of("SIGMA_MAX") == f"{sampling.SIGMA_MAX:g}"
    assert constants.text_of("MIN_IMPROVEMENT").endswith(" %")
    lines = constants.substitutions().splitlines()
    assert len(lines) == len(constants.CONSTANTS)
    assert all(re.fullmatch(r"\.\. \|[A-Z_]+\| replace:: [\d.,]+( %)?", line) for line in lines)


def test_constants_of_the_pages_are_named_and_used():
    asked = set().union(*(_names(page.read_text()) for page in PAGES))
    assert asked == set(constants.CONSTANTS)


def test_no_number_of_the_method_is_written_by_hand():
    """A literal in the description of the default method is one that the code can outgrow."""
    text = (DOCS / "how_it_works.rst").read_text()
    method = text.split("\nThe default method\n")[1].split("\nAssumptions and limits\n")[0]
    found = set(re.findall(r"(?<![\w.^_{])\d[\d,]*(?:\.\d+)?", _prose(method)))
    assert found <= ALLOWED, f"write these as |NAME|, see docs/_ext/constants.py: {found - ALLOWED}"


def test_a_number_by_hand_would_be_seen():
    assert re.findall(r"\d[\d,]*", _prose("of 5,000 rows, :math:`2^3` and |GAP_ROWS| [1]_")) == [
        "5,000"
    ]


@pytest.mark.parametrize("page", ["CONTRIBUTING.rst", "docs/architecture.rst"])
def test_files_that_a_page_names_exist(page):
    text = (ROOT / page).read_text()
    named = set(re.findall(r"``((?:skmissdiff|docs|tests|\.ci)/[\w./-]*)``", text))
    assert len(named) > 5
    missing = sorted(name for name in named if not (ROOT / name).exists())
    assert not missing, f"{page} names what is not there: {missing}"


@pytest.mark.parametrize("page", ["dates.rst", "relations.rst"])
def test_examples_of_a_page_run(page):
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    failed, n_tests = doctest.testfile(str(DOCS / page), module_relative=False, optionflags=flags)
    assert n_tests > 10
    assert failed == 0


def test_functions_that_how_it_works_names_exist():
    text = (DOCS / "how_it_works.rst").read_text()
    named = re.findall(r"``(_diffusion\.\w+)\.(\w+)``", text)
    assert len(named) >= 3
    for module, name in named:
        assert hasattr(importlib.import_module(f"skmissdiff.{module}"), name), f"{module}.{name}"


def test_the_picture_of_the_layers_has_them_all(tmp_path):
    from test_architecture import LAYERS

    from docs import layers

    assert layers.layers() == LAYERS
    pairs = layers.direct({"a": {"b", "c"}, "b": {"c"}, "c": set()})
    assert sorted(pairs) == [("a", "b"), ("b", "c")]
    layers.main(tmp_path / "layers.png")
    assert 1000 < (tmp_path / "layers.png").stat().st_size < 150_000
    page = (DOCS / "architecture.rst").read_text()
    assert all(f"``{name}``" in page or f"/{name}/" in page for name in LAYERS if name[0] == "_")
