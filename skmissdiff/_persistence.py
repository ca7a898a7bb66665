"""Fitted models as one file of weights and JSON, without pickle.

The file is a NumPy ``.npz`` archive: every array under a number of its own and
one JSON text that says how they are put together. Reading it runs no code from
the file; only the classes named here are ever built.

Instances of this package are written as they are: ``FORMAT_VERSION`` counts up when what they
hold changes. Those of scikit-learn, which may hold something else in another release, are
written as parameters and documented fitted attributes, and built anew from these.
"""

import datetime as dt
import json
import zipfile
import zlib
from decimal import Decimal
from enum import Enum

import numpy as np
import sklearn

import skmissdiff
from skmissdiff._support.caller import warn
from skmissdiff._support.files import atomic_output
from skmissdiff._table.ticks import time_from_words, time_in_words

FORMAT = "skmissdiff"
FORMAT_VERSION = 9


def write_model(path, state, classes):
    """Write ``state`` to ``path`` in one move: a crash leaves the old file or none.

    Parameters
    ----------
    path : path-like
    state : object
        Made of JSON values, NumPy arrays and scalars, tuples, lists, dicts and
        instances of ``classes``.
    classes : sequence of type
    """
    arrays = []
    text = json.dumps(
        {
            "format": FORMAT,
            "version": FORMAT_VERSION,
            "written_by": {"skmissdiff": skmissdiff.__version__, "sklearn": sklearn.__version__},
            "state": _pack(state, arrays, classes),
        }
    )
    named = {str(index): array for index, array in enumerate(arrays)}
    with atomic_output(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, json=np.frombuffer(text.encode(), dtype=np.uint8), **named)


def read_model(path, classes):
    """The state that `write_model` wrote.

    Raises
    ------
    ValueError
        If the file is damaged, is not of this package, is of another format, or holds what
        the scikit-learn that is installed cannot take over.

    Warns
    -----
    UserWarning
        If it was written with another release of scikit-learn.
    """
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            # Reading every member also checks its CRC.
            members = {name: archive[name] for name in archive.files}
        content = json.loads(members.pop("json").tobytes().decode())
        is_ours = content["format"] == FORMAT
        version = content["version"]
    except (FileNotFoundError, IsADirectoryError, PermissionError):
        raise
    # What NumPy, zipfile, zlib and json raise on bytes that are not theirs.
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        KeyError,
        OSError,
        TypeError,
        ValueError,
        AttributeError,
        NotImplementedError,
    ) as error:
        raise ValueError(f"{path} is damaged or not a skmissdiff model: {error}") from error
    if not is_ours:
        raise ValueError(f"{path} is not a skmissdiff model.")
    if version != FORMAT_VERSION:
        way_out = "Update skmissdiff to load it" if version > FORMAT_VERSION else "Fit it again"
        raise ValueError(
            f"{path} has format {version}, this version of skmissdiff reads {FORMAT_VERSION}. "
            f"{way_out}."
        )
    try:
        written_with = content["written_by"]["sklearn"]
        state = _unpack(content["state"], members, {cls.__name__: cls for cls in classes})
    except _OtherRelease as error:
        raise ValueError(
            f"{path} was written with scikit-learn {written_with}, and {error} of "
            f"{sklearn.__version__}, which is installed, is another one. Install the former, or "
            "fit the model again."
        ) from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{path} is damaged: its parts do not fit together.") from error
    if _release(written_with) != _release(sklearn.__version__):
        warn(
            f"{path} was written with scikit-learn {written_with}, and {sklearn.__version__} is "
            "installed: its scalers were built anew from their documented attributes. Save it "
            "again to be rid of this warning."
        )
    return state


class _OtherRelease(Exception):
    """A class of scikit-learn that has other parameters or attributes than in the file."""


def _release(version):
    return version.split(".")[:2]


def _documented(estimator):
    """The fitted attributes of an estimator of scikit-learn that its documentation names."""
    return {
        name: value
        for name, value in vars(estimator).items()
        if name.endswith("_") and not name.startswith("_")
    }


def _build_sklearn(cls, params, fitted):
    """An estimator of scikit-learn as it was when fitted."""
    try:
        estimator = cls(**params)
    except TypeError as error:
        raise _OtherRelease(cls.__name__) from error
    for name, value in fitted.items():
        setattr(estimator, name, value)
    # Whatever the user has configured for transformers of his own.
    return estimator.set_output(transform="default")


def _pack(value, arrays, classes):
    """JSON form of ``value``; arrays are appended to ``arrays`` and named by their place."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, Enum) and type(value) in classes:
        return {"enum": type(value).__name__, "value": value.value}
    if isinstance(value, int | float) and not isinstance(value, np.generic):
        return value
    if (words := time_in_words(value)) is not None:
        return {"time": words}
    if isinstance(value, np.generic):
        return {"scalar": _pack(np.asarray(value), arrays, classes)}
    if isinstance(value, np.ndarray) and value.dtype != object:
        arrays.append(value)
        return {"array": str(len(arrays) - 1)}
    if isinstance(value, np.ndarray):
        return {"objects": _pack(value.tolist(), arrays, classes)}
    if isinstance(value, dt.timedelta):
        return {"timedelta": value // dt.timedelta(microseconds=1)}
    if isinstance(value, dt.datetime):  # a Timestamp of pandas is one, too
        return {"datetime": value.isoformat(timespec="microseconds")}
    if isinstance(value, dt.date):
        return {"date": value.isoformat()}
    if isinstance(value, Decimal):
        return {"decimal": str(value)}
    if isinstance(value, slice):
        return {"slice": [value.start, value.stop]}
    if isinstance(value, list | tuple):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [_pack(item, arrays, classes) for item in value]}
    if isinstance(value, dict):
        pairs = [[_pack(k, arrays, classes), _pack(v, arrays, classes)] for k, v in value.items()]
        return {"dict": pairs}
    if type(value) in classes and type(value).__module__.startswith("sklearn."):
        return {
            "sklearn": type(value).__name__,
            "params": _pack(value.get_params(deep=False), arrays, classes),
            "fitted": _pack(_documented(value), arrays, classes),
        }
    if type(value) in classes:
        return {"class": type(value).__name__, "state": _pack(vars(value), arrays, classes)}
    raise TypeError(f"A value of type {type(value).__name__} cannot be saved: {value!r}")


_SCALARS = {
    "datetime": dt.datetime.fromisoformat,
    "date": dt.date.fromisoformat,
    "decimal": Decimal,
}


def _unpack(value, arrays, classes):
    if not isinstance(value, dict):
        return value
    if "enum" in value:
        return classes[value["enum"]](value["value"])
    if "time" in value:
        return time_from_words(*value["time"])
    if "scalar" in value:
        return _unpack(value["scalar"], arrays, classes)[()]
    if "array" in value:
        return arrays[value["array"]]
    if "objects" in value:
        items = _unpack(value["objects"], arrays, classes)
        out = np.empty(len(items), dtype=object)
        out[:] = items
        return out
    if "timedelta" in value:
        return dt.timedelta(microseconds=value["timedelta"])
    for name, read in _SCALARS.items():
        if name in value:
            return read(value[name])
    if "slice" in value:
        return slice(*value["slice"])
    if "list" in value:
        return [_unpack(item, arrays, classes) for item in value["list"]]
    if "tuple" in value:
        return tuple(_unpack(item, arrays, classes) for item in value["tuple"])
    if "dict" in value:
        return {_unpack(k, arrays, classes): _unpack(v, arrays, classes) for k, v in value["dict"]}
    if "sklearn" in value:
        params, fitted = (_unpack(value[part], arrays, classes) for part in ("params", "fitted"))
        return _build_sklearn(classes[value["sklearn"]], params, fitted)
    cls = classes[value["class"]]
    instance = cls.__new__(cls)
    instance.__dict__.update(_unpack(value["state"], arrays, classes))
    return instance
