"""The folder is the layer: imports go down only, and what is heavy is imported late."""

import ast
import pathlib
import subprocess
import sys

import pytest

PACKAGE = pathlib.Path(__file__).parents[1] / "skmissdiff"

# From the top down. A layer imports from itself and from those below it in its row.
LAYERS = {
    "cli": {
        "report",
        "missingness",
        "metrics",
        "estimators",
        "_stream",
        "_encoding",
        "_table",
        "_support",
    },
    "report": {"displays", "metrics", "estimators", "_encoding", "_table", "_support"},
    "displays": {"metrics", "_encoding", "_table", "_support"},
    "inference": {"estimators", "_support"},
    "metrics": {"_encoding", "_table", "_support"},
    "missingness": {"_encoding", "_table", "_support"},
    "estimators": {
        "_stream",
        "_draws",
        "_diffusion",
        "_relations",
        "_encoding",
        "_table",
        "_support",
    },
    "_relations": {"_encoding", "_table", "_support"},
    "_stream": {"_table", "_support"},
    "_draws": {"_support"},
    "_encoding": {"_table", "_support"},
    "_table": {"_support"},
    "_diffusion": {"_support"},
    "_support": set(),
}


def _modules():
    """Dotted names below the package, and their syntax trees."""
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        yield name, ast.parse(path.read_text(encoding="utf-8"))


MODULES = dict(_modules())


def _layer(module):
    """The folder, or "estimators" for the files beside the folders, which users hold."""
    folder = module.partition(".")[0]
    if (PACKAGE / folder).is_dir() and folder:
        return folder
    return "cli" if folder == "__main__" else "estimators"


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
        is_folder = (PACKAGE / module.replace(".", "/")).is_dir()
        package = f"skmissdiff.{module}".split(".")[: len(module.split(".")) + 1 + is_folder]
        base = ".".join([*package[: -node.level], base]).rstrip(".")
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
        for node, _ in _statements(tree):
            for name in _imported(module, node):
                target = _own(name)
                if target is not None and target != module:
                    yield module, target


def test_the_walk_sees_imports():
    edges = set(_edges())
    assert {("cli._tables", "_support.files"), ("_imputer", "_base")} <= edges
    assert ("_encoding.encoder", "_table.frames") in edges
    assert any(source.startswith("_diffusion") for source, _ in edges)
    assert {_layer(module) for module in MODULES} == set(LAYERS)


def test_layers_import_downwards():
    for source, target in _edges():
        own, other = _layer(source), _layer(target)
        assert own == other or other in LAYERS[own], f"{source} imports {target}"


def test_no_circles():
    """Also within a layer, and also inside functions."""
    below = {module: set() for module in MODULES}
    for source, target in _edges():
        # A folder's face imports from its files, which may name the folder for one of them.
        if f"{source}.".startswith(f"{target}."):
            continue
        below[source].add(target)
    while free := [module for module, targets in below.items() if not targets]:
        for module in free:
            del below[module]
        for targets in below.values():
            targets.difference_update(free)
    assert not below, f"these import each other in a circle: {below}"


def _top_names(module, at_top_only=False):
    return {
        name.split(".")[0]
        for node, at_top in _statements(MODULES[module])
        for name in _imported(module, node)
        if at_top or not at_top_only
    }


@pytest.mark.parametrize("module", sorted(MODULES))
def test_third_parties(module):
    if _layer(module) != "_diffusion" and module != "_base":
        assert "torch" not in _top_names(module)
    if _layer(module) == "_diffusion":
        assert not _top_names(module) & {"sklearn", "pandas", "narwhals", "scipy"}
    # Optional ones are asked for when needed, and nothing of docs or tests is ever used.
    assert not _top_names(module, at_top_only=True) & {"pandas", "polars", "pyarrow", "matplotlib"}
    assert not _top_names(module) & {"docs", "tests", "benchmarks", "pytest", "sphinx"}


@pytest.mark.parametrize("module", sorted(MODULES))
def test_private_names_of_scikit_learn_stand_in_one_module(module):
    if module == "_support.sklearn_private":
        return
    for node, _ in _statements(MODULES[module]):
        for name in _imported(module, node):
            parts = name.split(".")
            private = [part for part in parts if part.startswith("_")]
            assert parts[0] != "sklearn" or not private, f"{module} imports {name}"


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
