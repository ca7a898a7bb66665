"""The real tables of the benchmarks."""

import json
from pathlib import Path

import pandas as pd

# Beside the checkout, where it exists; the tables are not the project's to ship.
DEFAULT_DIR = Path(__file__).resolve().parents[2].parent / "shared" / "data"

# Columns that the published tables leave out, and a class that they treat as a number.
DROPPED = {
    "libras": ["class"],
    # Identifiers, and two columns of one value.
    "diabetes130": ["encounter_id", "patient_nbr", "examide", "citoglipton"],
}
AS_NUMBERS = {"breast": {"class": {"benign": 2.0, "malignant": 4.0}}}

# Rows of a table of two hours on two cores; --max-rows 0 takes all.
DEFAULT_ROWS = {"census": 6000, "california": 12000, "letter": 12000, "diabetes130": 6000}

# What is predicted from generated rows: levels are classified, numbers regressed.
TARGETS = {
    "census": ["income"],
    "diabetes130": ["readmitted", "time_in_hospital"],
    "california": ["median_house_value"],
    "letter": ["lettr"],
}
# Chapters of ICD-9 by the number of a code, as Strack et al. (2014) group diagnoses.
DIAGNOSES = ["diag_1", "diag_2", "diag_3"]
ICD9_CHAPTERS = {
    "circulatory": [(390, 459), (785, 785)],
    "respiratory": [(460, 519), (786, 786)],
    "digestive": [(520, 579), (787, 787)],
    "diabetes": [(250, 250)],
    "injury": [(800, 999)],
    "musculoskeletal": [(710, 739)],
    "genitourinary": [(580, 629), (788, 788)],
    "neoplasms": [(140, 239)],
}


def load(name, data_dir=DEFAULT_DIR):
    """A table as float and string columns, with the missing cells it has by nature.

    One that meta.json does not list is read from the CSV file of its name, such as
    ``master_dataset.csv``, the paper's emergency-department table, of who has it.
    """
    data_dir = Path(data_dir)
    path = data_dir / "meta.json"
    if not path.exists():
        raise FileNotFoundError(
            f"{path} does not exist. Give the folder of the benchmark tables with --data-dir."
        )
    file = json.loads(path.read_text()).get(name, {}).get("file", f"{name}.csv")
    if not (data_dir / file).exists():
        raise FileNotFoundError(f"{data_dir} has no table named {name!r}.")
    frame = pd.read_csv(data_dir / file, low_memory=False)
    for column, values in AS_NUMBERS.get(name, {}).items():
        frame[column] = frame[column].map(values)
    frame = frame.drop(columns=DROPPED.get(name, []))
    for column in DIAGNOSES if name == "diabetes130" else []:
        frame[column] = frame[column].map(icd9_chapter, na_action="ignore")
    numbers = frame.select_dtypes("number").columns
    return frame.astype(dict.fromkeys(numbers, "float64"))


def icd9_chapter(code):
    """The chapter of a code such as "250.83" or "V57"."""
    if not code[0].isdigit():
        return "other"
    number = int(float(code))
    for chapter, ranges in ICD9_CHAPTERS.items():
        if any(low <= number <= high for low, high in ranges):
            return chapter
    return "other"


def without_gaps(frame):
    """Real complete rows: what was not recorded by nature is a level, or the row is left out."""
    text = [name for name in frame if frame[name].dtype.kind not in "iuf"]
    return frame.fillna(dict.fromkeys(text, "not recorded")).dropna(ignore_index=True)


def subsample(frame, name, max_rows, seed):
    """A random part of a larger table: ``max_rows``, or the default of the table, or all for 0."""
    n_rows = DEFAULT_ROWS.get(name, len(frame)) if max_rows is None else max_rows
    if n_rows == 0 or n_rows >= len(frame):
        return frame
    return frame.sample(n_rows, random_state=seed, ignore_index=True)
