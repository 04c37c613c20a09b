import io

from hypothesis import given
from hypothesis import strategies as st
from tfx_lm.text_files import lines
from tfx_lm.text_files.lines import content, raw_lines


def _lines(data: bytes) -> list:
    return list(raw_lines(io.BytesIO(data)))


def test_lines_keep_their_terminators_and_sizes():
    assert _lines(b"the cat\r\n\nsat") == [(9, b"the cat\r\n"), (1, b"\n"), (3, b"sat")]


def test_a_carriage_return_alone_ends_no_line():
    assert _lines(b"a\rb\n") == [(4, b"a\rb\n")]


def test_a_line_over_the_limit_is_skipped_but_measured(monkeypatch):
    monkeypatch.setattr(lines, "MAX_LINE_BYTES", 100)
    long = b"x" * 200_000
    assert _lines(b"a\n" + long + b"\nb\n") == [(2, b"a\n"), (200_001, None), (2, b"b\n")]
    assert _lines(long) == [(200_000, None)]


def test_a_line_of_exactly_the_limit_is_kept(monkeypatch):
    monkeypatch.setattr(lines, "MAX_LINE_BYTES", 5)
    assert _lines(b"12345\n1234\n12345") == [(6, b"12345\n"), (5, b"1234\n"), (5, b"12345")]
    assert _lines(b"123456\n") == [(7, None)]


@given(st.binary(max_size=300))
def test_sizes_add_up_and_nothing_is_lost(data):
    found = _lines(data)
    assert b"".join(line for _, line in found) == data
    assert [size for size, _ in found] == [len(line) for _, line in found]


def test_content_drops_terminator_and_byte_order_mark_only():
    mark = b"\xef\xbb\xbf"
    assert content(mark + b"the cat\r\n", first_of_file=True) == b"the cat"
    assert content(mark + b"the cat\r\n", first_of_file=False) == mark + b"the cat"
    assert content(b" \tthe cat \n", first_of_file=True) == b" \tthe cat "
    assert content(b"a\r\r\n", first_of_file=False) == b"a\r"
    assert content(b"a\x00b", first_of_file=False) == b"a\x00b"
