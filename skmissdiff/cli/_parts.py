"""Work on files one by one into a folder, which goes on where it was interrupted.

Each file is written to its place in one move, then noted in a journal in the folder. Whatever
happens in between, a file in its place is whole. The journal begins with what the work was: files
of another model or of other options are never taken for this work's.
"""

import contextlib
import glob
import json
import os

from skmissdiff._support.files import ENDINGS, TableError, file_kind

# Readers of folders leave out names that begin so.
JOURNAL = "_skmissdiff.jsonl"
_FORMAT = 1


def is_folder(path):
    """Whether an output is a folder: one that is there, or a name that ends as one."""
    return os.path.isdir(path) or str(path).endswith(("/", os.sep))


def stands_for_many(path):
    """Whether an input is a folder or a pattern."""
    return os.path.isdir(path) or (glob.has_magic(path) and not os.path.exists(path))


def input_parts(inputs, output):
    """The files that inputs stand for, and where each of them is completed to.

    Parameters
    ----------
    inputs : list of str
        Files, folders and patterns.
    output : str
        The folder.

    Returns
    -------
    list of (str, str)
        Paths of files, and their names below the folder, ordered by these.

    Raises
    ------
    TableError
        If there are none, two have the same name, or one would be replaced.
    """
    found = {}
    for path, name in (pair for pattern in inputs for pair in _expand(pattern)):
        file_kind(path)
        if name in found and os.path.realpath(path) != os.path.realpath(found[name]):
            raise TableError(
                f"{found[name]} and {path} would both be completed to "
                f"{os.path.join(output, name)}; complete them into different folders"
            )
        target = os.path.join(output, name)
        if os.path.realpath(path) == os.path.realpath(target):
            raise TableError(f"{path}: this file is in {output} itself; choose another folder")
        found[name] = path
    return [(found[name], name) for name in sorted(found)]


def _expand(pattern):
    """Files and their names in the folder that is written to."""
    if os.path.isdir(pattern):
        paths = glob.glob(os.path.join(glob.escape(pattern), "**", "*"), recursive=True)
        pairs = [
            (path, os.path.relpath(path, pattern))
            for path in paths
            if path.lower().endswith(tuple(ENDINGS)) and os.path.isfile(path)
        ]
        if not pairs:
            raise TableError(f"{pattern}: there is no table in this folder")
        return pairs
    if not stands_for_many(pattern):
        if not os.path.exists(pattern):
            raise TableError(f"{pattern}: there is no such file")
        return [(pattern, os.path.basename(pattern))]
    paths = sorted(path for path in glob.glob(pattern, recursive=True) if os.path.isfile(path))
    if not paths:
        raise TableError(f"{pattern}: there is no such file")
    return [(path, os.path.basename(path)) for path in paths]


class Journal:
    """What has been finished in a folder.

    A context; while it is open no other process can open it.

    Parameters
    ----------
    folder : str
        Made if it is not there.
    work : dict
        What the work is. All but its seed must agree with what was begun before.
    seed : int or None
        None takes the one that was begun with.
    new_seed : callable
        Gives one if there is none.
    start_anew : bool
        Whether to forget what was begun before.

    Attributes
    ----------
    seed : int
    """

    def __init__(self, folder, work, seed, new_seed, start_anew=False):
        self._folder, self._path = folder, os.path.join(folder, JOURNAL)
        self._work = json.loads(json.dumps({"format": _FORMAT, **work}))
        self._asked, self._new_seed, self._start_anew = seed, new_seed, start_anew
        self._done = {}

    def __enter__(self):
        try:
            os.makedirs(self._folder, exist_ok=True)
            self._file = open(self._path, "a+b")
        except OSError as error:
            raise TableError(f"{self._folder}: cannot be written ({error.strerror})") from None
        try:
            self._is_alone = _lock(self._file, self._folder)
            self._begin()
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(self, *exception):
        self._file.close()

    def _begin(self):
        """Read what was begun, or begin."""
        self._file.seek(0)
        content = self._file.read()
        whole = content[: content.rfind(b"\n") + 1]  # a line that was cut off says nothing
        lines = [] if self._start_anew else [json.loads(line) for line in whole.splitlines()]
        if not lines:
            self.seed = self._new_seed() if self._asked is None else self._asked
            self._file.truncate(0)
            self._append({**self._work, "seed": self.seed})
            return
        begun = lines[0]
        self.seed = begun.pop("seed", None)
        if self._asked is not None and self._asked != self.seed:
            self._refuse("seed", self.seed, self._asked)
        for name in {**begun, **self._work}:
            if begun.get(name) != self._work.get(name):
                self._refuse(name, begun.get(name), self._work.get(name))
        self._file.truncate(len(whole))
        self._done = {line["name"]: line for line in lines[1:]}

    def _refuse(self, name, before, now):
        what = f"{name.replace('_', '-')} {_shown(before)}, now {_shown(now)}"
        raise TableError(
            f"{self._folder}: it holds files of another run, with {what}; choose another folder, "
            "or begin anew with --overwrite"
        )

    def refuse_others(self, names):
        """Raise if there are files of this work besides those of these names."""
        others = sorted(set(self._done).difference(names))
        if others:
            raise TableError(
                f"{self._folder}: it holds more rows, in {others[0]} for one; ask for at least as "
                "many, or begin anew with --overwrite in an empty folder"
            )

    def is_done(self, name, source):
        """Whether a file was finished, from this source, and is there as it was written."""
        line = self._done.get(name)
        target = os.path.join(self._folder, name)
        return (
            line is not None
            and line["source"] == source
            and os.path.exists(target)
            and os.path.getsize(target) == line["size"]
        )

    @contextlib.contextmanager
    def writing(self, name, source):
        """Give the path to write a file to in one move, and note it if all went well."""
        target = os.path.join(self._folder, name)
        folder, base = os.path.split(target)
        os.makedirs(folder, exist_ok=True)
        if self._is_alone:  # what a process that was killed has left
            for left in glob.glob(os.path.join(glob.escape(folder), f".{glob.escape(base)}.*.tmp")):
                os.unlink(left)
        yield target
        self._append({"name": name, "source": source, "size": os.path.getsize(target)})

    def _append(self, line):
        self._file.write(json.dumps(line).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())


def state_of(path):
    """What tells a file from what it was, without reading it."""
    status = os.stat(path)
    return [status.st_size, status.st_mtime_ns]


def _lock(file, folder):
    """Have the folder for this process alone; whether that could be had."""
    try:
        import fcntl
    except ImportError:  # Windows
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise TableError(f"{folder}: another skmissdiff is writing there") from None
    except OSError:  # some network drives have no locks
        return False
    return True


def _shown(value):
    text = json.dumps(value)
    return text if len(text) <= 40 else text[:12] + "..."
