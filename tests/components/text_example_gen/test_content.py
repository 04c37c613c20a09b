"""The digest of the content of the input files."""

import gzip
import os
from pathlib import Path

import pytest
from tfx_lm.components.text_example_gen.content import content_digest, other_field, stamps


@pytest.fixture
def files(tmp_path):
    """Files of the splits train and eval, with the texts of a mapping."""

    def write(**texts):
        found = []
        for number, (split, text) in enumerate(texts.items()):
            path = tmp_path / f"{len(list(tmp_path.iterdir()))}-{number}.txt"
            path.write_text(text)
            found.append((split, str(path)))
        return found

    return write


def test_a_file_that_is_written_again_has_another_stamp(files):
    ((_, path),) = given = files(train="a b\n")
    os.utime(path, ns=(1, 1))
    assert stamps(given) == [(4, 1)]
    Path(path).write_text("a c\n")
    assert stamps(given) != [(4, 1)]
    assert stamps([("train", "gs://bucket/a.txt")]) == []


def test_only_split_and_content_count(files):
    given = files(train="a b\n", eval="c\n")
    digest = content_digest(given)
    assert digest is not None
    assert len(digest) == 16
    for _, path in given:
        os.utime(path, (1, 1))
    assert content_digest(given) == digest
    assert content_digest(files(eval="c\n", train="a b\n")) == digest
    # The same size.
    assert content_digest(files(train="a c\n", eval="b\n")) != digest
    assert content_digest(files(train="c\n", eval="a b\n")) != digest
    assert content_digest(given[:1]) != digest
    assert content_digest([*given, given[0]]) != digest


def test_the_time_in_a_gzip_header_does_not_count(tmp_path):
    path = tmp_path / "a.txt.gz"
    digests = []
    for time, text in ((1, b"a b\n"), (2, b"a b\n"), (1, b"a c\n")):
        path.write_bytes(gzip.compress(text, mtime=time))
        digests.append(content_digest([("", str(path))]))
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize(
    ("names", "field", "other"),
    [("a.jsonl", "title", "title"), ("a.jsonl", "text", ""), ("a.txt", "title", ""), ("a.txt b.CSV.gz", "x.y", "x.y")],
)
def test_another_field_counts_if_a_file_has_fields(names, field, other):
    assert other_field([("train", f"/data/{name}") for name in names.split()], field) == other


@pytest.mark.parametrize("content", [None, gzip.compress(b"a b\n" * 1000)[:-9], b"no gzip"])
def test_without_a_digest(tmp_path, content):
    path = tmp_path / "a.txt.gz"
    if content is not None:
        path.write_bytes(content)
    assert content_digest([("", str(path))]) is None
    assert content_digest([("", "gs://bucket/a.txt")]) is None
    assert Path(path).exists() is (content is not None)
