import gzip
import pickle
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from apache_beam.coders import registry
from apache_beam.io.filesystems import FileSystems
from apache_beam.io.gcp import gcsio
from apache_beam.io.restriction_trackers import OffsetRange, OffsetRestrictionTracker
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tfx_lm import progress
from tfx_lm.components.text_example_gen import reading
from tfx_lm.components.text_example_gen.reading import ReadFiles
from tfx_lm.components.text_example_gen.record import Records
from tfx_lm.text_files.options import RecordOptions
from tfx_lm.text_files.parsing import Problem
from tfx_lm.text_files.records import numbered_records

CORPUS = b"\xef\xbb\xbfthe cat\r\n\n\xe7\x8c\xab \xf0\x9f\x90\x88\nno \x00 \xff\na\rb\n\xef\xbb\xbfmark\nlast"
TEXTS = ["the cat", "", "猫 🐈", Problem.INVALID_UTF8, "a\rb", "\ufeffmark", "last"]


def _reader(*paths, text_field="text"):
    sizes = [path.stat().st_size for path in paths]
    return ReadFiles([("train", str(path)) for path in paths], sizes, RecordOptions(text_field=text_field))


def _values(records):
    return [
        record.why_unreadable if record.parsed is None else record.parsed.problem or record.parsed.text
        for record in records
    ]


def _read_range(reader, start, stop):
    tracker = OffsetRestrictionTracker(OffsetRange(start, stop))
    records = list(reader.process(reader.corpus, tracker))
    # Beam asks this after each range.
    tracker.check_done()
    return records


def _read(path, range_size=None, text_field="text"):
    """All records of a file, read in ranges of some positions: texts, problems or reasons."""
    reader = _reader(path, text_field=text_field)
    size = range_size or reader.total
    starts = range(0, reader.total, size)
    records = [record for start in starts for record in _read_range(reader, start, min(start + size, reader.total))]
    assert {(record.split, record.path) for record in records} <= {("train", str(path))}
    return _values(records)


def test_text(tmp_path):
    path = tmp_path / "x.txt"
    path.write_bytes(CORPUS)
    assert _read(path) == TEXTS


@pytest.mark.parametrize("name", ["x.txt", "x.txt.gz"])
def test_json_lines_that_are_called_text(tmp_path, name):
    path = tmp_path / name
    content = b'{"text": "a"}\n' * 3
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    for range_size in (None, 10):
        (why,) = [value for value in _read(path, range_size) if "holds JSON lines" in str(value)]
        assert "rename it to .jsonl" in why


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


@pytest.mark.parametrize("fraction", [0, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("taken", range(6))
def test_a_range_can_be_split_while_it_is_read(tmp_path, taken, fraction):
    (tmp_path / "x.txt").write_bytes(b"a\n\nb\r\nccc\nd\n")
    (tmp_path / "y.txt").write_bytes(b"e")
    reader = _reader(tmp_path / "x.txt", tmp_path / "y.txt")
    tracker = OffsetRestrictionTracker(OffsetRange(0, reader.total))
    records = reader.process(reader.corpus, tracker)
    values = _values(next(records) for _ in range(taken))
    # Beam gives the rest of the range to another worker.
    split = tracker.try_split(fraction)
    values += _values(records)
    tracker.check_done()
    if split:
        values += _values(_read_range(reader, split[1].start, split[1].stop))
    assert values == ["a", "", "b", "ccc", "d", "e"]


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


def test_parquet_fields_within_a_column(tmp_path):
    inner = pyarrow.array([{"b": "x", "c": 1}, None, {"b": None, "c": 2}])
    pyarrow.parquet.write_table(pyarrow.table({"id": [1, 2, 3], "a": inner}), tmp_path / "x.parquet")
    assert _read(tmp_path / "x.parquet", text_field="a.b") == ["x", "", ""]
    assert _read(tmp_path / "x.parquet", text_field="a.d")[0].startswith(
        "no column 'a.d'; the columns are id (int64), a"
    )
    assert "column 'a.c' holds int64, not strings" in _read(tmp_path / "x.parquet", text_field="a.c")[0]
    pyarrow.parquet.write_table(pyarrow.table({"a.b": ["whole name"]}), tmp_path / "y.parquet")
    assert _read(tmp_path / "y.parquet", text_field="a.b") == ["whole name"]


def test_a_parquet_file_of_a_newer_writer(tmp_path):
    """Polars notes the Arrow type `string_view`, which pyarrow 10 does not know."""
    path = tmp_path / "x.parquet"
    path.write_bytes(Path(__file__).with_name("string_view.parquet").read_bytes())
    assert _read(path)[:2] == ["line 0 of the corpus", "line 1 of the corpus"]


def test_empty_row_groups_are_passed_over(tmp_path):
    path = tmp_path / "x.parquet"
    table = pyarrow.table({"text": ["a", "b"]})
    with pyarrow.parquet.ParquetWriter(path, table.schema, use_dictionary=False) as writer:
        for rows in (0, 2, 0, 0, 1, 0):
            writer.write_table(table.slice(0, rows), row_group_size=10)
    assert pyarrow.parquet.ParquetFile(path).num_row_groups == 6
    assert _read(path) == _read(path, 50) == ["a", "b", "a"]
    with path.open("rb") as file:
        assert list(numbered_records(file, str(path), "text")) == [(1, ("a", None)), (2, ("b", None)), (3, ("a", None))]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("x.txt.gz", b"the cat\n", "not gzip data but plain text"),
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


def _files(folder):
    paths = [folder / f"{name}.txt" for name in ("c", "empty", "a", "b")]
    for path in paths:
        path.write_text("" if path.stem == "empty" else f"{path.stem}1\n{path.stem}2\n")
    return paths


def test_files_come_in_their_order(tmp_path):
    reader = _reader(*_files(tmp_path))
    assert reader.total == 22
    assert _values(_read_range(reader, 0, 22)) == ["c1", "c2", "a1", "a2", "b1", "b2"]


@pytest.mark.parametrize("size", range(1, 22))
def test_files_split_anywhere_give_the_same_lines(tmp_path, size):
    reader = _reader(*_files(tmp_path))
    records = [record for start in range(0, 22, size) for record in _read_range(reader, start, min(start + size, 22))]
    assert _values(records) == ["c1", "c2", "a1", "a2", "b1", "b2"]


def test_a_file_that_grew_since_it_was_listed_keeps_its_neighbours_whole(tmp_path):
    paths = _files(tmp_path)
    reader = _reader(*paths)
    with paths[0].open("a") as file:
        file.write("c3\n" * 10)
    assert _values(_read_range(reader, 0, 22)) == ["c1", "c2", *["c3"] * 10, "a1", "a2", "b1", "b2"]


def test_a_file_that_went_away_is_a_record(tmp_path):
    paths = _files(tmp_path)
    reader = _reader(*paths)
    paths[2].unlink()
    values = _values(_read_range(reader, 0, 22))
    assert values[:2] + values[3:] == ["c1", "c2", "b1", "b2"]
    assert "cannot be read" in values[2]


def test_what_beam_sends_with_a_range_does_not_grow_with_the_files(tmp_path):
    paths = [(f"{number}.txt", 100) for number in range(100_000)]
    reader = ReadFiles([("", path) for path, _ in paths], [size for _, size in paths], RecordOptions())
    provider = reading.Bytes()
    ranges = list(provider.split(reader.corpus, provider.initial_restriction(reader.corpus)))
    assert len(ranges) == 10
    assert sum(map(provider.restriction_size, [reader.corpus] * 10, ranges)) == reader.total == 10_100_000
    assert max(len(pickle.dumps((reader.corpus, of_files))) for of_files in ranges) < 200


@pytest.mark.parametrize(
    ("folder", "size", "files", "ranges"),
    [
        ("/local", 2**28, 1, 256),
        # Each range fetches at least 16 MiB, unless its files are shorter.
        ("gs://bucket", 2**28, 1, 4),
        ("gs://bucket", 2**23, 8, 8),
        ("gs://bucket", 2**10, 2**12, 4),
    ],
)
def test_ranges_are_large_if_more_than_them_is_fetched(folder, size, files, ranges):
    reader = ReadFiles([("", f"{folder}/{number}.txt") for number in range(files)], [size] * files, RecordOptions())
    provider = reading.Bytes()
    assert len(list(provider.split(reader.corpus, provider.initial_restriction(reader.corpus)))) == ranges


class _Blob:
    """An object of Cloud Storage, as its client shows it."""

    # Beam of the newer stack also asks for the last two, and loads the object's properties.
    chunk_size = content_encoding = content_type = None

    def __init__(self, content):
        self._content = content
        self.size = len(content)

    def reload(self, **_):
        pass

    def download_as_bytes(self, start, end, **_):
        return self._content[start : end + 1]


@pytest.mark.parametrize("start", [0, 1500])
def test_lines_in_cloud_storage_are_not_read_byte_by_byte(monkeypatch, start):
    lines = [f"line {number}" for number in range(1000)]
    blob, reads = _Blob("".join(f"{line}\n" for line in lines).encode()), []

    class Reader(gcsio.BeamBlobReader):
        def read(self, size=-1):
            reads.append(size)
            return super().read(size)

    monkeypatch.setattr(FileSystems, "open", lambda path, **_: Reader(blob))
    reader = ReadFiles([("", "gs://bucket/x.txt")], [blob.size], RecordOptions())
    values = _values(_read_range(reader, start, reader.total))
    assert values == lines[-len(values) :]
    assert len(values) == (1000 if start == 0 else 821)
    assert len(reads) < 10


def test_many_files_are_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "FILES_BETWEEN_REPORTS", 2)
    reader, told = _reader(*_files(tmp_path)), []
    with progress.listening(lambda text, fraction: told.append((text, fraction))):
        _read_range(reader, 0, 22)
    assert told == [("2 of 4 files read", 8 / 22), ("4 of 4 files read", 1.0)]


def test_beam_moves_records_with_a_coder_that_does_not_pickle_to_know_their_size(tmp_path):
    path = tmp_path / "x.txt"
    path.write_bytes(CORPUS)
    reader = _reader(path)
    records = Records(_read_range(reader, 0, reader.total))
    coder = registry.get_coder(Records)
    decoded = coder.decode(coder.encode(records))
    assert (type(decoded), decoded) == (Records, records)
    # The characters of the texts; the one with a problem has none.
    assert coder.estimate_size(records) == len("the cat猫 🐈a\rb\ufeffmarklast")
    # Pickles would be larger.
    assert coder.get_impl().estimate_size(records) == coder.estimate_size(records)
    step = reading.ReadFilesInBlocks(reader)
    assert step.get_type_hints().simple_output_type("Records") == Records
