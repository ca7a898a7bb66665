"""Public classes, methods and functions are documented as numpydoc has it."""

import inspect
import pydoc

import numpydoc.docscrape
import pytest
from numpydoc.validate import validate
from sklearn.utils import _metadata_requests

import skmissdiff
from skmissdiff import displays, inference, metrics, missingness, report

# numpydoc's checks, without those of taste:
# ES01 extended summary, SA01 see also, SS06 summary in one line, GL01/GL02/GL03 where the quotation
# marks stand, RT02 "the first line of Returns is the type", PR08/PR09, RT04/RT05, SS03 capitals and
# full stops, SS05 infinitive, EX01 an example for each method (the class has one, see below).
# Parameters of a method that scikit-learn writes (set_output) are scikit-learn's affair.
CHECKS_LEFT_OUT = {
    *(
        "ES01",
        "SA01",
        "SS03",
        "SS05",
        "SS06",
        "GL01",
        "GL02",
        "GL03",
        "RT02",
        "RT03",
        "RT04",
        "RT05",
    ),
    *("PR08", "PR09", "EX01"),
}
CLASSES = [name for name in skmissdiff.__all__ if inspect.isclass(getattr(skmissdiff, name))]
# What the public modules export besides.
MODULES = (displays, inference, metrics, missingness, report)
PUBLIC = [f"{module.__name__}.{name}" for module in MODULES for name in module.__all__]
FUNCTIONS = [name for name in PUBLIC if inspect.isfunction(pydoc.locate(name))]
OTHER_CLASSES = [name for name in PUBLIC if name not in FUNCTIONS]


def _objects():
    yield from PUBLIC
    yield from (f"skmissdiff.{name}" for name in CLASSES)
    for name in [*(f"skmissdiff.{name}" for name in CLASSES), *OTHER_CLASSES]:
        for method, function in inspect.getmembers(pydoc.locate(name), inspect.isroutine):
            defined_here = (getattr(function, "__module__", "") or "").startswith("skmissdiff.")
            generated = isinstance(function, _metadata_requests.RequestMethod)
            if not method.startswith("_") and defined_here and not generated:
                yield f"{name}.{method}"


@pytest.mark.parametrize("name", list(_objects()))
def test_numpydoc(name):
    errors = [error for error in validate(name)["errors"] if error[0] not in CHECKS_LEFT_OUT]
    assert errors == []


@pytest.mark.parametrize("name", CLASSES)
def test_every_parameter_is_documented(name):
    cls = getattr(skmissdiff, name)
    doc = numpydoc.docscrape.ClassDoc(cls)
    described = [name for parameter in doc["Parameters"] for name in parameter.name.split(", ")]
    assert described == list(inspect.signature(cls).parameters)
    for parameter in doc["Parameters"]:
        assert parameter.type, f"{name}.{parameter.name} has no type"
        assert "".join(parameter.desc).strip(), f"{name}.{parameter.name} is not described"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_document_every_parameter_and_have_an_example(name):
    function = pydoc.locate(name)
    doc = numpydoc.docscrape.FunctionDoc(function)
    described = [name for parameter in doc["Parameters"] for name in parameter.name.split(", ")]
    assert described == list(inspect.signature(function).parameters)
    assert all(parameter.type and "".join(parameter.desc) for parameter in doc["Parameters"])
    assert any(">>>" in line for line in doc["Examples"])


@pytest.mark.parametrize("name", CLASSES)
def test_class_has_attributes_and_an_example(name):
    doc = numpydoc.docscrape.ClassDoc(getattr(skmissdiff, name))
    assert any(">>>" in line for line in doc["Examples"])
    attributes = [attribute.name for attribute in doc["Attributes"]]
    assert attributes or not hasattr(getattr(skmissdiff, name), "fit")
    assert all(attribute.endswith("_") for attribute in attributes)


@pytest.mark.parametrize("name", [n for n in CLASSES if hasattr(getattr(skmissdiff, n), "fit")])
def test_documented_attributes_exist(name):
    cls = getattr(skmissdiff, name)
    quick = {"max_iter": 3} if "max_iter" in inspect.signature(cls).parameters else {}
    doc = numpydoc.docscrape.ClassDoc(cls)
    fitted = cls(**quick).fit([[float(row % 3), float(row)] for row in range(12)])
    optional = {"feature_names_in_"}  # only where the columns have names
    for attribute in doc["Attributes"]:
        assert attribute.name in optional or hasattr(fitted, attribute.name), attribute.name
