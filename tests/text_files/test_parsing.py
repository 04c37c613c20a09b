import pytest
from tfx_lm.text_files.file_types import FileType
from tfx_lm.text_files.parsing import Parsed, Problem, parse_line, parse_value


def _json(line: bytes) -> Parsed:
    return parse_line(line, FileType.JSON_LINES, "text")


def test_text_lines_are_taken_as_they_are():
    for text in ("the cat", " \t", "", "猫が座った 🐈", "a\x00b", '{"text": 1}'):
        assert parse_line(text.encode(), FileType.TEXT, "text") == Parsed(text)


def test_a_line_that_was_too_long_to_hold_is_a_problem():
    assert parse_line(None, FileType.TEXT, "text").problem is Problem.TOO_LONG


@pytest.mark.parametrize("line", [b"caf\xe9", b"\xff\xfe", b"\xed\xa0\x80", b"\xc0\x80"])
def test_invalid_utf8(line):
    assert parse_line(line, FileType.TEXT, "text").problem is Problem.INVALID_UTF8
    assert _json(b'{"text": "' + line + b'"}').problem is Problem.INVALID_UTF8
    assert parse_value(line).problem is Problem.INVALID_UTF8


def test_json_records():
    assert _json(b'{"id": 1, "text": "the \\"cat\\"\\nsat \\u732b"}') == Parsed('the "cat"\nsat 猫')
    assert parse_line(b'{"body": "x"}', FileType.JSON_LINES, "body") == Parsed("x")
    assert _json(b"   ") == Parsed("   ")


@pytest.mark.parametrize("line", [b"{", b"the cat", b'{"text": "a"} x', b"[" * 100_000])
def test_what_is_not_json(line):
    assert _json(line) == Parsed("", Problem.NOT_JSON)


def test_a_number_of_ten_thousand_digits_is_refused():
    # Some Pythons read it (then it is no record), some do not.
    assert _json(b"9" * 10_000).problem in (Problem.NOT_JSON, Problem.NO_TEXT)


@pytest.mark.parametrize("line", [b"{}", b'{"text": 3}', b'{"text": ["a"]}', b"[]", b'"a"', b"null"])
def test_json_without_text(line):
    assert _json(line).problem is Problem.NO_TEXT


@pytest.mark.parametrize(
    ("line", "field"),
    [
        (b'{"text": "a", "text": "b"}', "text"),
        (b'{"text": "a", "text": "a"}', "text"),
        (b'{"text": "a", "t\\u0065xt": "b"}', "text"),
        (b'{"a": {"b": "x", "b": "y"}}', "a.b"),
        (b'{"a": {"b": "x"}, "a": {"b": "y"}}', "a.b"),
        (b'{"a.b": "x", "a.b": null}', "a.b"),
    ],
)
def test_a_field_that_stands_twice_is_a_problem(line, field):
    assert parse_line(line, FileType.JSON_LINES, field) == Parsed("", Problem.TWICE)


def test_other_fields_may_stand_twice():
    assert _json(b'{"id": 1, "text": "a", "id": 2, "m": {"text": 1, "text": 2}}') == Parsed("a")


@pytest.mark.slow
def test_a_hundred_thousand_fields_that_stand_twice():
    # A comparison of each name with all others would take minutes.
    names = "".join(f'"{number % 50_000}": 1, ' for number in range(100_000))
    assert _json(f'{{{names}"text": "a"}}'.encode()) == Parsed("a")
    assert _json(f'{{{names}"text": "a", "text": "b"}}'.encode()).problem is Problem.TWICE


def test_half_a_surrogate_pair_is_no_utf8():
    assert _json(b'{"text": "\\ud800"}').problem is Problem.INVALID_UTF8
    assert _json(b'{"text": "\\ud83d\\ude00"}') == Parsed("😀")


def test_a_null_is_an_empty_text_in_every_format():
    assert parse_value(None) == Parsed("")
    assert _json(b'{"text": null}') == Parsed("")
    assert parse_line(b'{"a": null}', FileType.JSON_LINES, "a.b") == Parsed("")


def test_a_row_that_is_too_short():
    assert parse_value(None, missing=True).problem is Problem.NO_TEXT


def test_nested_fields():
    def parse(line):
        return parse_line(line, FileType.JSON_LINES, "a.b")

    assert parse(b'{"a": {"b": "x"}}') == Parsed("x")
    assert parse(b'{"a.b": "whole name", "a": {"b": "x"}}') == Parsed("whole name")
    assert parse(b'{"a": {"c": "x"}}').problem is Problem.NO_TEXT
    assert parse(b'{"a": "x"}').problem is Problem.NO_TEXT
