"""Serialized `tf.Example`s among strings, recognized with core TensorFlow operations.

TFX's BulkInferrer and TFMA send serialized Examples to any signature that has one string input. Read as a line of text
their bytes get a plausible perplexity, so the signatures for text refuse them.

An Example is recognized by its structure. `{"text": ["hi"]}` is

    0A 10                 features, 16 bytes: up to the end of the string
    0A 0E                 an entry of them, 14 bytes
    0A 04 t e x t         its key, 4 bytes
    12 06                 its value, a Feature of 6 bytes: up to the end of the entry
    0A 04                 its bytes_list, 4 bytes: up to the end of the value
    0A 02 h i

All tags must be present and all sizes must fit. So no text is mistaken for an Example: it would have to begin with a
line break, contain the control character U+0012, and have the length that its second character encodes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from ..transform.ragged_rows import positions

__all__ = ["refuse_examples", "refuse_transformed"]

# A size is a varint of up to 5 bytes here. Fails at the first byte of nearly all text.
_BEGINNING = r"\n\C{1,5}\n\C{1,5}\n\C*\x12\C*"
_VARINT_BYTES = 5
# `transform.preprocessing.IDS`, which imports Transform.
_TRANSFORMED = "ids"
_BEYOND = b"\xff" * (1 + _VARINT_BYTES)


def refuse_examples(text: tf.Tensor) -> tf.Tensor:
    """Refuses serialized `tf.Example`s instead of lines.

    Args:
        text: string `[batch]`, of any bytes.

    Returns:
        The same text; use it instead, so that the check runs.

    Raises:
        tf.errors.InvalidArgumentError: At run time, if one of them is a serialized Example with a feature.
    """
    likely = tf.strings.regex_full_match(text, _BEGINNING)
    return _refuse(
        text,
        likely,
        lambda: _first_entry(tf.gather(text, positions(likely))).exists,
        "text: holds a serialized tf.Example, not a line; use the signature evaluate, or send its feature text",
    )


def refuse_transformed(examples: tf.Tensor, text: tf.Tensor) -> tf.Tensor:
    """Refuses transformed Examples, whose only feature is `ids`, instead of raw ones.

    Args:
        examples: string `[batch]`, serialized Examples.
        text: string `[batch]`, their feature `text`; "" if it is missing.

    Returns:
        `text`; use it instead, so that the check runs.

    Raises:
        tf.errors.InvalidArgumentError: At run time, if one of them is transformed.
    """
    empty = text == ""

    def only_ids() -> tf.Tensor:
        candidates = tf.gather(examples, positions(empty))
        first = _first_entry(candidates)
        return first.exists & (first.key == _TRANSFORMED) & (first.end == tf.strings.length(candidates))

    message = "examples: have the feature ids alone, so they are transformed; give the raw ones, which have text"
    return _refuse(text, empty, only_ids, message)


def _refuse(text: tf.Tensor, likely: tf.Tensor, refused: Callable[[], tf.Tensor], message: str) -> tf.Tensor:
    """Returns `text`; an error if any is `refused`, which is computed only if any is `likely`."""

    def check() -> tf.Tensor:
        accepted = tf.debugging.Assert(tf.logical_not(tf.reduce_any(refused())), [message])
        with tf.control_dependencies([accepted]):
            return tf.identity(text)

    return tf.cond(tf.reduce_any(likely), check, lambda: tf.identity(text))


class _Entry(NamedTuple):
    """The first entry of an Example's features: [n] each."""

    exists: tf.Tensor
    key: tf.Tensor
    end: tf.Tensor


class _Field(NamedTuple):
    """A length-delimited field: its tag, string [n]; start and end of its content, int32 [n]."""

    tag: tf.Tensor
    start: tf.Tensor
    end: tf.Tensor


def _first_entry(strings: tf.Tensor) -> _Entry:
    size = tf.strings.length(strings)
    # Reading never goes beyond the end: what follows is neither a tag nor the end of a size.
    padded = strings + _BEYOND
    features = _field(padded, tf.zeros_like(size), size)
    entry = _field(padded, features.start, size)
    key = _field(padded, entry.start, size)
    value = _field(padded, key.end, size)
    kind = _field(padded, value.start, size)
    exists = (
        (features.tag == b"\x0a") & (features.end == size)
        & (entry.tag == b"\x0a") & (entry.end <= size)
        & (key.tag == b"\x0a") & (key.end < entry.end)
        & (value.tag == b"\x12") & (value.end == entry.end)
        # A Feature without values may be empty; otherwise bytes_list, float_list or int64_list.
        & ((value.start == value.end)
           | (tf.reduce_any(kind.tag[:, tf.newaxis] == [b"\x0a", b"\x12", b"\x1a"], axis=1) & (kind.end == value.end)))
    )  # fmt: skip
    name = tf.strings.substr(padded, tf.minimum(key.start, size), tf.where(exists, key.end - key.start, 0))
    return _Entry(exists, name, entry.end)


def _field(padded: tf.Tensor, position: tf.Tensor, size: tf.Tensor) -> _Field:
    """Reads tag and size of the field at a position; `end` is beyond all if there is none."""
    position = tf.clip_by_value(position, 0, size)
    tag = tf.strings.substr(padded, position, tf.ones_like(position))
    varint = tf.strings.substr(padded, position + 1, tf.fill(tf.shape(position), _VARINT_BYTES))
    values = tf.cast(tf.reshape(tf.io.decode_raw(varint, tf.uint8), [-1, _VARINT_BYTES]), tf.int64)
    # A byte belongs to the number if all before it say that one follows.
    follows = tf.cast(values >= 128, tf.int64)
    belongs = tf.math.cumprod(follows, axis=1, exclusive=True)
    number = tf.reduce_sum(belongs * (values % 128) * [128**index for index in range(_VARINT_BYTES)], axis=1)
    start = position + 1 + tf.cast(tf.reduce_sum(belongs, axis=1), tf.int32)
    end = tf.minimum(tf.cast(start, tf.int64) + number, tf.int32.max)
    return _Field(tag, start, tf.cast(end, tf.int32))
