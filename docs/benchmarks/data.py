"""The real tables of the benchmarks."""

import json
from pathlib import Path

import pandas as pd

# Beside the checkout, where it exists; the tables are not the project's to ship.
DEFAULT_DIR = Path(__file__).resolve().parents[2].parent / "shared" / "data"

# Columns that the published tables leave out, and a class that they treat as a number.
DROPPED = {"libras": ["class"], "diabetes130": ["encounter_id", "patient_nbr"]}
AS_NUMBERS = {"breast": {"class": {"benign": 2.0, "malignant": 4.0}}}


def load(name, data_dir=DEFAULT_DIR):
    """A table as float and string columns, with the missing cells it has by nature."""
    data_dir = Path(data_dir)
    path = data_dir / "meta.json"
    if not path.exists():
        raise FileNotFoundError(
            f"{path} does not exist. Give the folder of the benchmark tables with --data-dir."
        )
    meta = json.loads(path.read_text())[name]
    frame = pd.read_csv(data_dir / meta["file"], low_memory=False)
    for column, values in AS_NUMBERS.get(name, {}).items():
        frame[column] = frame[column].map(values)
    frame = frame.drop(columns=DROPPED.get(name, []))
    numbers = frame.select_dtypes("number").columns
    return frame.astype(dict.fromkeys(numbers, "float64"))
