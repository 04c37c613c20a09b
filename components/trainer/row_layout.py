"""What the lines of a corpus are joined to, and so what batches a training has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from ...model.devices import on_gpu
from .buckets import Buckets, choose_buckets
from .corpus_counts import CorpusCounts, count_corpus
from .replica_batches import compiles
from .stretches import Stretches
from .windows import LEAST_WINDOWS, ROW_WINDOWS, WINDOW, Windows, window_of

# Sentences among which the next one is drawn; a corpus up to this size is shuffled perfectly.
SHUFFLED_SENTENCES = 200_000
# Stretches among which the next one is drawn, and the bytes of their ids, about.
SHUFFLED_STRETCHES = 25_000
SHUFFLED_BYTES = 2**27


class RowLayout(NamedTuple):
    """The rows and batches of a training.

    Attributes:
        counts: Counts of the lines, or of the stretches that they are joined to.
        buckets: Which of them share a batch.
        stretches: What the lines are joined to; None if they have no contexts.
        windows: The batches of the stretches; None if each is read in one batch.
    """

    counts: CorpusCounts
    buckets: Buckets
    stretches: Stretches | None = None
    windows: Windows | None = None

    @property
    def shuffled(self) -> int:
        """Among how many sentences or stretches the next one is drawn."""
        if self.stretches is None:
            return SHUFFLED_SENTENCES
        return min(SHUFFLED_STRETCHES, 1 + SHUFFLED_BYTES * self.counts.rows // (8 * self.counts.positions))


def lay_out(
    files: Sequence[str], counts: CorpusCounts, batch_tokens: int, strategy: tf.distribute.Strategy
) -> RowLayout:
    """Chooses the rows and batches of a training.

    Args:
        files: TFRecord files of transformed examples.
        counts: Of their lines.
        batch_tokens: Positions of a batch.
        strategy: The strategy that trains. If it compiles each shape, stretches have no windows, whose shapes are not
            those of buckets.
    """
    context = counts.longest_context
    if not context:
        return RowLayout(counts, choose_buckets(counts.lengths, batch_tokens))
    if compiles(strategy):
        stretches = Stretches.whole(context, len(counts.line_lengths) - 1, batch_tokens)
        counts = count_corpus(files, len(counts.targets), "train", stretches)
        return RowLayout(counts, choose_buckets(counts.lengths, batch_tokens), stretches)
    stretches = Stretches(context, ROW_WINDOWS * window_of(context, batch_tokens))
    counts = count_corpus(files, len(counts.targets), "train", stretches)
    windows = Windows.fitting(context, counts.lengths, batch_tokens, aligned=on_gpu())
    return RowLayout(counts, windows.buckets(counts.lengths), stretches, windows)


def layout_of(strategy: tf.distribute.Strategy) -> list[Any]:
    """Returns what decides which rows a batch has, beside corpus and options; for the name of a backup."""
    if compiles(strategy):
        return ["whole"]
    return ["rows", WINDOW, ROW_WINDOWS, LEAST_WINDOWS, on_gpu()]
