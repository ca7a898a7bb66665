"""Results as CSV: one line a run, found again by its key, with what it ran on."""

import csv
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import skmissdiff
from docs.benchmarks.limits import n_threads

FOLDER = Path(__file__).parent / "results"
# Not an outcome: such a run is tried again as soon as the environment is given.
NO_PEERS = "pinned environment not given"
PROVENANCE = ["budget", "threads", "machine", "skmissdiff", "sklearn", "torch", "numpy"]


class Results:
    """The lines of one CSV file; of two lines of one key, the later one counts.

    Parameters
    ----------
    path : path
    key : list of str
        Columns that name a run.
    measures : list of str
        The other columns.
    """

    def __init__(self, path, key, measures):
        self.path = Path(path)
        self.key = list(key)
        self.fields = [*key, "status", *measures, *PROVENANCE]
        self.rows = {}
        if self.path.exists():
            with self.path.open(newline="") as file:
                reader = csv.DictReader(file)
                if reader.fieldnames != self.fields:
                    raise ValueError(
                        f"{self.path} has other columns than this benchmark writes. Move it away, "
                        "or name another file with --out."
                    )
                for row in reader:
                    self.rows[self._key_of(row)] = row

    def finished(self, key):
        """The line of a run that need not be run again, or None."""
        row = self.rows.get(self._key_of(key))
        return None if row is None or row["status"] == NO_PEERS else row

    def others(self, key, but):
        """The lines that differ from ``key`` in the columns ``but`` only."""
        same = [name for name in self.key if name not in but]
        return [
            row
            for row in self.rows.values()
            if all(row[name] == str(key[name]) for name in same)
            and self._key_of(row) != self._key_of(key)
        ]

    def add(self, row):
        """Store a line at once, so that nothing is lost when the work is cut off."""
        row = {name: _text(row.get(name, "")) for name in self.fields}
        self.rows[self._key_of(row)] = row
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", newline="") as file:
            writer = csv.DictWriter(file, self.fields)
            if file.tell() == 0:
                writer.writeheader()
            writer.writerow(row)

    def _key_of(self, row):
        return tuple(_text(row[name]) for name in self.key)


def provenance(budget):
    """What a run ran with."""
    return {
        "budget": f"{budget:g}",
        "threads": n_threads(),
        "machine": machine(),
        "skmissdiff": skmissdiff.__version__,
        "sklearn": _version("scikit-learn"),
        "torch": _version("torch"),
        "numpy": _version("numpy"),
    }


# Flags of a processor, the widest arithmetic first: seconds differ by it even under one name.
ARITHMETIC = {"avx512_bf16": "bfloat16", "avx512f": "AVX-512", "avx2": "AVX2"}


def machine():
    """Architecture, processor and widest arithmetic, as far as they are told.

    Rented processors share one name. Networks train twice as fast in bfloat16, so that seconds
    may be compared between runs of which all three are equal.
    """
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    told = {name.strip(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    flags = told.get("flags", "").split()
    widest = [text for flag, text in ARITHMETIC.items() if flag in flags][:1]
    name = [told["model name"]] if "model name" in told else []
    return ", ".join([platform.machine(), *name, *widest])


def _version(package):
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _text(value):
    """As it stands in the CSV; numbers to six digits."""
    if isinstance(value, float):
        return "" if value != value else f"{value:.6g}"
    return str(value)
