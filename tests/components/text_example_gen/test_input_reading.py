import gzip

import pyarrow
import pyarrow.parquet
import pytest
from apache_beam.io.concat_source import ConcatSource
from apache_beam.io.source_test_utils import assert_split_at_fraction_exhaustive, read_from_source
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tfx_lm.components.text_example_gen.parsing import Problem
from tfx_lm.components.text_example_gen.reading import FileSource

CORPUS = b"\xef\xbb\xbfthe cat\r\n\n\xe7\x8c\xab \xf0\x9f\x90\x88\nno \x00 \xff\na\rb\n\xef\xbb\xbfmark\nlast"
TEXTS = ["the cat", "", "猫 🐈", Problem.INVALID_UTF8, "a\rb", "\ufeffmark", "last"]


def _read(path, bundle_size=None, text_field="text"):
    """All records of a file, read in bundles of some bytes: texts, problems or reasons."""
    source = FileSource(str(path), "train", text_field)
    records = []
    for bundle in source.split(bundle_size or float("inf")):
        records += read_from_source(bundle.source, bundle.start_position, bundle.stop_position)
    assert {(record.split, record.path) for record in records} <= {("train", str(path))}
    return [
        record.why_unreadable if record.parsed is None else record.parsed.problem or record.parsed.text
        for record in records
    ]


def test_text(tmp_path):
    path = tmp_path / "x.txt"
    path.write_bytes(CORPUS)
    assert _read(path) == TEXTS


def test_the_name_of_a_file_is_no_pattern(tmp_path):
    (tmp_path / "x1.txt").write_bytes(b"wrong\n")
    (tmp_path / "x[1]*.txt").write_bytes(b"right\n")
    assert _read(tmp_path / "x[1]*.txt") == ["right"]


@pytest.mark.parametrize("size", range(1, len(CORPUS) + 2))
def test_a_file_split_anywhere_gives_the_same_lines(tmp_path, size):
    path = tmp_path / "x.txt"
    path.write_bytes(CORPUS)
    assert _read(path, size) == TEXTS


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.sampled_from(["", "a", "the cat", "猫", "\r", "\ufeff", "\x00"])), st.booleans(), st.integers(1, 30))
def test_any_lines_split_anywhere(tmp_path, lines, crlf, size):
    path = tmp_path / "x.txt"
    end = "\r\n" if crlf else "\n"
    path.write_bytes("".join(line + end for line in lines).encode())
    whole = _read(path)
    assert _read(path, size) == whole
    assert len(whole) == len(lines)


def test_a_range_can_be_split_while_it_is_read(tmp_path):
    path = tmp_path / "x.txt"
    path.write_bytes(b"a\n\nb\r\nccc\nd\n")
    (bundle,) = FileSource(str(path), "", "text").split(float("inf"))
    assert_split_at_fraction_exhaustive(bundle.source)


def test_a_line_over_the_limit_is_counted_and_the_next_is_read(tmp_path):
    path = tmp_path / "x.txt"
    path.write_bytes(b"a\n" + b"x" * (17 * 2**20) + b"\nb\n")
    assert _read(path) == ["a", Problem.TOO_LONG, "b"]
    assert _read(path, 2**20) == ["a", Problem.TOO_LONG, "b"]


def test_a_line_of_one_megabyte(tmp_path):
    path = tmp_path / "x.txt"
    path.write_bytes(b"a\n" + b"x" * 2**20 + b"\nb\n")
    assert _read(path, 2**16) == ["a", "x" * 2**20, "b"]


def test_gzip(tmp_path):
    path = tmp_path / "x.txt.gz"
    # Two members: what `cat one.gz two.gz` makes.
    path.write_bytes(gzip.compress(CORPUS[:20]) + gzip.compress(CORPUS[20:]))
    assert _read(path) == TEXTS
    assert _read(path, 10) == TEXTS


def test_json_lines(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_bytes('{"text": "猫", "id": 1}\n\n{"body": "b"}\n{\n{"text": "a\\nb"}'.encode())
    assert _read(path) == ["猫", "", Problem.NO_TEXT, Problem.NOT_JSON, "a\nb"]


def _parquet(path, values, **options):
    pyarrow.parquet.write_table(pyarrow.table({"id": range(len(values)), "text": values}), path, **options)
    return path


@pytest.mark.parametrize("kind", [pyarrow.string(), pyarrow.large_string(), pyarrow.binary(), pyarrow.large_binary()])
def test_parquet(tmp_path, kind):
    values = ["the cat", None, "猫", ""]
    path = _parquet(tmp_path / "x.parquet", pyarrow.array(values, kind))
    assert _read(path) == ["the cat", "", "猫", ""]


def test_parquet_dictionary_and_invalid_utf8(tmp_path):
    values = pyarrow.array([b"a", b"\xff", b"a"], pyarrow.binary())
    assert _read(_parquet(tmp_path / "x.parquet", values.dictionary_encode())) == ["a", Problem.INVALID_UTF8, "a"]
    strings = pyarrow.Array.from_buffers(pyarrow.string(), 3, values.buffers())
    assert _read(_parquet(tmp_path / "y.parquet", strings)) == ["a", Problem.INVALID_UTF8, "a"]


def test_parquet_split_by_row_groups(tmp_path):
    texts = [f"line {number}" for number in range(100)]
    path = _parquet(tmp_path / "x.parquet", texts, row_group_size=7)
    for size in (100, 1000, 10_000):
        assert _read(path, size) == texts


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("x.txt.gz", b"the cat\n", "not a complete gzip file"),
        ("x.txt.gz", gzip.compress(CORPUS, mtime=0)[:-9], "not a complete gzip file"),
        ("x.parquet", b"PAR1 the cat PAR1", "cannot be read as Parquet"),
    ],
)
def test_an_unreadable_file_is_a_record(tmp_path, name, content, reason):
    path = tmp_path / name
    path.write_bytes(content)
    assert reason in _read(path)[-1]


def test_a_missing_column_is_a_record(tmp_path):
    (reason,) = _read(_parquet(tmp_path / "x.parquet", ["a"]), text_field="body")
    assert reason == "no column 'body'; the columns are id (int64), text (string); set {text_field}"


def test_files_come_in_their_order(tmp_path):
    sources = []
    for name in "cab":
        (tmp_path / f"{name}.txt").write_text(f"{name}1\n{name}2\n")
        sources.append(FileSource(str(tmp_path / f"{name}.txt"), "", "text"))
    (tmp_path / "empty.txt").write_text("")
    sources.append(FileSource(str(tmp_path / "empty.txt"), "", "text"))
    records = read_from_source(ConcatSource(sources))
    assert [record.parsed.text for record in records] == ["c1", "c2", "a1", "a2", "b1", "b2"]
