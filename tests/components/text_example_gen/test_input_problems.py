import gzip

import pyarrow
import pyarrow.parquet
import pytest
from tfx_lm.components.text_example_gen.input_counts import Counts
from tfx_lm.components.text_example_gen.problems import describe
from tfx_lm.text_files.errors import InputError
from tfx_lm.text_files.parsing import Problem


def _counts(problem, **files) -> Counts:
    return Counts(
        problems={problem: sum(files.values())}, problem_files={(problem, path): n for path, n in files.items()}
    )


def told(counts, text_field, open_file) -> str:
    return str(InputError(describe(counts, text_field, open_file)))


def _open(path):
    return open(path, "rb")  # noqa: PTH123 - the caller closes it


def test_nothing_to_say():
    assert told(Counts(lines=3, empty_lines_dropped=1, invalid_utf8_dropped=1), "text", _open) == ""


def test_lines_are_named_by_file_and_number(tmp_path):
    one, two = str(tmp_path / "one.txt"), str(tmp_path / "two.txt.gz")
    (tmp_path / "one.txt").write_bytes(b"\n\xffa\r\nb\n\xff\n")
    (tmp_path / "two.txt.gz").write_bytes(gzip.compress(b"a\n" * 70_000 + b"\xff"))
    assert told(_counts(Problem.INVALID_UTF8, **{one: 2, two: 1}), "text", _open) == (
        f"3 lines not valid UTF-8: {one} line 2, {one} line 4, {two} line 70001; "
        "repair the text, or set invalid_utf8 to drop"
    )


def test_the_first_five_places_and_the_total(tmp_path):
    one, two = str(tmp_path / "one.jsonl"), str(tmp_path / "two.jsonl")
    (tmp_path / "one.jsonl").write_bytes(b"{\n" * 4)
    (tmp_path / "two.jsonl").write_bytes(b'{"text": "a"}\n' + b"{\n" * 2000)
    assert told(_counts(Problem.NOT_JSON, **{one: 4, two: 2000}), "text", _open) == (
        f"2,004 lines not valid JSON: {one} line 1, {one} line 2, {one} line 3, {one} line 4, {two} line 2, …; "
        "each line must hold one JSON object; repair the file, or set invalid_records to drop"
    )


def test_a_field_that_stands_twice(tmp_path):
    path = str(tmp_path / "x.jsonl")
    (tmp_path / "x.jsonl").write_bytes(b'{"text": "a"}\n{"text": "a", "text": "b"}\n')
    assert told(_counts(Problem.TWICE, **{path: 1}), "text", _open) == (
        f"1 line with the field 'text' twice: {path} line 2; keep one, or set invalid_records to drop"
    )


def test_rows_of_parquet(tmp_path):
    path = str(tmp_path / "x.parquet")
    values = pyarrow.array([b"a", b"\xff", None, b"\xff"], pyarrow.binary())
    pyarrow.parquet.write_table(pyarrow.table({"text": values}), path, row_group_size=3)
    assert f"{path} row 2, {path} row 4;" in told(_counts(Problem.INVALID_UTF8, **{path: 2}), "text", _open)


def test_every_kind_has_its_own_line(tmp_path):
    (tmp_path / "x.jsonl").write_bytes(b'{"body": "a"}\nx\n')
    path = str(tmp_path / "x.jsonl")
    counts = (
        _counts(Problem.NO_TEXT, **{path: 1})
        + _counts(Problem.NOT_JSON, **{path: 1})
        + Counts(unreadable_files={"/a.txt.gz": "damaged"})
    )
    assert told(counts, "text", _open).splitlines() == [
        "/a.txt.gz: damaged",
        f"1 line without a string in field 'text': {path} line 1; set text_field to the field that holds the text",
        f"1 line not valid JSON: {path} line 2; each line must hold one JSON object; "
        "repair the file, or set invalid_records to drop",
    ]


def test_a_file_that_went_away_is_named(tmp_path):
    path = str(tmp_path / "x.txt")
    with pytest.raises(InputError, match=r"x\.txt: cannot be read \(No such file"):
        told(_counts(Problem.INVALID_UTF8, **{path: 1}), "text", _open)


def test_how_many_records_have_the_field(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'{"text": "a"}\n' * 199 + b'{"text": 3}\n')
    counts = _counts(Problem.NO_TEXT, **{str(path): 1}) + Counts(records_with_text=199)
    assert told(counts, "text", _open) == (
        f"1 line without a string in field 'text' (199 of 200 records have one): {path} line 200; "
        "repair the others, or set invalid_records to drop"
    )
