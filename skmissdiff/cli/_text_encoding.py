"""Which encoding the text of a file is in: given, told by its first bytes, or guessed.

A byte order mark stays the first character of the text, so that it is written back.
"""

import codecs
import re
from dataclasses import dataclass

from skmissdiff._support.files import TableError

# The mark of UTF-32 begins with that of UTF-16.
_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
# These would add a byte order mark to every piece of text that is encoded, or take it away.
_WITHOUT_MARK = {"utf-8-sig": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}


@dataclass(frozen=True)
class Decoded:
    """The text of a file.

    Attributes
    ----------
    text : str
    encoding : str
        By which it can be written back, piece by piece.
    remark : str
        What the user should know of a guess, or empty.
    """

    text: str
    encoding: str
    remark: str = ""


def decode(data, encoding=None, name="the file"):
    """Turn the bytes of a file into text.

    Parameters
    ----------
    data : bytes
    encoding : str, optional
        Given by the user; by default a byte order mark tells it. Without one it is UTF-8, or
        the Windows code page of Western Europe if it cannot be.
    name : str
        How errors name the file.

    Returns
    -------
    Decoded

    Raises
    ------
    TableError
        If the bytes are not text in the given encoding, or in none.
    """
    marked = next((own for mark, own in _MARKS.items() if data.startswith(mark)), None)
    if encoding is not None:
        encoding = codecs.lookup(encoding).name
        if encoding in _WITHOUT_MARK:
            encoding = marked if marked and marked.startswith(encoding[:6]) else encoding
            encoding = _WITHOUT_MARK.get(encoding, encoding)
        return _decode_strictly(data, encoding, name)
    if marked is not None:
        return _decode_strictly(data, marked, name)
    if b"\0" in data:
        raise TableError(
            f"{name}: this is not text, for it holds zero bytes; if it is UTF-16 without a byte "
            "order mark, add --encoding=utf-16-le"
        )
    try:
        return Decoded(data.decode("utf-8"), "utf-8")
    except UnicodeDecodeError as error:
        return _decode_western(data, error.start, name)


def _decode_strictly(data, encoding, name):
    try:
        return Decoded(data.decode(encoding), encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].decode(encoding, errors="replace").count("\n") + 1
        raise TableError(
            f"{name}: line {line} is not {encoding}; name the file's own encoding with --encoding"
        ) from None


def _decode_western(data, start, name):
    """By the code page of Western Windows, or by Latin-1, which has a letter for every byte."""
    try:
        encoding, text = "cp1252", data.decode("cp1252")
    except UnicodeDecodeError:
        encoding, text = "latin-1", data.decode("latin-1")
    line = text.count("\n", 0, start) + 1
    before, after = text[max(0, start - 10) : start], text[start : start + 10]
    place = re.split(r"[\r\n]", before)[-1] + re.split(r"[\r\n]", after)[0]
    return Decoded(
        text,
        encoding,
        f"{name} is not UTF-8 and is read as {encoding} (line {line}: {place!r}); "
        "if that is misread, name its encoding with --encoding",
    )
