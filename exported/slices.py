"""Slices of the sentences, so that a model cannot get worse unnoticed in one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .gate_options import SENTENCE_LENGTH, UNKNOWN_WORDS

__all__ = ["LENGTHS", "LENGTH_NAMES", "SENTENCE_LENGTH", "UNKNOWN_WORDS", "derived", "groups"]

# Largest number of words of a sentence in each group but the last; words cut by `max_length` count.
LENGTHS = (10, 20, 40, 80)
LENGTH_NAMES = tuple(
    [f"{low + 1} to {high}" for low, high in zip((-1, *LENGTHS), LENGTHS, strict=False)] + [f"over {LENGTHS[-1]}"]
)


def derived(name: str, outputs: Mapping[str, np.ndarray]) -> np.ndarray | None:
    """Returns the group of each sentence, from the candidate's outputs.

    Worked example: 2 targets (a word and `</s>`), and 30 with one unknown word:

        sentence_length  "0 to 10"  "21 to 40"
        unknown_words    "no"       "yes"

    Args:
        name: `sentence_length` or `unknown_words`; unknown are the words outside the candidate's vocabulary.
        outputs: `tokens`, `truncated_tokens` and `oov_tokens`, each `[sentences]`.

    Returns:
        str `[sentences]`; None if `name` is a feature of the examples.
    """
    if name == SENTENCE_LENGTH:
        words = outputs["tokens"] + outputs["truncated_tokens"] - 1  # Without `</s>`.
        return np.array(LENGTH_NAMES)[np.searchsorted(LENGTHS, words)]
    if name == UNKNOWN_WORDS:
        return np.where(outputs["oov_tokens"] > 0, "yes", "no")
    return None


def groups(columns: Mapping[str, Sequence[Any]], rows: int) -> list[tuple[dict[str, Any], np.ndarray]]:
    """Divides rows into groups with the same values in all columns.

    Worked example: the columns `{"a": ["x", "y", "x"]}` give `[({"a": "x"}, [0, 2]), ({"a": "y"}, [1])]`.

    Args:
        columns: The values of each row, hashable, by column; without columns all rows are one group.
        rows: Number of rows.

    Returns:
        The values of each group and its row numbers, int64, in the order of their first rows.
    """
    members_of: dict[tuple[Any, ...], list[int]] = {}
    for row in range(rows):
        members_of.setdefault(tuple(values[row] for values in columns.values()), []).append(row)
    return [(dict(zip(columns, key, strict=True)), np.array(members)) for key, members in members_of.items()]
