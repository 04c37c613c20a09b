"""Requests of the serving check: texts that break servers, and sentences with a known loss."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import tensorflow as tf

from ...errors import SettingError, escape
from ...transform.preprocessing import CONTEXT, TEXT
from ..examples import read_records

# The largest batch of the check.
SENTENCES = 256

TEXTS = {
    "an empty string": b"",
    "one unknown word": "☃unknown☃".encode(),
    "20,000 words": b"word " * 20_000,
    "a word of 100,000 letters": b"x" * 100_000,
    "invalid UTF-8": b"\xff\xfe the \xc3( cat \xed\xa0\x80",
    "control characters": b"\x00 a \x01\r\n\t b \x7f",
}


def read_examples(files: Sequence[str]) -> list[bytes]:
    """Reads the first sentences of some files.

    Args:
        files: TFRecord files of `tf.train.Example`, compressed or not.

    Returns:
        `SENTENCES` serialized examples; if there are fewer, they repeat.

    Raises:
        SettingError: If there are no examples.
    """
    examples = list(read_records(files).take(SENTENCES).as_numpy_iterator())
    if not examples:
        raise SettingError(
            f"no examples to check the model with in {escape(', '.join(files)) or 'no file'}; "
            "set {example_splits} to splits that have some"
        )
    return list(itertools.islice(itertools.cycle(examples), SENTENCES))


def in_capitals(examples: Sequence[bytes]) -> bytes:
    """Returns the first example whose text has an i, or else the first, with its text in capitals.

    A model that lower-cases by the locale of its process reads I differently in Turkish.

    Args:
        examples: Serialized examples, at least one.
    """
    chosen = next((example for example in examples if b"i" in text_of(example).lower()), examples[0])
    capitals = tf.train.Example.FromString(chosen)
    text = text_of(chosen).decode("utf-8", "replace").upper().encode()
    capitals.features.feature[TEXT].bytes_list.value[:] = [text]
    return capitals.SerializeToString()


def text_of(example: bytes) -> bytes:
    """Returns the text of a serialized example, empty if it has no text."""
    return _value(example, TEXT)


def context_of(example: bytes) -> bytes:
    """Returns what came before the text in its document, empty if the example does not say it."""
    return _value(example, CONTEXT)


def _value(example: bytes, feature: str) -> bytes:
    values = tf.train.Example.FromString(example).features.feature[feature].bytes_list.value
    return values[0] if values else b""
