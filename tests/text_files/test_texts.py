import gzip
import io
import os
import subprocess
import sys
import threading

import pyarrow
import pyarrow.parquet
import pytest
import zstandard
from tfx_lm.text_files.errors import InputError
from tfx_lm.text_files.file_types import FileType
from tfx_lm.text_files.options import RecordOptions
from tfx_lm.text_files.texts import read_texts

LINES = b"the cat\n\ndog\n"
TEXTS = [(1, b"the cat"), (3, b"dog")]
JSON_LINES = b'{"text": "the cat"}\n{"text": null}\n{"text": "dog"}\n'


def _read(path, kind=None, **options):
    return [(number, text) for number, text, _ in read_texts(str(path), RecordOptions(**options), kind)]


def _refused(path, kind=None, **options):
    with pytest.raises(InputError) as refused:
        _read(path, kind, **options)
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.txt", b"\xef\xbb\xbf" + LINES),
        ("x.txt.gz", gzip.compress(LINES, mtime=0)),
        ("x.txt.zst", zstandard.compress(LINES)),
        ("x.jsonl", JSON_LINES),
        ("x.json.gz", gzip.compress(JSON_LINES, mtime=0)),
        ("x.csv", b"text\nthe cat\n\ndog\n"),
    ],
)
def test_every_type_gives_the_same_texts(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert _read(tmp_path / name) == TEXTS


def test_parquet(tmp_path):
    pyarrow.parquet.write_table(pyarrow.table({"text": ["the cat", None, "dog"]}), tmp_path / "x.parquet")
    assert _read(tmp_path / "x.parquet") == TEXTS


def test_a_text_keeps_its_line_breaks(tmp_path):
    (tmp_path / "x.jsonl").write_bytes(b'{"text": "the\\ncat\\n"}\n')
    assert _read(tmp_path / "x.jsonl") == [(1, b"the\ncat\n")]


def test_a_format_stands_for_an_ending(tmp_path):
    (tmp_path / "valid").write_bytes(LINES)
    assert "rename it to valid.txt" in _refused(tmp_path / "valid")
    assert _read(tmp_path / "valid", FileType.TEXT) == TEXTS


def test_what_is_refused(tmp_path):
    assert _refused(tmp_path / "x.txt") == f"{tmp_path}/x.txt: no such file"
    assert _refused(tmp_path) == f"{tmp_path}: a directory; give one of its files"
    problem = "cannot be read (File name too long); give a file, or - for standard input"
    assert _refused("the cat " * 40) == f"{'the cat ' * 40}: {problem}"
    assert "not a local file" in _refused("gs://bucket/x.txt")
    (tmp_path / "x.txt").write_bytes("the cat\n".encode("utf-16"))
    assert "not text but UTF-16 text (convert it: iconv -f UTF-16 -t UTF-8)" in _refused(tmp_path / "x.txt")
    (tmp_path / "x.txt").write_bytes(gzip.compress(LINES))
    assert "not text but gzip data" in _refused(tmp_path / "x.txt")
    (tmp_path / "x.txt").write_bytes(LINES + b"caf\xe9\n")
    assert _refused(tmp_path / "x.txt") == (
        f"{tmp_path}/x.txt line 4: not valid UTF-8; repair the text, or set invalid_utf8 to drop"
    )
    assert _read(tmp_path / "x.txt", invalid_utf8="drop") == TEXTS


def _pipe(monkeypatch, content):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


@pytest.mark.parametrize("content", [LINES, gzip.compress(LINES, mtime=0), zstandard.compress(LINES)])
def test_a_pipe_brings_lines_of_text(monkeypatch, content):
    _pipe(monkeypatch, content)
    assert _read("-") == TEXTS


def test_json_lines_from_a_pipe_must_be_called_so(monkeypatch):
    _pipe(monkeypatch, gzip.compress(JSON_LINES))
    assert _refused("-") == (
        "standard input: looks like JSON lines; set format to jsonl, or to txt to take each line as it is"
    )
    _pipe(monkeypatch, gzip.compress(JSON_LINES))
    assert _read("-", FileType.JSON_LINES) == TEXTS
    _pipe(monkeypatch, JSON_LINES)
    assert _read("-", FileType.TEXT)[0] == (1, b'{"text": "the cat"}')


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"id,text\n1,the cat\n2,dog\n", "looks like a CSV file with a header; set format to csv, or to txt"),
        (
            b"id\ttext\n1\tthe cat\n",
            "looks like a table separated by '\\t'; send CSV, and set format to csv, or to txt",
        ),
        (b"\xef\xbb\xbf" + JSON_LINES, "looks like JSON lines; set format to jsonl, or to txt"),
    ],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_records_from_a_pipe_must_be_called_so(monkeypatch, content, message, pack):
    _pipe(monkeypatch, pack(content))
    assert _refused("-") == f"standard input: {message} to take each line as it is"
    _pipe(monkeypatch, pack(content))
    assert len(_read("-", FileType.TEXT)) > 1


def test_text_from_a_pipe_that_looks_like_a_table_is_text(monkeypatch):
    for content in (b"text, they said\nthe cat\n", b"the text,dog\n1,2\n", b"text\nthe cat\n"):
        _pipe(monkeypatch, content)
        assert len(_read("-")) == 2


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("the cat\n".encode("utf-16"), "UTF-16 text (convert it: iconv -f UTF-16 -t UTF-8)"),
        (b"PAR1\x15\x04\x00", "a Parquet file"),
        (b"\x89PNG\r\n\x1a\n", "a PNG image"),
        (b"\x00\xff\x01", "binary data"),
        (gzip.compress("the cat\n".encode("utf-16"), mtime=0), "UTF-16 text"),
    ],
)
def test_what_is_no_text_is_refused_from_a_pipe(monkeypatch, content, what):
    _pipe(monkeypatch, content)
    assert _refused("-").startswith(f"standard input: not text but {what}")


def test_a_truncated_pipe(monkeypatch):
    _pipe(monkeypatch, gzip.compress(LINES * 1000)[:-9])
    assert "standard input: not a complete gzip file" in _refused("-")


@pytest.mark.parametrize("exponent", [18, 21])
def test_a_window_of_zstandard_that_is_too_large_is_no_damage(monkeypatch, tmp_path, exponent):
    # The header of a frame that says a window of 2^(10 + exponent) bytes, and a last block as it is.
    frame = b"\x28\xb5\x2f\xfd\x00%c\x11\x00\x00a\n"
    remedy = "as zstd --long makes it; compress it again: zstd -dc --long=31 OLD.zst | zstd > NEW.zst"
    (tmp_path / "x.txt.zst").write_bytes(frame % (exponent << 3))
    message = f"zstandard data with a window of more than 128 MiB, {remedy}"
    assert _refused(tmp_path / "x.txt.zst") == f"{tmp_path}/x.txt.zst: {message}"
    _pipe(monkeypatch, frame % (exponent << 3))
    assert _refused("-") == f"standard input: {message}"
    _pipe(monkeypatch, frame % (17 << 3))
    assert _read("-") == [(1, b"a")]


def test_a_named_pipe(tmp_path):
    os.mkfifo(tmp_path / "63")
    writer = threading.Thread(target=(tmp_path / "63").write_bytes, args=(LINES,))
    writer.start()
    assert _read(tmp_path / "63") == TEXTS
    writer.join()


@pytest.mark.slow
def test_only_parquet_imports_pyarrow():
    code = "import sys, tfx_lm.text_files.texts; print({'pyarrow', 'tensorflow', 'apache_beam'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "set()\n"
