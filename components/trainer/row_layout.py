"""Which rows the lines of a corpus make, and so what batches a training has."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from .corpus_counts import CorpusCounts
from .replica_batches import compiles
from .stretches import MOST_WINDOWS, UNFILLED, WINDOW, Stretches


def stretches_of(counts: CorpusCounts, batch_tokens: int, strategy: tf.distribute.Strategy) -> Stretches | None:
    """Returns how the lines of a corpus are joined; None if they have no contexts.

    Args:
        counts: Of the lines.
        batch_tokens: Positions of a batch.
        strategy: The strategy that trains. If it compiles each shape, stretches have no windows, whose shapes are not
            those of buckets.
    """
    if not counts.longest_context:
        return None
    if compiles(strategy):
        return Stretches.whole(counts.longest_context, len(counts.line_lengths) - 1, batch_tokens)
    return Stretches.carried(counts.longest_context, counts.tokens, batch_tokens)


def layout_of(strategy: tf.distribute.Strategy) -> list[Any]:
    """Returns what decides which rows a batch has, beside corpus and options; for the name of a backup."""
    return ["whole"] if compiles(strategy) else [WINDOW, MOST_WINDOWS, UNFILLED]
