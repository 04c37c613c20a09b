import pytest
from tfx_lm.components.text_example_gen.file_types import FileType
from tfx_lm.components.text_example_gen.parsing import Parsed, Problem, parse_line, parse_value


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


@pytest.mark.parametrize("line", [b"{}", b'{"text": null}', b'{"text": 3}', b'{"text": ["a"]}', b"[]", b'"a"', b"null"])
def test_json_without_text(line):
    assert _json(line).problem is Problem.NO_TEXT


def test_half_a_surrogate_pair_is_no_utf8():
    assert _json(b'{"text": "\\ud800"}').problem is Problem.INVALID_UTF8
    assert _json(b'{"text": "\\ud83d\\ude00"}') == Parsed("😀")


def test_a_null_of_a_column_is_an_empty_text():
    assert parse_value(None) == Parsed("")
