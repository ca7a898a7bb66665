"""Break the training and the encoding at random, one at a time, and count what the tests notice.

    python tests/mutants.py 150 --seed 0 [--only shrinkage]

A mutant differs from the code in one operator, comparison, constant, condition, function or
statement. Every one gets a process, forked from this one so that torch is imported once, that runs
the fast tests of its module until one fails. Survivors are printed with what was changed: each
wants a test, or is no change at all.
"""

import argparse
import ast
import copy
import difflib
import os
import pathlib
import random
import re
import shutil
import signal
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).parents[1]
FOLDERS = ("_diffusion", "_encoding")
# With tests/diffusion they run in less than a minute; slower ones may notice more.
FAST_ENCODING = ("encoding_parts", "scaling", "constraints", "dependencies", "encoding")
TRAINED = {"sampler", "imputer", "tables"}  # fixtures that take long

SWAPS = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Pow: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Add,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
}
NAMES = {
    "min": "max", "max": "min", "any": "all", "all": "any", "amin": "amax", "amax": "amin",
    "argmin": "argmax", "argmax": "argmin", "floor": "ceil", "ceil": "floor", "minimum": "maximum",
    "maximum": "minimum", "zeros": "ones", "ones": "zeros", "zeros_like": "ones_like",
    "ones_like": "zeros_like", "sum": "mean", "mean": "sum", "clamp_min": "clamp_max",
    "clamp_max": "clamp_min",
}  # fmt: skip


def mutations(node):
    """Functions that change a node in place, each a mutant."""
    if isinstance(node, ast.BinOp | ast.AugAssign | ast.BoolOp) and type(node.op) in SWAPS:
        yield lambda n: setattr(n, "op", SWAPS[type(n.op)]())
    if isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPS:
        yield lambda n: n.ops.__setitem__(0, SWAPS[type(n.ops[0])]())
        if isinstance(node.ops[0], ast.Lt | ast.LtE | ast.Gt | ast.GtE):
            yield lambda n: n.ops.__setitem__(
                0, ast.Gt() if isinstance(n.ops[0], ast.Lt | ast.LtE) else ast.Lt()
            )
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub | ast.Invert):
        yield lambda n: setattr(n, "op", ast.UAdd() if isinstance(n.op, ast.USub) else KEEP)
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield lambda n: setattr(n, "value", not n.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        yield lambda n: setattr(n, "value", n.value * 2 if n.value % 1 else n.value + 1)
    if isinstance(node, ast.Call):
        field = "attr" if isinstance(node.func, ast.Attribute) else "id"
        if getattr(node.func, field, None) in NAMES:
            yield lambda n: setattr(n.func, field, NAMES[getattr(n.func, field)])
    if isinstance(node, ast.IfExp):
        yield lambda n: setattr(n, "test", ast.UnaryOp(ast.Not(), n.test))
    body = getattr(node, "body", None)
    for place, line in enumerate(body if isinstance(body, list) else []):
        is_call = isinstance(line, ast.Expr) and isinstance(line.value, ast.Call)
        droppable = is_call or isinstance(line, ast.Assign | ast.AugAssign | ast.If | ast.For)
        if droppable and not isinstance(node, ast.Module | ast.ClassDef):
            yield lambda n, place=place: n.body.__setitem__(place, ast.Pass())


KEEP = object()  # a unary operator that goes, and leaves its operand


class _Leave(ast.NodeTransformer):
    def visit_UnaryOp(self, node):
        self.generic_visit(node)
        return node.operand if node.op is KEEP else node


def left_out(tree):
    """Nodes that are not behaviour: tuned constants, annotations, messages, checks of lengths."""
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        names = [n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name)]
        if names and all(name.isupper() for name in names):
            yield from ast.walk(node)
    for node in ast.walk(tree):
        for field in ("annotation", "returns"):
            if getattr(node, field, None) is not None:
                yield from ast.walk(getattr(node, field))
        if isinstance(node, ast.ClassDef):  # defaults of settings are tuned, too
            for line in node.body:
                if isinstance(line, ast.AnnAssign):
                    yield from ast.walk(line)
        if isinstance(node, ast.Raise):  # what a message says
            yield from ast.walk(node)
        if isinstance(node, ast.keyword) and node.arg == "strict":
            yield from ast.walk(node)


def all_mutants(root, only):
    """Path, node and number of everything that can be changed."""
    for folder in FOLDERS:
        for path in sorted((root / "skmissdiff" / folder).glob("*.py")):
            if only and path.stem not in only:
                continue
            tree = ast.parse(path.read_text(encoding="utf-8"))
            spared = {id(node) for node in left_out(tree)}
            for place, node in enumerate(ast.walk(tree)):
                if id(node) in spared:
                    continue
                for number, _ in enumerate(mutations(node)):
                    yield path, place, number


def mutate(path, place, number):
    """The source with one change, and the change as a diff."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    before = ast.unparse(tree)
    node = list(ast.walk(tree))[place]
    list(mutations(copy.copy(node)))[number](node)
    after = ast.unparse(ast.fix_missing_locations(_Leave().visit(tree)))
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=1)
    return after, "\n".join(list(lines)[2:])


def tests_of(root, path):
    """The fast tests that can notice a change, those that bear its name first."""
    if path.parent.name == "_encoding":
        found = [root / "tests" / f"test_{name}.py" for name in FAST_ENCODING]
    else:
        texts = {p.stem: p.read_text(encoding="utf-8") for p in path.parent.glob("*.py")}
        users, before = {path.stem}, set()
        while users != before:
            before = set(users)
            for used in before:
                users |= {name for name, text in texts.items() if f"from .{used} import" in text}
        wanted = re.compile(rf"_diffusion(\.| import )({'|'.join(users)})\b")
        tests = sorted((root / "tests" / "diffusion").glob("test_*.py"))
        found = [test for test in tests if wanted.search(test.read_text(encoding="utf-8"))]
    return sorted(found, key=lambda test: not test.stem.startswith(f"test_{path.stem}"))


class Fast:
    """Leaves out the tests of what is trained at length."""

    def pytest_collection_modifyitems(self, items):
        items[:] = [item for item in items if not TRAINED & set(item.fixturenames)]


def passes(root, tests, seconds):
    """Whether the tests pass, in a process of their own."""
    child = os.fork()
    if child == 0:
        import pytest

        log = os.open(root / "log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.setsid()
        os.chdir(root)
        sys.path.insert(0, str(root))
        sys.dont_write_bytecode = True
        options = ["-x", "-q", "-n", "0", "-p", "no:cacheprovider", "--rootdir", str(root)]
        os._exit(int(pytest.main([*options, *map(str, tests)], plugins=[Fast()])))
    stop, status = time.monotonic() + seconds, None
    while time.monotonic() < stop and status is None:
        done, code = os.waitpid(child, os.WNOHANG)
        status = code if done else time.sleep(0.02)
    if status is None:
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return status == 0


def main():
    """Print one line for each mutant, and the survivors' changes."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("n_mutants", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", help="modules, all if left out")
    parser.add_argument("--numbers", nargs="*", type=int, help="those of the mutants to run again")
    parser.add_argument("--seconds", type=float, default=180)
    options = parser.parse_args()
    os.environ.update(SCIPY_ARRAY_API="1", OMP_NUM_THREADS="1")
    import pandas, polars, pytest, scipy.stats, sklearn.utils.estimator_checks, torch  # noqa

    n_alive = n_killed = 0
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for name in ("skmissdiff", "tests"):
            shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", root)
        choices = list(all_mutants(root, options.only))
        chosen = random.Random(options.seed).sample(choices, min(options.n_mutants, len(choices)))
        numbered = [
            (number, *mutant)
            for number, mutant in enumerate(chosen, 1)
            if not options.numbers or number in options.numbers
        ]
        unharmed = {test for _, path, _, _ in numbered for test in tests_of(root, path)}
        if not passes(root, sorted(unharmed), 10 * options.seconds):
            sys.exit("The tests fail without any mutant:\n" + (root / "log").read_text())
        for number, path, place, which in numbered:
            start, original = time.monotonic(), path.read_text(encoding="utf-8")
            source, change = mutate(path, place, which)
            path.write_text(source, encoding="utf-8")
            alive = passes(root, tests_of(root, path), options.seconds)
            path.write_text(original, encoding="utf-8")
            n_alive, n_killed = n_alive + alive, n_killed + (not alive)
            verdict = f"SURVIVED\n{change}" if alive else "killed"
            name = f"{path.parent.name}/{path.name}"
            print(f"{number} {name} {time.monotonic() - start:.0f} s {verdict}", flush=True)
    print(f"killed {n_killed} of {n_killed + n_alive} mutants; {len(choices)} are possible")


if __name__ == "__main__":
    main()
