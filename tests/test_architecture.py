"""Imports go down only, and what is heavy is imported late or in one place."""

import ast
import pathlib
import subprocess
import sys

import pytest

PACKAGE = pathlib.Path(__file__).parents[1] / "skmissdiff"

# From the top down: a module imports from its own group and from those named here.
MAY_IMPORT = {
    "command": {"root", "estimators", "reports", "parts"},
    "reports": {"root", "metrics", "parts"},
    "root": {"estimators"},
    "estimators": {"base", "parts", "diffusion"},
    "base": {"parts", "diffusion"},
    "metrics": {"parts"},
    "parts": set(),
    "diffusion": set(),
}
COMMAND = {"__main__", "cli", "_demo", "_summary", "_tables", "_csv_text", "_parquet"}
REPORTS = {"report", "_report_html", "_report_plots"}
# Within the torch backend: a module imports from those with a lower number.
DIFFUSION_RANKS = {
    "codes": 0,
    "schedule": 0,
    "preconditioning": 0,
    "donors": 1,
    "paper": 1,
    "denoiser": 2,
    "loss": 3,
    "optimiser": 3,
    "sampling": 3,
    "likelihood": 4,
    "validation": 4,
    "donor_validation": 5,
    "training": 5,
    "masked": 6,
    "methods": 7,
    "inference": 8,
}
# One fit serves both estimators, so that each can make the other, inside a method.
LATE = {("_imputer", "_sampler"), ("_sampler", "_imputer")}


def _modules():
    """Dotted names below the package, and their syntax trees."""
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        yield name, ast.parse(path.read_text(encoding="utf-8"))


MODULES = dict(_modules())


def _group(module):
    if module.startswith("_diffusion"):
        return "diffusion"
    if module.partition(".")[0] == "metrics":
        return "metrics"
    if module in COMMAND:
        return "command"
    if module in REPORTS:
        return "reports"
    named = {"": "root", "_imputer": "estimators", "_sampler": "estimators", "_base": "base"}
    return named.get(module, "parts")


def _statements(tree):
    """Import statements, and whether each is at the top level of the module."""
    top = {id(node) for node in tree.body}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node, id(node) in top


def _imported(module, node):
    """Full dotted names that a statement imports."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    base = node.module or ""
    if node.level:
        package = f"skmissdiff.{module}".split(".")[: -node.level]
        base = ".".join([*package, base]).rstrip(".")
    return [f"{base}.{alias.name}" for alias in node.names]


def _own(name):
    """The module of this package that an imported name is in, or None."""
    if name.split(".")[0] != "skmissdiff":
        return None
    inner = name.removeprefix("skmissdiff").removeprefix(".")
    while inner and inner not in MODULES:
        inner = inner.rpartition(".")[0]
    return inner


def _edges():
    for module, tree in MODULES.items():
        for node, at_top in _statements(tree):
            for name in _imported(module, node):
                target = _own(name)
                if target is not None and target != module:
                    yield module, target, at_top


def test_the_walk_sees_imports():
    edges = {(source, target) for source, target, _ in _edges()}
    assert {("cli", "_files"), ("_imputer", "_base"), ("_imputer", "_sampler")} <= edges
    assert ("_diffusion.methods", "_diffusion.schedule") in edges
    assert {_group(module) for module in MODULES} == set(MAY_IMPORT)


def test_groups_import_downwards():
    for source, target, _ in _edges():
        own, other = _group(source), _group(target)
        assert own == other or other in MAY_IMPORT[own], f"{source} imports {target}"


def test_no_circles():
    below = {module: set() for module in MODULES}
    for source, target, at_top in _edges():
        if (source, target) in LATE:
            assert not at_top, f"{source} must import {target} inside a method"
        elif target != "_diffusion":
            below[source].add(target)
    while free := [module for module, targets in below.items() if not targets]:
        for module in free:
            del below[module]
        for targets in below.values():
            targets.difference_update(free)
    assert not below, f"these import each other in a circle: {below}"


def test_diffusion_imports_downwards():
    modules = {module for module in MODULES if module.startswith("_diffusion.")}
    assert modules == {f"_diffusion.{name}" for name in DIFFUSION_RANKS}, "give each a rank"
    for source, target, _ in _edges():
        if source in modules and target in modules:
            ranks = [DIFFUSION_RANKS[name.removeprefix("_diffusion.")] for name in (source, target)]
            assert ranks[0] > ranks[1], f"{source} imports {target}"


def _top_names(module, at_top_only=False):
    return {
        name.split(".")[0]
        for node, at_top in _statements(MODULES[module])
        for name in _imported(module, node)
        if at_top or not at_top_only
    }


@pytest.mark.parametrize("module", sorted(MODULES))
def test_third_parties(module):
    if _group(module) not in {"diffusion", "base"}:
        assert "torch" not in _top_names(module)
    if _group(module) == "diffusion":
        assert not _top_names(module) & {"sklearn", "pandas", "narwhals", "scipy"}
    # Optional ones are asked for when needed, and nothing of docs or tests is ever used.
    assert not _top_names(module, at_top_only=True) & {"pandas", "polars", "pyarrow", "matplotlib"}
    assert not _top_names(module) & {"docs", "tests", "benchmarks", "pytest", "sphinx"}


@pytest.mark.parametrize("module", ["skmissdiff", "skmissdiff.cli"])
def test_import_is_light(module):
    heavy = ["torch", "pandas", "polars", "pyarrow", "matplotlib", "sklearn"]
    code = f"import sys, {module}; print(*[name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_importing_an_estimator_loads_no_frame_library():
    code = (
        "import sys; from skmissdiff import MissDiffImputer, MissDiffSampler;"
        "print('torch' in sys.modules, 'polars' in sys.modules, 'matplotlib' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False", "False"]
