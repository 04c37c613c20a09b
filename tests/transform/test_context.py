"""Context: the tokens before a line."""

import sys

import tensorflow as tf
from tfx_lm.transform.context import Context


def ids(text: str, tokens: int) -> list[int]:
    """The context of a text whose words are numbers."""
    context = Context(tf.constant([text.encode()]))
    words = tf.strings.split(context.lines)
    return context.ids(tf.ragged.map_flat_values(tf.strings.to_number, words, tf.int64), tokens).to_list()[0]


def test_the_worked_example():
    assert ids("7 9\n8", 3) == [9, 2, 8]
    assert ids("7 9\n8", 9) == [2, 7, 9, 2, 8]
    assert ids("", 9) == []


def test_a_line_of_white_space_is_none():
    assert ids("7\n \u00a0\t\u3000\n8\n\r\n", 9) == [2, 7, 2, 8]


def test_white_space_is_what_the_reading_of_files_drops():
    blanks = [chr(code) for code in range(sys.maxunicode + 1) if chr(code).isspace() and chr(code) != "\n"]
    assert Context(tf.constant([character.encode() for character in blanks])).lines.shape == [0]
    others = ["\ufeff", "\u200b", "\0", "_", "\u0301"]
    kept = Context(tf.constant([*(character.encode() for character in others), b"\xff"])).lines
    assert kept.shape == [len(others) + 1]
