"""Texts of a file in plain Python, to compare ours with; shares no code with them and reads whole files at once."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, field

MEBIBYTE = 2**20


class BrokenError(Exception):
    """A file that cannot be read as what it is called."""


@dataclass
class Content:
    """What a file holds.

    Attributes:
        lines: Number of lines or rows.
        texts: The texts that are not empty, in order.
        empty: Number of records without a text that are no error.
        not_utf8: Number of records that are not UTF-8.
        invalid: Number of records without a usable text for another reason.
    """

    lines: int = 0
    texts: list[str] = field(default_factory=list)
    empty: int = 0
    not_utf8: int = 0
    invalid: int = 0

    def add(self, value: bytes | None) -> None:
        """Counts a record with these bytes; None: the record has no text."""
        self.lines += 1
        if value is None:
            self.empty += 1
            return
        if len(value) > 16 * MEBIBYTE:
            self.invalid += 1
            return
        try:
            text = value.decode()
        except UnicodeDecodeError:
            self.not_utf8 += 1
            return
        if text.strip():
            self.texts.append(text)
        else:
            self.empty += 1

    def add_invalid(self) -> None:
        """Counts a record that has no usable text."""
        self.lines += 1
        self.invalid += 1


def content_of(name: str, data: bytes) -> Content:
    """Reads a file with the field `text`.

    Raises:
        BrokenError: The file is not what its name says.
    """
    stem = name
    if name.endswith(".gz"):
        stem, data = name[:-3], _gzip(data)
    elif name.endswith(".zst"):
        stem, data = name[:-4], _zstandard(data)
    if stem.endswith(".parquet"):
        return _parquet(data)
    if stem.endswith(".csv"):
        return _csv(_without_mark(data))
    content = Content()
    lines = data.split(b"\n")
    for number, line in enumerate(lines if lines[-1] else lines[:-1]):
        line = line[:-1] if line[-1:] == b"\r" else line
        line = line if number else _without_mark(line)
        if stem.endswith(".jsonl"):
            _json_record(line, content)
        else:
            content.add(line)
    return content


def _without_mark(data: bytes) -> bytes:
    return data[3:] if data[:3] == b"\xef\xbb\xbf" else data


def _gzip(data: bytes) -> bytes:
    try:
        return gzip.decompress(data)
    except Exception as error:
        raise BrokenError(str(error)) from error


def _zstandard(data: bytes) -> bytes:
    import zstandard

    # Not the reader of streams, which takes the beginning of a frame for a whole one.
    content = b""
    try:
        while data:
            frame = zstandard.ZstdDecompressor().decompressobj()
            content += frame.decompress(data)
            if not frame.eof:
                raise BrokenError("cut off")
            data = frame.unused_data
    except zstandard.ZstdError as error:
        raise BrokenError(str(error)) from error
    return content


def _parquet(data: bytes) -> Content:
    import pyarrow
    import pyarrow.parquet

    # Without what Arrow notes about its own types, which may be damaged while the file is not.
    data = data.replace(b"ARROW:schema", b"Arrow:schema")
    content = Content()
    try:
        file = pyarrow.parquet.ParquetFile(pyarrow.BufferReader(data))
        column = file.read(columns=["text"], use_threads=False)["text"]
        if file.metadata.num_rows != len(column):
            raise BrokenError("rows are missing")
        for chunk in column.chunks:
            for value in chunk.cast(pyarrow.large_binary()):
                content.add(value.as_py())
    except (pyarrow.ArrowException, OSError, KeyError, ValueError) as error:
        raise BrokenError(str(error)) from error
    return content


def _json_record(line: bytes, content: Content) -> None:
    try:
        text = line.decode()
    except UnicodeDecodeError:
        content.add(line)
        return
    if not text.strip():
        content.add(None)
        return
    twice = []

    def pairs(items: list) -> dict:
        names = [name for name, _ in items]
        twice.append(names.count("text") > 1)
        return dict(items)

    try:
        record = json.loads(text, object_pairs_hook=pairs)
    except (ValueError, RecursionError):
        content.add_invalid()
        return
    # The outermost object is made last.
    if not isinstance(record, dict) or twice[-1]:
        content.add_invalid()
    elif "text" in record and record["text"] is None:
        content.add(None)
    elif isinstance(record.get("text"), str):
        content.add(record["text"].encode("utf-8", "surrogatepass"))
    else:
        content.add_invalid()


def _csv(data: bytes) -> Content:
    rows = _csv_rows(data)
    header = next((row for row in rows if row), [])
    if header.count(b"text") != 1:
        raise BrokenError("no column, or two")
    index = header.index(b"text")
    content = Content()
    for row in rows[rows.index(header) + 1 :]:
        if not row:
            content.add(b"")
        elif index < len(row):
            content.add(row[index])
        else:
            content.add_invalid()
    return content


def _csv_rows(data: bytes) -> list[list[bytes]]:
    """The rows of RFC 4180, a byte at a time; a row without a byte has no field."""
    rows: list[list[bytes]] = []
    row: list[bytes] = []
    value, state, begun = bytearray(), "begin", False
    for place in range(len(data)):
        byte = data[place : place + 1]
        if state == "carriage return" and byte == b"\r":
            continue
        if state == "carriage return":
            if byte != b"\n":
                raise BrokenError("a carriage return within a row")
            state = "begin"
            continue
        if state == "quoted":
            if byte == b'"':
                state = "quote"
            else:
                value += byte
            continue
        if byte == b'"' and state == "begin":
            state, begun = "quoted", True
        elif byte == b'"' and state == "quote":
            value += byte
            state = "quoted"
        elif byte == b",":
            row.append(bytes(value))
            value, state, begun = bytearray(), "begin", True
        elif byte in (b"\n", b"\r"):
            rows.append([*row, bytes(value)] if begun else [])
            value, row, begun = bytearray(), [], False
            state = "carriage return" if byte == b"\r" else "begin"
        elif state == "quote":
            raise BrokenError("a quote within a value")
        else:
            value += byte
            state, begun = "plain", True
    if state == "quoted":
        raise BrokenError("quotes are not in pairs")
    if begun:
        rows.append([*row, bytes(value)])
    return rows
