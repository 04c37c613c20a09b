"""Content of input files: types, compression, text and records that are accepted or refused."""

import gzip
import io
import sys
import tarfile
import zipfile
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
import zstandard
from helpers.input_checks import GOOD, check, refused
from tfx_lm.components.text_example_gen.inputs import check_inputs
from tfx_lm.text_files.options import RecordOptions


def _parquet(path: Path, **columns) -> Path:
    pyarrow.parquet.write_table(pyarrow.table(columns), path)
    return path


def test_every_known_type_is_accepted(write, tmp_path):
    texts = GOOD.decode().splitlines()
    json_lines = "".join(f'{{"text": "{text}"}}\n' for text in texts).encode()
    check(write("a.txt", GOOD))
    check(write("a.txt.gz", gzip.compress(GOOD)))
    check(write("a.jsonl", json_lines))
    check(write("A.JSONL.GZ", gzip.compress(json_lines)))
    check(_parquet(tmp_path / "a.parquet", text=texts))
    check(_parquet(tmp_path / "b.parquet", body=pyarrow.array(texts).dictionary_encode()), text_field="body")
    check_inputs(None, {"train": [str(tmp_path / "a.txt")], "eval": [str(tmp_path / "*.jsonl")]}, {}, RecordOptions())


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("ptb.train", "if it is plain text, rename it to ptb.train.txt ("),
        ("wiki.train.tokens", "rename it to wiki.train.tokens.txt ("),
        ("README", "rename it to README.txt ("),
        ("x.gz", "rename it to x.txt.gz ("),
        ("x.txt.bz2", "decompress it, or compress it with gzip or zstd ("),
        ("x.tar.gz", "unpack the archive and give its files ("),
        ("x.ndjson", "rename it to .jsonl ("),
        ("x.tsv", "save it as .csv with a header ("),
        ("x.html", "extract its text into a .txt file ("),
    ],
)
def test_unknown_type(write, name, remedy):
    message = refused(write(name, GOOD))
    assert "unknown file type" in message
    assert remedy in message
    assert ".txt, .jsonl, .json, .csv (each also with .gz or .zst) and .parquet" in message


def _zstandard(content: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(content)


def test_other_endings(write):
    json_lines = b"".join(b'{"text": "%s"}\n' % line for line in GOOD.splitlines())
    table = b"label,text\n" + b"".join(b'1,"%s"\n' % line for line in GOOD.splitlines())
    check(write("c4.json.gz", gzip.compress(json_lines)))
    check(write("c4.json", json_lines))
    check(write("x.jsonl.zst", _zstandard(json_lines)))
    check(write("x.txt.zst", _zstandard(GOOD[:500]) + _zstandard(GOOD[500:])))
    check(write("x.csv", table))
    check(write("x.csv.gz", gzip.compress(table)))


def test_what_is_no_zstandard(write):
    assert refused(write("x.txt.zst", GOOD)).endswith("not zstandard data but plain text; take .zst off its name")
    assert "not a complete zstandard file (it ends in the middle)" in refused(write("y.txt.zst", _zstandard(GOOD)[:-9]))


def test_a_json_array(write):
    path = write("x.json", b'[\n{"text": "a"}\n]\n')
    assert refused(path) == (
        f"{path}: holds a JSON array, and not one JSON object a line; write it as JSON lines: "
        f"jq -c .[] {path} > x.jsonl"
    )


def test_csv_columns(write):
    path = write("x.csv", b"body,label\nthe cat,1\n")
    assert refused(path) == f"{path}: no column 'text'; the columns are body, label; set text_field"


def _zip() -> bytes:
    with zipfile.ZipFile(archive := io.BytesIO(), "w") as file:
        file.writestr("x", GOOD)
    return archive.getvalue()


def _tar() -> bytes:
    with tarfile.open(fileobj=(archive := io.BytesIO()), mode="w") as file:
        file.addfile(tarfile.TarInfo("x"), io.BytesIO())
    return archive.getvalue()


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (gzip.compress(GOOD, mtime=0), "gzip data"),
        (_zip(), "a zip archive"),
        (_tar(), "a tar archive"),
        (b"\x89PNG\r\n\x1a\n" + bytes(20), "a PNG image"),
        (b"%PDF-1.7\n", "a PDF document"),
        (Path(sys.executable).read_bytes()[:100_000], "a program"),
        ("the cat\n".encode("utf-16"), "iconv -f UTF-16"),
        (GOOD + b"\x00\xff", "binary data"),
    ],
)
@pytest.mark.parametrize("ending", [".txt", ".jsonl", ".txt.gz"])
def test_binary_files(write, content, what, ending):
    packed = gzip.compress(content) if ending.endswith(".gz") else content
    message = refused(write(f"x{ending}", packed))
    assert "not text but" in message
    assert what in message


def test_a_nul_or_an_invalid_byte_alone_is_text(write):
    check(write("nul.txt", b"a\x00b\n" + GOOD))
    latin_1 = write("latin1.txt", b"caf\xe9\n" + GOOD)
    check(latin_1, invalid_utf8="drop")
    assert refused(latin_1) == f"{latin_1} line 1: not valid UTF-8; repair the text, or set invalid_utf8 to drop"
    # The look ends in the middle of a character.
    check(write("cut.txt", b"\x00" + "猫".encode() * 30_000 + b"\n" + GOOD))


def test_what_is_no_gzip(write):
    assert refused(write("x.txt.gz", GOOD)).endswith("not gzip data but plain text; take .gz off its name")
    assert refused(write("y.txt.gz", b"\x00\xff" + GOOD)).endswith("not gzip data but binary data")
    assert refused(write("z.txt.gz", _zstandard(GOOD))).endswith(
        "not text but zstandard data, whatever its ending says"
    )
    assert "not a complete gzip file (it ends in the middle)" in refused(write("c.txt.gz", gzip.compress(GOOD)[:-30]))
    damaged = bytearray(gzip.compress(GOOD))
    damaged[30] ^= 255
    assert "not a complete gzip file" in refused(write("damaged.txt.gz", bytes(damaged)))


def test_what_is_no_parquet(write):
    assert refused(write("x.parquet", GOOD)).endswith("x.parquet: not Parquet but text")
    assert refused(write("empty.parquet", b"")).endswith("empty.parquet: not Parquet but an empty file")
    assert "cannot be read as Parquet" in refused(write("cut.parquet", b"PAR1\x15\x04"))


def test_parquet_columns(tmp_path):
    path = _parquet(tmp_path / "x.parquet", body=["a"], size=[1])
    assert refused(path) == (f"{path}: no column 'text'; the columns are body (string), size (int64); set text_field")
    assert "column 'size' holds int64, not strings" in refused(path, text_field="size")


def test_records_without_text(write):
    path = write("x.jsonl", b'\n{"text": "a"}\n{"body": "b"}\n{"text": "c"}\n')
    assert refused(path) == (
        f"{path} line 3: without a string in field 'text' (2 of 3 records have one); "
        "repair the others, or set invalid_records to drop"
    )
    assert refused(path, text_field="content") == (
        f"{path} line 2: without a string in field 'content'; set text_field to the field that holds the text"
    )
    path = write("y.jsonl", b"the cat\n")
    assert refused(path) == (
        f"{path} line 1: not valid JSON; each line must hold one JSON object; "
        "repair the file, or set invalid_records to drop"
    )


def test_records_that_are_dropped(write):
    json_lines = b"".join(b'{"text": "%s"}\n' % line for line in GOOD.splitlines())
    check(write("x.jsonl", b'{"text": 3}\noops\n' + json_lines), invalid_records="drop")
    message = refused(write("y.jsonl", b'{"text": 3}\n\xff\n\n'), invalid_utf8="drop", invalid_records="drop")
    assert "of 3 lines, 1 are not UTF-8, 1 have no usable text and the rest empty" in message


def test_a_line_that_is_no_line(write):
    assert "longer than 16 MiB" in refused(write("x.txt", b"word " * (4 * 2**20)))
