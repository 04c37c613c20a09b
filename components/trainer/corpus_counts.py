"""Counts of a split of transformed examples: how long its rows are, and how often each id is a target."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from ...exported.text_statistics import TextStatistics
from ...transform.preprocessing import CONTEXT_IDS
from ...transform.vocabulary import END_ID, UNKNOWN_ID
from .stretches import Stretches
from .transformed_examples import blocks_of, joined, lengths_of, spec_of


@dataclasses.dataclass(frozen=True)
class CorpusCounts:
    """Counts of one pass over the transformed examples of a split.

    Attributes:
        lengths: [longest + 1] int64, how many rows, sentences or stretches, have each number of positions, of their
            context and their targets.
        targets: [vocabulary] int64, how often each id is a target.
        line_lengths: [longest + 1] int64, how many sentences have each number of targets.
        longest_context: Tokens of the longest context; 0 without contexts.
    """

    lengths: np.ndarray
    targets: np.ndarray
    line_lengths: np.ndarray
    longest_context: int = 0

    @property
    def sentences(self) -> int:
        """The number of sentences."""
        return int(self.line_lengths.sum())

    @property
    def rows(self) -> int:
        """The number of rows: as many as sentences, or stretches of them."""
        return int(self.lengths.sum())

    @property
    def positions(self) -> int:
        """The number of positions that are read in one pass: all targets, and the context of each row."""
        return int(np.arange(len(self.lengths)) @ self.lengths)

    @property
    def tokens(self) -> int:
        """The number of target tokens."""
        return int(self.targets.sum())

    @property
    def text(self) -> TextStatistics:
        """What a model that is trained on the split keeps of it."""
        lengths = {length: int(self.line_lengths[length]) for length in np.flatnonzero(self.line_lengths).tolist()}
        # A line that was cut has no `</s>`.
        looked_up = self.tokens - int(self.targets[END_ID])
        return TextStatistics.count(lengths, int(self.targets[UNKNOWN_ID]), looked_up)


@tf.autograph.experimental.do_not_convert
def count_corpus(
    files: Sequence[str], vocabulary_size: int, split: str, stretches: Stretches | None = None
) -> CorpusCounts:
    """Counts lengths and ids in one pass.

    Args:
        files: TFRecord files of transformed examples.
        vocabulary_size: The number of ids.
        split: The name of the split in errors.
        stretches: What the sentences are joined to; None if each is a row of its own.

    Returns:
        The counts.

    Raises:
        ValueError: if there is no sentence, or an id that the vocabulary does not have.
    """
    lengths = line_lengths = np.zeros(1, np.int64)
    targets = np.zeros(vocabulary_size, np.int64)
    longest_context = 0
    spec = spec_of(files)
    for parsed in blocks_of(files, spec).prefetch(2):
        ids = parsed["ids"]
        found = np.bincount(ids.values.numpy(), minlength=vocabulary_size)
        if len(found) > vocabulary_size:
            raise ValueError(
                f"{split}: id {len(found) - 1} is outside the vocabulary of {vocabulary_size}; "
                "the examples and the transform graph must come from the same Transform"
            )
        targets += found
        lengths = _added(lengths, np.bincount(lengths_of(joined(parsed, stretches)).numpy()))
        line_lengths = _added(line_lengths, np.bincount(ids.row_lengths().numpy()))
        if CONTEXT_IDS in parsed:
            longest_context = max(longest_context, int(tf.reduce_max(parsed[CONTEXT_IDS].row_lengths())))
    counts = CorpusCounts(lengths, targets, line_lengths, longest_context)
    if counts.sentences == 0:
        raise ValueError(f"{split}: the files hold no sentences; the {split} split must have at least one")
    return counts


def digest_of(*counts: CorpusCounts) -> str:
    """Returns 16 hexadecimal digits that differ between the counts of different corpora.

    The paths of the examples do not tell corpora apart: where ML Metadata starts at 1 again, so do the numbers in them.
    """
    digest = hashlib.sha256()
    for each in counts:
        for values in (each.line_lengths, each.targets):
            digest.update(hashlib.sha256(values.tobytes()).digest())
    return digest.hexdigest()[:16]


def _added(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    longest = max(len(left), len(right))
    return np.pad(left, (0, longest - len(left))) + np.pad(right, (0, longest - len(right)))
