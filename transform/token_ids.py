"""Ids of the tokens of lines, uncut: words or pieces of words, as the vocabulary is."""

from collections.abc import Callable

import tensorflow as tf

from .options import TokenizerKind
from .pieces import piece_ids
from .tokenizer import tokenize, tokenize_marked


def token_ids(
    text: tf.Tensor,
    kind: TokenizerKind,
    lowercase: bool,
    lookup: Callable[[tf.Tensor], tf.Tensor],
    subwords: bool,
) -> tf.RaggedTensor:
    """Returns the ids of the tokens of lines.

    Args:
        text: string `[batch]`, one line each.
        kind: The tokenizer.
        lowercase: Whether it lower-cases.
        lookup: From strings to ids, that of the vocabulary.
        subwords: Whether the vocabulary is one of pieces (`pieces.holds_pieces`).

    Returns:
        int64 `[batch, None]`, without `</s>`.
    """
    if subwords:
        return piece_ids(tokenize_marked(text, kind, lowercase), lookup)
    return tf.ragged.map_flat_values(lookup, tokenize(text, kind, lowercase))
