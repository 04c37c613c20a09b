r"""Counts of each raw line, and of what the model does not predict of it.

A model with fewer words, or with a shorter `max_length`, predicts less and so has the lower loss. Bits per
byte stays comparable because whatever the model did not predict is charged 8 bits a byte, as if it were
spelled out with all bytes equally likely:

    bits_per_byte = (nll / ln 2 + 8 * spelled_bytes) / bytes

| not predicted | is charged |
|---|---|
| an unknown word (id 1; a literal control token counts as `<unk>`) | its bytes + 1 for the space |
| a word that was cut | its bytes + 1 for the space |
| a `</s>` that was cut | 1, the line break |

A piece of a word is charged its own bytes, of which the mark of a word's beginning is one, a space.

With the tokenizer `byte` a token is one raw byte, spaces are tokens themselves, and the charge for each
is 1, however long its name (`<0x41>`) is.
"""

from typing import NamedTuple

import tensorflow as tf

from .tokenizer import MARK, TokenizerKind
from .vocabulary import UNKNOWN_ID

# No learned piece looks like it.
_BYTE = "<0x[0-9A-F]{2}>"


class LineSums(NamedTuple):
    """Counts of each line, float32 `[batch]` each (exact up to 2**24).

    Attributes:
        bytes: UTF-8 bytes of the raw line, + 1 for its line break.
        tokens: Targets: the words that were kept, and `</s>` unless it was cut.
        oov_tokens: Targets that are the unknown word.
        truncated_tokens: Targets that were cut, `</s>` included.
        spelled_bytes: Bytes charged for unknown and cut words.
    """

    bytes: tf.Tensor
    tokens: tf.Tensor
    oov_tokens: tf.Tensor
    truncated_tokens: tf.Tensor
    spelled_bytes: tf.Tensor


def line_sums(
    text: tf.Tensor, tokens: tf.RaggedTensor, ids: tf.RaggedTensor, kind: TokenizerKind, subwords: bool = False
) -> LineSums:
    """Counts what the evaluation and the signatures report for each line.

    `"the cat sat"` with the = 7, cat unknown, cut to two targets:

        ids               [7, 1]
        bytes             12       "the cat sat" and its line break
        tokens            2        the, <unk>
        oov_tokens        1        cat
        truncated_tokens  2        sat, </s>
        spelled_bytes     9        "cat ", "sat " and the line break

    Args:
        text: string `[batch]`, the raw lines.
        tokens: string `[batch, None]`, all words of each line (`tokenize(text, kind, ...)`), uncut.
        ids: int64 `[batch, None]`, the targets after the transform: `(ids(w1..wn) + [3])[:max_length]`.
        kind: The tokenizer that made `tokens`.
        subwords: Whether the tokens are pieces of words.

    Returns:
        The sums.

    Raises:
        tf.errors.InvalidArgumentError: If a line has more ids than tokens and `</s>`.
    """
    # Row splits of a parsed feature and of a tokenizer need not have the same integer type.
    kept = tf.cast(ids.row_lengths(), tf.int64)
    words = tf.cast(tokens.row_lengths(), tf.int64)
    truncated = words + 1 - kept
    check = tf.debugging.assert_non_negative(truncated, "more ids than words: tokens and ids do not match")
    with tf.control_dependencies([] if check is None else [check]):
        truncated = tf.identity(truncated)

    row = tf.cast(tokens.value_rowids(), tf.int64)
    position = tf.range(tf.size(row, tf.int64)) - tf.gather(tf.cast(tokens.row_starts(), tf.int64), row)
    was_cut = position >= tf.gather(kept, row)
    # A word that was cut has no id; it borrows the last one of its line, which does not count.
    nearest = tf.minimum(position, tf.gather(kept, row) - 1)
    word_ids = tf.gather(ids.flat_values, tf.gather(tf.cast(ids.row_starts(), tf.int64), row) + nearest)
    size = tf.cast(tf.strings.length(tokens.flat_values), tf.int64)
    if kind == "byte":
        charge = tf.ones_like(size)
    elif subwords:
        # A mark stands for one space, and takes three bytes.
        marks = tf.strings.regex_full_match(tokens.flat_values, f"{MARK}.*")
        charge = tf.where(
            tf.strings.regex_full_match(tokens.flat_values, _BYTE),
            tf.ones_like(size),
            size - 2 * tf.cast(marks, tf.int64),
        )
    else:
        charge = size + 1
    spelled = tf.where(was_cut | (word_ids == UNKNOWN_ID), charge, tf.zeros_like(charge))
    line_break = tf.cast(truncated > 0, tf.int64)

    sums = LineSums(
        bytes=tf.strings.length(text) + 1,
        tokens=kept,
        oov_tokens=tf.reduce_sum(tf.cast(ids == UNKNOWN_ID, tf.int64), axis=1),
        truncated_tokens=truncated,
        spelled_bytes=tf.math.unsorted_segment_sum(spelled, row, tf.size(kept)) + line_break,
    )
    return LineSums(*(tf.cast(part, tf.float32) for part in sums))
