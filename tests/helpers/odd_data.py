"""Odd files and texts: strategies of Hypothesis, and every file format to be mutated byte by byte."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterator

import pyarrow
import pyarrow.parquet
import zstandard
from hypothesis import strategies as st

LINES = ["the cat", "", "naïve 猫 🦉", "a\tb", "x\u200dy", "\u202eabc", "e\u0301", "last"] * 3

# Letters that files bring along and readers trip over.
ODD_LETTERS = (
    "\0\t\v\f\r\x1a\x1b\x7f\x85\u00a0\u00ad\u0130\u0131\u03a3\u03c2\u0301\u0345\u0600\u061c\u06dd\u0e33\u1e9e\u200b\u200c\u200d"
    "\u200e\u200f\u2028\u2029\u202a\u202e\u2060\u2066\u2069\u3000\u30fc\ufdfd\ufe0f\ufeff\ufffc\ufffd\uffff"
    "\U0001f468\U0001f9ff\U0001f1e6\U000e0020\U000e01ef\U0010ffff'’<>/\"\\{}[],;|"
)
WORDS = (
    "the",
    "cat",
    "don't",
    "<pad>",
    "<unk>",
    "<s>",
    "</s>",
    "ΟΔΟΣ",
    "שלום",
    "مرحبا",
    "ก็",
    "漢字",
    "カナ",
    "İI",
    " ",
    "  ",
)

# Every plane alike; by itself, Hypothesis prefers the first.
any_plane = st.integers(0, 16).flatmap(
    lambda plane: st.characters(
        min_codepoint=plane << 16,
        max_codepoint=(plane << 16) + 0xFFFF,
        exclude_categories=["Cs"],
        exclude_characters="\n",
    )
)
letters = st.sampled_from(ODD_LETTERS) | any_plane
texts = st.lists(letters | st.sampled_from(WORDS), max_size=12).map("".join)
raw_lines = texts.map(str.encode) | st.binary(max_size=20).map(lambda data: data.replace(b"\n", b""))
text_files = st.tuples(
    st.sampled_from([b"", b"\xef\xbb\xbf"]),
    st.lists(raw_lines, max_size=12),
    st.sampled_from([b"\n", b"\r\n", b"\n\n"]),
).map(lambda parts: parts[0] + parts[2].join(parts[1]))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["text", "a"]) | texts, inner, max_size=3)
    ),
    max_leaves=4,
)
json_lines = st.one_of(
    st.fixed_dictionaries({"text": texts}).map(json.dumps).map(str.encode),
    st.fixed_dictionaries({"text": texts}).map(lambda record: json.dumps(record, ensure_ascii=False)).map(str.encode),
    json_values.map(json.dumps).map(str.encode),
    st.sampled_from(
        [b'{"text": "\\ud800"}', b'{"text": 1, "text": "a"}', b'{"text": null}', b"[" * 2000, b"\xef\xbb\xbf{}"]
    ),
    raw_lines,
)
json_files = st.lists(json_lines, max_size=10).map(b"\n".join)
fields = texts.map(str.encode) | st.sampled_from(
    [b"", b'""', b'"', b'"a\nb"', b'"a""b"', b'a"b', b" ", b"\r", b"\xff", b"\0"]
)
csv_files = st.lists(st.lists(fields, max_size=3).map(b",".join), max_size=8).map(
    lambda rows: b"\n".join([b"id,text", *rows])
)


def table(values: list[str], column: str = "id", **options: object) -> bytes:
    """A Parquet file with the column `text` and one of numbers."""
    file = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table({"text": values, column: range(len(values))}), file, **options)
    return file.getvalue()


def _rows() -> bytes:
    file = io.StringIO()
    csv.writer(file).writerows([["id", "text"], *enumerate(LINES)])
    return file.getvalue().encode()


def _records() -> bytes:
    return "".join(json.dumps({"text": line}) + "\n" for line in LINES).encode()


def whole_files() -> dict[str, bytes]:
    """A small file of every format, by name; each is read without an error."""
    text = "\n".join(LINES).encode()
    return {
        "a.txt": b"\xef\xbb\xbf" + text,
        "a.jsonl": _records(),
        "a.csv": _rows(),
        "a.txt.gz": gzip.compress(text, mtime=0) + gzip.compress(b"\nmore", mtime=0),
        "a.jsonl.gz": gzip.compress(_records(), mtime=0),
        "a.txt.zst": zstandard.ZstdCompressor(write_checksum=True).compress(text) + zstandard.compress(b"\nmore"),
        "a.csv.zst": zstandard.compress(_rows()),
        "a.parquet": table(LINES, compression="none", use_dictionary=False, write_statistics=False),
        "b.parquet": table(LINES, compression="zstd"),
        "c.parquet": table(LINES, compression="snappy", data_page_version="2.0"),
    }


def mutations(data: bytes) -> Iterator[bytes]:
    """Each byte flipped in its lowest and highest bit, zero, 255, left out, and doubled; and the file cut off there."""
    for place in range(len(data)):
        before, byte, behind = data[:place], data[place], data[place + 1 :]
        for value in {byte ^ 1, byte ^ 0x80, 0, 255} - {byte}:
            yield before + bytes([value]) + behind
        yield before + behind
        yield before + bytes([byte, byte]) + behind
        yield before
