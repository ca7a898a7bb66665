"""Files of the command: what may be read, what may be written, and how."""

import contextlib
import glob
import gzip
import hashlib
import os
import shutil
import tempfile
import zlib

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_TEXT_ENDINGS = [ending + packed for ending in (".csv", ".tsv", ".txt") for packed in ("", ".gz")]
ENDINGS = dict.fromkeys(_TEXT_ENDINGS, "csv") | {".parquet": "parquet"}


class TableError(ValueError):
    """An input that cannot be used, explained in one line."""


def file_kind(path):
    """``"csv"`` or ``"parquet"``, by the ending of the path."""
    for ending, kind in ENDINGS.items():
        if str(path).lower().endswith(ending):
            return kind
    raise TableError(
        f"{path}: the name must end in .csv, .tsv, .txt (each also with .gz) or .parquet"
    )


def import_pandas():
    """Import pandas, or say how to get it."""
    try:
        import pandas
    except ImportError:
        raise TableError(
            'reading tables takes pandas, which is not installed: pip install "skmissdiff[cli]"'
        ) from None
    return pandas


def digest_of(path):
    """What tells a file from one of other content."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_bytes(path):
    """Read a whole file, unpacking it if its name ends in .gz."""
    opener = gzip.open if str(path).lower().endswith(".gz") else open
    try:
        with opener(path, "rb") as stream:
            return stream.read()
    except FileNotFoundError:
        raise TableError(f"{path}: there is no such file") from None
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise TableError(f"{path}: this is not a whole gzip file") from None
    except OSError as error:
        raise TableError(f"{path}: cannot be read ({error.strerror})") from None


def check_writable(path):
    """Raise TableError if no file can be written to ``path``, before any long work."""
    target = os.path.realpath(path)
    folder = os.path.dirname(target)
    if os.path.isdir(target):
        raise TableError(f"{path}: cannot be written (it is a folder)")
    if not os.path.isdir(folder):
        raise TableError(f"{path}: cannot be written (there is no folder {folder})")
    if os.path.exists(target) and not os.access(target, os.W_OK):
        raise TableError(f"{path}: cannot be written (permission denied)")
    try:
        handle, trial = tempfile.mkstemp(dir=folder)
    except OSError as error:
        raise TableError(f"{path}: cannot be written ({error.strerror})") from None
    os.close(handle)
    os.unlink(trial)


@contextlib.contextmanager
def binary_output(path, gzipped):
    """Open a file to write bytes to, packed if wanted."""
    with open(path, "wb") as stream:
        if not gzipped:
            yield stream
            return
        # No name and no time inside: the same table, the same file.
        with gzip.GzipFile("", "wb", fileobj=stream, mtime=0) as packed:
            yield packed


@contextlib.contextmanager
def atomic_output(path):
    """Give a temporary path beside ``path`` and move it there if all went well.

    What a process that was killed has left beside it is removed.
    """
    target = os.path.realpath(path)
    folder, name = os.path.split(target)
    _remove_left(folder, name)
    handle, temporary = tempfile.mkstemp(prefix=f".{name}.", suffix=".tmp", dir=folder)
    if fcntl is None:
        os.close(handle)  # Windows moves no open file
        handle = None
    try:
        if handle is not None:
            _is_nobodys(handle)  # from now on it is ours
        yield temporary
        if os.path.exists(target):
            shutil.copymode(target, temporary)
        else:
            umask = os.umask(0)
            os.umask(umask)
            os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    finally:
        if handle is not None:
            os.close(handle)


def _remove_left(folder, name):
    """Remove temporary files of a target, and those of such ones, that no process writes."""
    if fcntl is None:
        return
    own = f".{glob.escape(name)}.*.tmp"
    for left in glob.glob(os.path.join(glob.escape(folder), own)) + glob.glob(
        os.path.join(glob.escape(folder), f".{own}.*.tmp")
    ):
        with contextlib.suppress(OSError):  # another process may have been quicker
            handle = os.open(left, os.O_RDWR)
            try:
                if _is_nobodys(handle):
                    os.unlink(left)
            finally:
                os.close(handle)


def _is_nobodys(handle):
    """Take the lock of a file, if no process has it; the system frees it when a process dies."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
