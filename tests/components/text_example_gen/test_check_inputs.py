import gzip
import io
import os
import sys
import tarfile
import zipfile
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
import zstandard
from helpers.programs import HEAVY, imported_modules
from tfx_lm.components.text_example_gen import inputs
from tfx_lm.components.text_example_gen.inputs import check_inputs
from tfx_lm.text_files.errors import InputError
from tfx_lm.text_files.options import RecordOptions

SPLIT = {"train": 9, "eval": 1}
GOOD = "".join(f"line number {number}\n" for number in range(100)).encode()


def _check(*files, text_field="text", **options):
    check_inputs([str(file) for file in files], None, SPLIT, RecordOptions(text_field=text_field, **options))


def _refused(*files, text_field="text", **options) -> str:
    with pytest.raises(InputError) as refused:
        _check(*files, text_field=text_field, **options)
    message = str(refused.value)
    assert "\n" not in message
    return message


@pytest.fixture
def write(tmp_path):
    def write(name: str, content: bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    return write


def _parquet(path: Path, **columns) -> Path:
    pyarrow.parquet.write_table(pyarrow.table(columns), path)
    return path


def test_every_known_type_is_accepted(write, tmp_path):
    texts = GOOD.decode().splitlines()
    json_lines = "".join(f'{{"text": "{text}"}}\n' for text in texts).encode()
    _check(write("a.txt", GOOD))
    _check(write("a.txt.gz", gzip.compress(GOOD)))
    _check(write("a.jsonl", json_lines))
    _check(write("A.JSONL.GZ", gzip.compress(json_lines)))
    _check(_parquet(tmp_path / "a.parquet", text=texts))
    _check(_parquet(tmp_path / "b.parquet", body=pyarrow.array(texts).dictionary_encode()), text_field="body")
    check_inputs(None, {"train": [str(tmp_path / "a.txt")], "eval": [str(tmp_path / "*.jsonl")]}, {}, RecordOptions())


def test_patterns(write, tmp_path, monkeypatch):
    write("data/one.txt", GOOD)
    write("data/two[1].txt", GOOD)
    (tmp_path / "data" / "folder").mkdir()
    _check(tmp_path / "data" / "*")
    _check(tmp_path / "data" / "two[1].txt")
    _check(write("spans/span-7/x.txt", GOOD).parent.parent / "span-{SPAN}" / "x.txt")
    monkeypatch.chdir(tmp_path)
    _check("data/*.txt")


def test_remote_files_are_left_to_the_node():
    check_inputs(["gs://bucket/x.unknown"], None, SPLIT, RecordOptions())
    check_inputs(None, {"train": ["gs://bucket/*.txt"], "eval": ["gs://bucket/x.txt"]}, {}, RecordOptions())


@pytest.mark.parametrize(("files", "splits"), [(None, None), ([], {}), (["x.txt"], {"train": ["x.txt"]})])
def test_exactly_one_of_files_and_splits(files, splits):
    with pytest.raises(InputError, match=r"set exactly one of files and splits"):
        check_inputs(files, splits, SPLIT, RecordOptions())


def test_no_file_matches(tmp_path):
    assert _refused(tmp_path / "*.txt") == f"files: no file matches {tmp_path}/*.txt"
    assert _refused(tmp_path / "missing.txt") == f"files: no file matches {tmp_path}/missing.txt"
    assert "no file matches" in _refused("x" * 5000 + ".txt")
    assert "no file matches" in _refused("x\x00.txt")
    assert _refused("") == "files: an empty path"
    with pytest.raises(InputError, match=r"splits\.eval: no file matches"):
        check_inputs(None, {"eval": [str(tmp_path / "x.txt")]}, {}, RecordOptions())
    with pytest.raises(InputError, match=r"splits\.eval: no file given"):
        check_inputs(None, {"eval": []}, {}, RecordOptions())


def test_two_stars(write, tmp_path):
    write("a/b/c/x.txt", GOOD)
    _check(f"{tmp_path}/**/*.txt")
    assert _refused(f"{tmp_path}/**/*.jsonl") == f"files: no file matches {tmp_path}/**/*.jsonl"


def test_a_wildcard_without_a_match_beside_others(write, tmp_path):
    path = write("x.txt", GOOD)
    _check(path, tmp_path / "*.jsonl")
    assert _refused(path, tmp_path / "y.txt") == f"files: no file matches {tmp_path}/y.txt"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("-", "standard input is not read; save it to a file first"),
        ("s3://bucket/x.txt", "is on S3, which TensorFlow reads only with the package tensorflow-io; copy it"),
        ("file:///a/x.txt", "give the path alone, without file://"),
    ],
)
def test_places_that_are_not_read(path, message):
    assert message in _refused(path)


def test_a_directory(tmp_path):
    (tmp_path / "corpus.txt").mkdir()
    assert _refused(tmp_path) == f"files: {tmp_path} is a directory; give its files, such as {tmp_path}/*.txt"
    assert "is a directory" in _refused(f"{tmp_path}/")
    assert "is a directory" in _refused(tmp_path / "corpus.txt")


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
    message = _refused(write(name, GOOD))
    assert "unknown file type" in message
    assert remedy in message
    assert ".txt, .jsonl, .json, .csv (each also with .gz or .zst) and .parquet" in message


def _zstandard(content: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(content)


def test_other_endings(write):
    json_lines = b"".join(b'{"text": "%s"}\n' % line for line in GOOD.splitlines())
    table = b"label,text\n" + b"".join(b'1,"%s"\n' % line for line in GOOD.splitlines())
    _check(write("c4.json.gz", gzip.compress(json_lines)))
    _check(write("c4.json", json_lines))
    _check(write("x.jsonl.zst", _zstandard(json_lines)))
    _check(write("x.txt.zst", _zstandard(GOOD[:500]) + _zstandard(GOOD[500:])))
    _check(write("x.csv", table))
    _check(write("x.csv.gz", gzip.compress(table)))


def test_what_is_no_zstandard(write):
    assert "not a complete zstandard file" in _refused(write("x.txt.zst", GOOD))
    assert "not a complete zstandard file (it ends in the middle)" in _refused(
        write("y.txt.zst", _zstandard(GOOD)[:-9])
    )


def test_a_json_array(write):
    path = write("x.json", b'[\n{"text": "a"}\n]\n')
    assert _refused(path) == (
        f"{path}: holds a JSON array, and not one JSON object a line; write it as JSON lines: "
        f"jq -c .[] {path} > x.jsonl"
    )


def test_csv_columns(write):
    path = write("x.csv", b"body,label\nthe cat,1\n")
    assert _refused(path) == f"{path}: no column 'text'; the columns are body, label; set text_field"


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
    message = _refused(write(f"x{ending}", packed))
    assert "not text but" in message
    assert what in message


def test_a_nul_or_an_invalid_byte_alone_is_text(write):
    _check(write("nul.txt", b"a\x00b\n" + GOOD))
    _check(write("latin1.txt", b"caf\xe9\n" + GOOD))
    # The look ends in the middle of a character.
    _check(write("cut.txt", b"\x00" + "猫".encode() * 30_000 + b"\n" + GOOD))


def test_what_is_no_gzip(write):
    assert "not a complete gzip file" in _refused(write("x.txt.gz", GOOD))
    assert "not a complete gzip file" in _refused(write("cut.txt.gz", gzip.compress(GOOD)[:-30]))
    damaged = bytearray(gzip.compress(GOOD))
    damaged[30] ^= 255
    assert "not a complete gzip file" in _refused(write("damaged.txt.gz", bytes(damaged)))


def test_what_is_no_parquet(write):
    assert _refused(write("x.parquet", GOOD)).endswith("x.parquet: not Parquet but text")
    assert _refused(write("empty.parquet", b"")).endswith("empty.parquet: not Parquet but an empty file")
    assert "cannot be read as Parquet" in _refused(write("cut.parquet", b"PAR1\x15\x04"))


def test_parquet_columns(tmp_path):
    path = _parquet(tmp_path / "x.parquet", body=["a"], size=[1])
    assert _refused(path) == (f"{path}: no column 'text'; the columns are body (string), size (int64); set text_field")
    assert "column 'size' holds int64, not strings" in _refused(path, text_field="size")


def test_records_without_text(write):
    path = write("x.jsonl", b'\n{"text": "a"}\n{"body": "b"}\n{"text": "c"}\n')
    assert _refused(path) == (
        f"{path} line 3: without a string in field 'text' (2 of 3 records have one); "
        "repair the others, or set invalid_records to drop"
    )
    assert _refused(path, text_field="content") == (
        f"{path} line 2: without a string in field 'content'; set text_field to the field that holds the text"
    )
    path = write("y.jsonl", b"the cat\n")
    assert _refused(path) == (
        f"{path} line 1: not valid JSON; each line must hold one JSON object; "
        "repair the file, or set invalid_records to drop"
    )


def test_records_that_are_dropped(write):
    json_lines = b"".join(b'{"text": "%s"}\n' % line for line in GOOD.splitlines())
    _check(write("x.jsonl", b'{"text": 3}\noops\n' + json_lines), invalid_records="drop")
    message = _refused(write("y.jsonl", b'{"text": 3}\n\xff\n\n'), invalid_records="drop")
    assert "of 3 lines, 1 are not UTF-8, 1 have no usable text and the rest empty" in message


def test_a_line_that_is_no_line(write):
    assert "longer than 16 MiB" in _refused(write("x.txt", b"word " * (4 * 2**20)))


def test_an_unreadable_file(write, monkeypatch):
    path = write("x.txt", GOOD)

    def denied(self, *args, **kwargs):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", denied)
    assert _refused(path) == f"{path}: cannot be read (Permission denied)"


def test_a_pipe_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / "x.txt")
    assert "not a regular file" in _refused(tmp_path / "x.txt")
    (tmp_path / "dangling.txt").symlink_to(tmp_path / "nothing")
    assert "cannot be read (No such file" in _refused(tmp_path / "dangling.txt")


@pytest.mark.parametrize("content", [b"", b"\n\n", b" \t\r\n\xe3\x80\x80\n", b"\xef\xbb\xbf\n"])
def test_an_empty_corpus(write, content):
    message = _refused(write("x.txt", content), write("x.txt.gz", gzip.compress(content)))
    assert "the corpus is empty" in message


def test_a_corpus_of_another_encoding(write):
    message = _refused(write("x.txt", "Öl für die Ölmühle\n".encode("latin-1") * 3 + b"\n"))
    assert "of 4 lines, 3 are not UTF-8 and the rest empty" in message


def test_an_empty_split_of_a_corpus(write):
    message = _refused(write("x.txt", b"the cat\n" * 1000))
    assert "split train would be empty: none of the 1000 usable lines falls there by its hash" in message
    assert "split eval" in _refused(write("y.txt", b"sat\n"))


def test_an_empty_split_by_pattern(write):
    good, empty = write("x.txt", GOOD), write("y.txt", b"\n \n")
    with pytest.raises(InputError, match=r"splits\.eval: the split would be empty: .*y\.txt has only empty lines"):
        check_inputs(None, {"train": [str(good)], "eval": [str(empty)]}, {}, RecordOptions())


def test_reading_ends_as_soon_as_every_split_has_a_line(write, monkeypatch):
    seen = []
    original = inputs.numbered_records

    def watched(*args):
        for item in original(*args):
            seen.append(item[0])
            yield item

    monkeypatch.setattr(inputs, "numbered_records", watched)
    _check(write("x.txt", GOOD * 100))
    assert len(seen) < 50


def test_the_checks_import_no_tensorflow():
    module = "tfx_lm.components.text_example_gen.inputs"
    imported = imported_modules(module)
    assert module in imported
    assert not imported & HEAVY


def _refused_splits(**splits):
    with pytest.raises(InputError) as refused:
        check_inputs(None, {name: list(map(str, paths)) for name, paths in splits.items()}, {}, RecordOptions())
    return str(refused.value)


def test_a_file_in_two_splits_is_refused(tmp_path, monkeypatch):
    (tmp_path / "x.txt").write_text("the cat\n")
    (tmp_path / "y.txt").write_text("the dog\n")
    expected = (
        f"splits: {tmp_path}/x.txt is in train and in eval, so that both have all its lines; "
        "give each split files of its own"
    )
    assert _refused_splits(train=[tmp_path / "*.txt"], eval=[tmp_path / "x.txt"]) == expected
    monkeypatch.chdir(tmp_path)
    assert _refused_splits(train=["x.txt"], eval=[tmp_path / "x.txt"]) == expected
    # Twice in one split is read once.
    check_inputs(None, {"train": ["x.txt", "x.txt"], "eval": ["y.txt"]}, {}, RecordOptions())


def test_a_file_under_two_names_is_refused(tmp_path):
    (tmp_path / "x.txt").write_text("the cat\n")
    (tmp_path / "link.txt").symlink_to(tmp_path / "x.txt")
    assert _refused_splits(train=[tmp_path / "x.txt"], eval=[tmp_path / "link.txt"]) == (
        f"splits: {tmp_path}/x.txt is in train and in eval, where it is called {tmp_path}/link.txt, so that both have "
        "all its lines; give each split files of its own"
    )


def test_the_files_of_older_spans_may_be_in_another_split(tmp_path):
    for span in (1, 2):
        (tmp_path / f"{span}.txt").write_text("the cat\n")
    splits = {"train": [f"{tmp_path}/{{SPAN}}.txt"], "eval": [f"{tmp_path}/1.txt"]}
    check_inputs(None, splits, {}, RecordOptions())
