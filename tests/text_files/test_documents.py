"""Documents: the text that holds a context, and which lines belong together."""

import re

import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from tfx_lm.errors import SettingError
from tfx_lm.text_files.documents import Context, check_documents
from tfx_lm.text_files.errors import InputError
from tfx_lm.text_files.file_types import FileType
from tfx_lm.text_files.in_documents import FIRST_LINES, in_documents
from tfx_lm.text_files.options import RecordOptions
from tfx_lm.text_files.parsing import Parsed, Problem
from tfx_lm.transform.tokenizer import tokenize


def contexts(texts, documents, tokens=100):
    """The lines with their contexts, and the number of the document that each is of."""
    lines = list(in_documents(((None, Parsed(text)) for text in texts), documents, tokens))
    names = dict.fromkeys(line.document for line in lines if line.document)
    numbers = {name: number for number, name in enumerate(names)}
    return [(line.parsed.text, line.context, numbers[line.document]) for line in lines if line.document]


def test_the_worked_example():
    context = Context(3)
    for line in ("the cat", "sat", "it slept"):
        context.add(line)
    assert context.text() == "sat\nit slept"


@given(st.lists(st.text(st.sampled_from("ab \u00a0.\n\u732b"), max_size=20), max_size=12), st.integers(1, 6))
def test_a_context_holds_as_many_words_as_it_must(lines, tokens):
    context = Context(tokens)
    for line in lines:
        context.add(line)
    every = [word for line in lines for word in re.findall(r"[^ \n]+", line)]
    held = re.findall(r"[^ \n]+", context.text())
    assert len(held) >= min(tokens, len(every))
    assert held == every[len(every) - len(held) :]


def test_a_long_line_is_cut_at_a_word_and_one_without_spaces_at_a_character():
    context = Context(2)
    context.add("one two (three four")
    assert context.text() == "(three four"
    context.add("\u732b" * 1000)
    assert context.text() == "\u732b" * 64


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (["the cat", "sat" + " " * 1000], "the cat\nsat   "),
        (["the cat", " " * 1000], "the cat"),
        (["the", "cat" + "\t" * 1000 + "sat"], "cat sat"),
        (["\u732b", "\u732b " * 40], "\u732b \u732b "),
        (["the", "! " * 100], "! " * 64),
    ],
)
def test_white_space_takes_no_room_from_words(lines, text):
    """As in the lines of a table, which are padded to one width."""
    context = Context(2)
    for line in lines:
        context.add(line)
    assert context.text() == text


def test_lines_that_are_mostly_white_space_do_not_make_a_long_text():
    context = Context(50)
    for _ in range(100):
        context.add("cat" + " " * 47)
    text = context.text()
    assert len(text) < 400
    assert text.split() == ["cat"] * 50
    # What a tokenizer of bytes reads is the text as it is.
    assert text.endswith(" \ncat" + " " * 47)


@pytest.mark.parametrize("kind", ["whitespace", "word"])
def test_the_end_of_a_long_line_has_the_tokens_of_the_line(kind):
    line = 'he -- said "hello there (a'
    context = Context(3)
    context.add(line)
    assert context.text() == '"hello there (a'
    whole, end = (tokenize(tf.constant([text]), kind, True).to_list()[0] for text in (line, context.text()))
    assert end == whole[-len(end) :]


def test_no_tokens_are_no_text():
    context = Context(0)
    context.add("the cat")
    assert context.text() == ""


def test_lines_between_blank_lines():
    assert contexts(["a", "b", "", "\u3000", "c", "d"], "blank_line") == [
        ("a", "", 0),
        ("b", "a", 0),
        ("c", "", 1),
        ("d", "c", 1),
    ]


def test_lines_of_a_record_and_of_a_file():
    texts = ["a\nb\r\n\nc", "d"]
    assert contexts(texts, "record") == [("a", "", 0), ("b", "a", 0), ("c", "a\nb", 0), ("d", "", 1)]
    assert contexts(texts, "file") == [(texts[0], "", 0), ("d", "a b\r  c", 0)]


def test_a_document_is_told_by_its_first_lines():
    same = [str(line) for line in range(FIRST_LINES)]
    one, other = [*same, "x"], [*same, "y"]
    assert {document for _, _, document in contexts([*one, "", *other], "blank_line")} == {0}
    assert {document for _, _, document in contexts([*one[1:], "", *other], "blank_line")} == {0, 1}


def test_a_record_with_a_problem_passes_and_what_came_before_an_error_is_not_lost():
    bad = Parsed("", Problem.NOT_JSON)

    def records():
        yield 1, Parsed("a")
        yield 2, bad
        yield 3, Parsed("b")
        raise InputError("damaged")

    found = []
    lines = in_documents(records(), "file", 5)
    with pytest.raises(InputError, match="damaged"):
        while True:
            found.append(next(lines))
    assert sorted((line.record, line.context) for line in found) == [(1, ""), (2, ""), (3, "a")]


@pytest.mark.parametrize(
    ("documents", "kind", "remedy"),
    [
        ("blank_line", FileType.PARQUET, "record (the lines of each text) or file"),
        ("record", FileType.TEXT, "blank_line or file"),
    ],
)
def test_documents_that_a_file_cannot_have(documents, kind, remedy):
    with pytest.raises(InputError, match=re.escape(f"set documents to {remedy}")):
        check_documents(documents, kind, "x")


def test_a_context_needs_documents():
    with pytest.raises(SettingError, match="lines have a context only within documents; set documents to blank_line"):
        RecordOptions.parse({"context_tokens": 4})
