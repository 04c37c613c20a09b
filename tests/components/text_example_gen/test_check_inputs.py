"""Input files before a run: patterns, places, splits, and corpora without text."""

import gzip
import json
import os
import unicodedata
from pathlib import Path

import pytest
from helpers.input_checks import GOOD, SPLIT, check, refused
from helpers.programs import HEAVY, imported_modules
from tfx_lm.components.text_example_gen import inputs
from tfx_lm.components.text_example_gen.inputs import check_inputs
from tfx_lm.text_files.errors import InputError
from tfx_lm.text_files.options import RecordOptions


def test_patterns(write, tmp_path, monkeypatch):
    write("data/one.txt", GOOD)
    write("data/two[1].txt", GOOD)
    (tmp_path / "data" / "folder").mkdir()
    check(tmp_path / "data" / "*")
    check(tmp_path / "data" / "two[1].txt")
    check(write("spans/span-7/x.txt", GOOD).parent.parent / "span-{SPAN}" / "x.txt")
    monkeypatch.chdir(tmp_path)
    check("data/*.txt")


def test_remote_files_are_left_to_the_node():
    check_inputs(["gs://bucket/x.unknown"], None, SPLIT, RecordOptions())
    check_inputs(None, {"train": ["gs://bucket/*.txt"], "eval": ["gs://bucket/x.txt"]}, {}, RecordOptions())


@pytest.mark.parametrize(("files", "splits"), [(None, None), ([], {}), (["x.txt"], {"train": ["x.txt"]})])
def test_exactly_one_of_files_and_splits(files, splits):
    with pytest.raises(InputError, match=r"set exactly one of files and splits"):
        check_inputs(files, splits, SPLIT, RecordOptions())


def test_no_file_matches(tmp_path):
    assert refused(tmp_path / "*.txt") == f"files: no file matches {tmp_path}/*.txt"
    assert refused(tmp_path / "missing.txt") == f"files: no file matches {tmp_path}/missing.txt"
    assert "no file matches" in refused("x" * 5000 + ".txt")
    assert refused("") == "files: an empty path"
    with pytest.raises(InputError, match=r"splits\.eval: no file matches"):
        check_inputs(None, {"eval": [str(tmp_path / "x.txt")]}, {}, RecordOptions())
    with pytest.raises(InputError, match=r"splits\.eval: no file given"):
        check_inputs(None, {"eval": []}, {}, RecordOptions())


def test_two_stars(write, tmp_path):
    write("a/b/c/x.txt", GOOD)
    check(f"{tmp_path}/**/*.txt")
    assert refused(f"{tmp_path}/**/*.jsonl") == f"files: no file matches {tmp_path}/**/*.jsonl"


def test_a_wildcard_without_a_match_beside_others(write, tmp_path):
    path = write("x.txt", GOOD)
    check(path, tmp_path / "*.jsonl")
    assert refused(path, tmp_path / "y.txt") == f"files: no file matches {tmp_path}/y.txt"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("-", "standard input is not read; save it to a file first"),
        ("s3://bucket/x.txt", "is on S3, which TensorFlow reads only with the package tensorflow-io; copy it"),
        ("file:///a/x.txt", "give the path alone, without file://"),
        ("x\x00.txt", r"files='x\x00.txt': no path has a NUL"),
    ],
)
def test_places_that_are_not_read(path, message):
    assert message in refused(path)


def test_a_directory(tmp_path):
    (tmp_path / "corpus.txt").mkdir()
    assert refused(tmp_path) == f"files: {tmp_path} is a directory; give its files, such as {tmp_path}/*.txt"
    assert "is a directory" in refused(f"{tmp_path}/")
    assert "is a directory" in refused(tmp_path / "corpus.txt")


def test_an_unreadable_file(write, monkeypatch):
    path = write("x.txt", GOOD)

    def denied(self, *args, **kwargs):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", denied)
    assert refused(path) == f"{path}: cannot be read (Permission denied)"


def test_a_pipe_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / "x.txt")
    assert "not a regular file" in refused(tmp_path / "x.txt")
    (tmp_path / "dangling.txt").symlink_to(tmp_path / "nothing")
    assert "cannot be read (No such file" in refused(tmp_path / "dangling.txt")


@pytest.mark.parametrize("content", [b"", b"\n\n", b" \t\r\n\xe3\x80\x80\n", b"\xef\xbb\xbf\n"])
def test_an_empty_corpus(write, content):
    message = refused(write("x.txt", content), write("x.txt.gz", gzip.compress(content)))
    assert "the corpus is empty" in message


def test_a_corpus_of_another_encoding(write):
    path = write("x.txt", "Öl für die Ölmühle\n".encode("latin-1") * 3 + b"\n")
    assert refused(path) == f"{path} line 1: not valid UTF-8; repair the text, or set invalid_utf8 to drop"
    message = refused(path, invalid_utf8="drop")
    assert "of 4 lines, 3 are not UTF-8 and the rest empty" in message


def test_an_empty_split_of_a_corpus(write):
    message = refused(write("x.txt", b"the cat\n" * 1000))
    assert "split train would be empty: none of the 1000 usable lines falls there by its hash" in message
    assert "split eval" in refused(write("y.txt", b"sat\n"))


def test_an_empty_split_by_pattern(write):
    good, empty = write("x.txt", GOOD), write("y.txt", b"\n \n")
    with pytest.raises(InputError, match=r"splits\.eval: the split would be empty: .*y\.txt has only empty lines"):
        check_inputs(None, {"train": [str(good)], "eval": [str(empty)]}, {}, RecordOptions())


@pytest.mark.parametrize("documents", ["none", "file", "record"])
def test_a_split_is_that_of_the_normalized_text(write, documents):
    """In NFD the lines would fall otherwise: into `train` alone for 6, and into both splits for 3."""
    empty = "split eval would be empty: none of the 12 usable lines falls there"
    for number, missing in ((6, False), (3, True)):
        lines = [unicodedata.normalize("NFD", f"café numéro {number} ligne {line}") for line in range(12)]
        if documents == "record":
            records = "".join(json.dumps({"text": line}) + "\n" for line in lines)
            paths = [write(f"{number}.jsonl", records.encode())]
        else:
            paths = [write(f"{number}/{index}.txt", line.encode()) for index, line in enumerate(lines)]
        if missing:
            assert empty in refused(*paths, documents=documents, normalization="nfc")
        else:
            check(*paths, documents=documents, normalization="nfc")
            assert empty in refused(*paths, documents=documents)


def test_reading_ends_as_soon_as_every_split_has_a_line(write, monkeypatch):
    seen = []
    original = inputs.numbered_records

    def watched(*args):
        for item in original(*args):
            seen.append(item[0])
            yield item

    monkeypatch.setattr(inputs, "numbered_records", watched)
    check(write("x.txt", GOOD * 100))
    assert len(seen) < 50


def test_the_checks_import_no_tensorflow():
    module = "tfx_lm.components.text_example_gen.inputs"
    imported = imported_modules(module)
    assert module in imported
    assert not imported & HEAVY


def _refused_splits(**splits):
    with pytest.raises(InputError) as caught:
        check_inputs(None, {name: list(map(str, paths)) for name, paths in splits.items()}, {}, RecordOptions())
    return str(caught.value)


def test_a_file_in_two_splits_isrefused(tmp_path, monkeypatch):
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


def test_a_file_under_two_names_isrefused(tmp_path):
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
