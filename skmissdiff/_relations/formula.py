"""Formulas of columns, such as ``weight / height ** 2``, as text that can be saved and read."""

import ast
import functools
import math
import operator
import re

import numpy as np

_OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


def _of_all(of_two):
    """The function of any number of arguments: a third one of NumPy's is where it writes to."""
    return lambda *arguments: functools.reduce(of_two, arguments)


def _round(number, decimals=0):
    if np.ndim(decimals) or int(decimals) != decimals:
        raise TypeError("round takes a whole number of decimals")
    return np.round(number, int(decimals))


# With the least and the largest number of arguments.
FUNCTIONS = {
    "abs": (np.abs, 1, 1),
    "ceil": (np.ceil, 1, 1),
    "exp": (np.exp, 1, 1),
    "floor": (np.floor, 1, 1),
    "log": (np.log, 1, 1),
    "log10": (np.log10, 1, 1),
    "log2": (np.log2, 1, 1),
    "max": (_of_all(np.maximum), 2, math.inf),
    "min": (_of_all(np.minimum), 2, math.inf),
    "round": (_round, 1, 2),
    "sqrt": (np.sqrt, 1, 1),
}
_QUOTED = re.compile(r"`([^`]+)`")


class Formula:
    """A formula of columns.

    Parameters
    ----------
    text : str
        In the notation of Python: numbers, text in quotation marks, names of columns (in
        `backticks` if they are no names of Python), ``+ - * / // % **``, one comparison, and the
        functions of `FUNCTIONS`.

    Raises
    ------
    ValueError
        With what cannot be read.
    """

    def __init__(self, text):
        self.text = text
        self._quoted = {}
        plain = _QUOTED.sub(self._placeholder, text)
        try:
            self._tree = ast.parse(plain.strip(), mode="eval").body
        except SyntaxError as error:
            raise ValueError(f"The formula {text!r} cannot be read: {error.msg}.") from error
        self.names = []
        self._collect(self._tree)
        if not self.names:
            raise ValueError(f"The formula {text!r} names no column.")

    def _placeholder(self, match):
        name = f"quoted_{len(self._quoted)}_"
        self._quoted[name] = match.group(1)
        return name

    def _collect(self, node):
        """Check a part of the formula, and note the columns in it."""
        if isinstance(node, ast.Name):
            name = self._quoted.get(node.id, node.id)
            if name not in self.names:
                self.names.append(name)
        elif isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            self._collect(node.left)
            self._collect(node.right)
        elif isinstance(node, ast.UnaryOp) and type(node.op) in _OPERATORS:
            self._collect(node.operand)
        elif isinstance(node, ast.Compare) and type(node.ops[0]) in _OPERATORS:
            if len(node.ops) > 1:
                raise ValueError(f"The formula {self.text!r} compares more than two things.")
            self._collect(node.left)
            self._collect(node.comparators[0])
        elif isinstance(node, ast.Call) and getattr(node.func, "id", None) in FUNCTIONS:
            self._check_call(node)
            for argument in node.args:
                self._collect(argument)
        elif not isinstance(node, ast.Constant) or not isinstance(node.value, int | float | str):
            known = ", ".join(FUNCTIONS)
            raise ValueError(
                f"The formula {self.text!r} holds {ast.unparse(node)!r}. It may hold columns, "
                f"numbers, + - * / // % **, a comparison and the functions {known}."
            )

    def _check_call(self, node):
        """Raise unless a function has as many arguments as it takes."""
        _, least, most = FUNCTIONS[node.func.id]
        if node.keywords or not least <= len(node.args) <= most:
            takes = f"{least}" if least == most else f"{least} or more"
            takes = "1 or 2" if most == 2 else takes
            raise ValueError(
                f"The formula {self.text!r} holds {ast.unparse(node)!r}, but {node.func.id} takes "
                f"{takes} argument{'s' if most > 1 else ''}, without names."
            )

    def __call__(self, *columns):
        """Return the value for columns in the order of `names`."""
        try:
            with np.errstate(all="ignore"):
                return self._value(self._tree, dict(zip(self.names, columns, strict=True)))
        except TypeError as error:  # such as text plus a number
            raise TypeError(
                f"The formula {self.text!r} cannot be computed from columns of these kinds: "
                f"{error}."
            ) from error

    def _value(self, node, columns):
        if isinstance(node, ast.Name):
            return columns[self._quoted.get(node.id, node.id)]
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.UnaryOp):
            return _OPERATORS[type(node.op)](self._value(node.operand, columns))
        if isinstance(node, ast.Call):
            return FUNCTIONS[node.func.id][0](*(self._value(a, columns) for a in node.args))
        if isinstance(node, ast.Compare):
            operation, left, right = node.ops[0], node.left, node.comparators[0]
        else:
            operation, left, right = node.op, node.left, node.right
        return _OPERATORS[type(operation)](self._value(left, columns), self._value(right, columns))
