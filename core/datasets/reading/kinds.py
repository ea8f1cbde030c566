"""What kind of file is this, by its bytes first and its name second?"""

import codecs
import itertools
import json
import pickletools
import re
from pathlib import Path
from typing import Literal

from core.datasets.errors import DataError

Kind = Literal["delimited", "json", "parquet"]

_ARCHIVE = "an archive or a compressed file. Unpack it and upload the table inside"
_WORKBOOK = "a zip archive or an Excel workbook. Unpack it, or save the sheet as CSV (UTF-8), and upload that"
_OTHER = "{}, not a table. Upload CSV, TSV, JSON lines, a JSON array or Parquet"
_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", _WORKBOOK),
    (b"PK\x05\x06", _WORKBOOK),
    (b"PK\x07\x08", _WORKBOOK),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook. Save the sheet as CSV (UTF-8) and upload that"),
    (b"\x1f\x8b", _ARCHIVE),
    (b"\x1f\x9d", _ARCHIVE),
    (b"BZh", _ARCHIVE),
    (b"\xfd7zXZ\x00", _ARCHIVE),
    (b"7z\xbc\xaf\x27\x1c", _ARCHIVE),
    (b"\x28\xb5\x2f\xfd", _ARCHIVE),
    (b"Rar!\x1a\x07", _ARCHIVE),
    (b"%PDF-", _OTHER.format("a PDF")),
    (b"\x89PNG", _OTHER.format("a picture")),
    (b"\xff\xd8\xff", _OTHER.format("a picture")),
    (b"\x93NUMPY", _OTHER.format("a numpy array")),
    (b"\x89HDF", _OTHER.format("an HDF5 file")),
    (b"ARROW1", _OTHER.format("an Arrow file")),
    (b"SQLite format 3", _OTHER.format("a database")),
    (b"\x7fELF", _OTHER.format("a program")),
)
_PICKLE = "a Python pickle, which can run code when opened. Save the table as CSV or Parquet and upload that"
_JSON_NAMES = {".json", ".jsonl", ".ndjson", ".jsonlines"}
_DELIMITED_NAMES = {".csv", ".tsv", ".tab", ".txt", ".psv"}
_CHUNK = 1 << 20
_MANY_OPCODES = 100_000  # no table of text is one long run of letters that happen to be opcodes


def kind_of(path: Path, suffix: str) -> Kind:
    """The kind of the file at `path`; `suffix` (".csv") is what its uploaded name ends in.

    Raises `DataError` for an empty file, an archive, a pickle or another known binary format, whatever its name.
    """
    with path.open("rb") as file:
        start = file.read(4096)
    if not start.strip(b"\xef\xbb\xbf\xff\xfe \t\r\n"):
        raise DataError("the file is empty. Upload a table with a header and at least two rows.")
    for magic, what in _MAGIC:
        if start.startswith(magic):
            raise DataError(f"this is {what}.")
    if start[257:262] == b"ustar":
        raise DataError(f"this is {_ARCHIVE}.")
    if _is_pickle(path, start):
        raise DataError(f"this is {_PICKLE}.")
    if start.startswith(b"PAR1"):
        return "parquet"
    if suffix in {".parquet", ".pq"}:
        raise DataError(f"the name ends in {suffix}, but the content is not Parquet. Save it as Parquet or as CSV.")
    return "json" if _is_json(start, suffix) else "delimited"


def _is_pickle(path: Path, start: bytes) -> bool:
    """Protocol 2 and up say so in two bytes; 0 and 1 are told by a whole valid run of opcodes (which runs nothing)."""
    if start[0] == 0x80 and start[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return True
    with path.open("rb") as file:
        file.seek(-1, 2)
        if file.read(1) != b".":
            return False
        file.seek(0)
        try:
            operations = sum(1 for _ in itertools.islice(pickletools.genops(file), _MANY_OPCODES))
        except (ValueError, IndexError, KeyError, UnicodeDecodeError):
            return False
        return operations == _MANY_OPCODES or (operations > 1 and not file.read(1))


def _is_json(start: bytes, suffix: str) -> bool:
    if suffix in _JSON_NAMES:
        return True
    text = start.decode(encoding_of(start), errors="ignore").lstrip("\ufeff \t\r\n")
    if suffix not in _DELIMITED_NAMES:
        return text.startswith(("{", "["))
    if re.match(r"\[\s*\{\s*\"", text):
        return True
    try:
        return isinstance(json.loads(text.split("\n", 1)[0]), dict)
    except (ValueError, RecursionError):
        return False


def encoding_of(start: bytes) -> str:
    """UTF-8, unless a byte order mark says UTF-16. Raises `DataError` for UTF-32."""
    if start.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise DataError("the text is in UTF-32. Save the file as UTF-8 and upload it again.")
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    return "utf-8-sig"


def check_text(path: Path) -> str:
    """The encoding of a text file that decodes to its end and holds no NUL.

    Reads a mebibyte at a time. Raises `DataError` that names the byte and the line of the first fault.
    """
    with path.open("rb") as file:
        start = file.read(1000)
        encoding = encoding_of(start)
        file.seek(0)
        decoder = codecs.getincrementaldecoder(encoding)()
        done, line, chunk = 0, 1, b"-"
        while chunk:
            chunk = file.read(_CHUNK)
            pending = decoder.getstate()[0]
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                line += bytes(error.object[: error.start]).decode(encoding, "ignore").count("\n")
                raise DataError(_not_text(encoding, done - len(pending) + error.start, line, error)) from None
            if "\0" in text:
                before = text[: text.index("\0")]
                byte = done - len(pending) + len(before.encode("utf-8"))
                raise DataError(_nul(encoding, byte, line + before.count("\n"), start))
            line += text.count("\n")
            done += len(chunk)
    return encoding


def _not_text(encoding: str, byte: int, line: int, error: UnicodeDecodeError) -> str:
    name = "UTF-16" if encoding == "utf-16" else "UTF-8"
    value = f" (0x{error.object[error.start]:02X})" if error.start < len(error.object) else ""
    return (
        f"byte {byte + 1:,}{value} in line {line:,} is not {name}. Save the file with the encoding UTF-8"
        " (in a spreadsheet: “CSV UTF-8”) and upload it again."
    )


def _nul(encoding: str, byte: int, line: int, start: bytes) -> str:
    if encoding != "utf-16" and start.count(0) > len(start) // 4:
        return "the text looks like UTF-16 without its byte order mark. Save the file as UTF-8 and upload it again."
    where = f"line {line:,}" if encoding == "utf-16" else f"byte {byte + 1:,} (line {line:,})"
    return f"{where} is a NUL byte, so this is not a text file. Remove it, or save the table anew as CSV (UTF-8)."
