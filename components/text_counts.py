"""Lengths of the sentences and frequencies of the words, counted by Beam in one pass over the raw text.

The transformed examples do not have them: they are cut to `max_length`, and their unknown words are all one id.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow as tf
from apache_beam.transforms import window
from apache_beam.utils.windowed_value import WindowedValue

from ..exported.additive import Additive
from ..exported.piece_table import PieceTable
from ..transform.pieces import holds_pieces
from ..transform.preprocessing import TEXT
from ..transform.token_ids import token_ids
from ..transform.tokenizer import TokenizerKind
from ..transform.vocabulary import RESERVED, UNKNOWN_ID, lookup_table, read_vocabulary
from .example_blocks import read_blocks
from .merge_additive import MergeAdditive

# Largest number of lines, and of their bytes, that are split into words together.
BATCH_LINES = 1000
BATCH_BYTES = 1_000_000


@dataclasses.dataclass(frozen=True)
class TextCounts(Additive):
    """Counts of a text; `+` adds disjoint texts, `TextCounts()` is the empty one.

    Worked example, `the cat sat` and `cat` with the = 4 and cat = 5, the only known words:

        lengths  {4: 1, 2: 1}        targets: the words and `</s>`
        words    [0, 1, 0, 0, 1, 2]  occurrences of each id; 1 is the unknown word, sat

    Attributes:
        lengths: Number of sentences by length, in targets, before anything is cut.
        words: int64 `[vocabulary]`, how often each id occurs among all words, cut words included; `</s>` is not a word.
        words_of_pieces: With subwords, whose ids are of pieces, the number of words; else 0.
    """

    lengths: Counter[int] = dataclasses.field(default_factory=Counter)
    words: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(0, np.int64))
    words_of_pieces: int = 0

    def __add__(self, other: Any) -> TextCounts:
        if not isinstance(other, TextCounts):
            return NotImplemented
        words = np.zeros(max(self.words.size, other.words.size), np.int64)
        words[: self.words.size] += self.words
        words[: other.words.size] += other.words
        return TextCounts(self.lengths + other.lengths, words, self.words_of_pieces + other.words_of_pieces)

    def as_json(self) -> str:
        """Returns the counts as one JSON object."""
        tree = {"lengths": sorted(self.lengths.items()), "words": self.words.tolist()}
        return json.dumps({**tree, "words_of_pieces": self.words_of_pieces})

    @classmethod
    def from_json(cls, text: str) -> TextCounts:
        """Reads what `as_json` wrote."""
        tree = json.loads(text)
        return cls(Counter(dict(tree["lengths"])), np.array(tree["words"], np.int64), tree["words_of_pieces"])

    @property
    def sentences(self) -> int:
        """Number of sentences."""
        return sum(self.lengths.values())

    @property
    def targets(self) -> int:
        """Number of targets: words, and one `</s>` a sentence."""
        return sum(length * count for length, count in self.lengths.items())

    def cut(self, max_length: int) -> tuple[int, int]:
        """Counts what `max_length` cuts.

        Args:
            max_length: Most targets of a sentence.

        Returns:
            The number of sentences that are cut, and of targets cut off. In the example, with 2: 1 and 2.
        """
        longer = {length: count for length, count in self.lengths.items() if length > max_length}
        return sum(longer.values()), sum((length - max_length) * count for length, count in longer.items())

    def coverage(self) -> np.ndarray:
        """Returns the share of all words that the first words of the vocabulary cover.

        Returns:
            float64 `[vocabulary - 4]`; element k - 1 is the share of the first k, reserved tokens left out. In the
            example: `[0.25, 0.75]`. NaN if the text has no words.
        """
        known = np.cumsum(self.words[len(RESERVED) :], dtype=np.float64)
        total = self.words.sum()
        return known / total if total else np.full_like(known, np.nan)

    @property
    def pieces_per_word(self) -> float:
        """How many pieces a word has on average; NaN without words of pieces."""
        return float(self.words.sum()) / self.words_of_pieces if self.words_of_pieces else math.nan

    @property
    def unknown(self) -> int:
        """Number of unknown words."""
        return int(self.words[UNKNOWN_ID]) if self.words.size else 0


class CountText(beam.DoFn):
    """Turns lists of serialized `tf.train.Example`s with the feature `text` into a `TextCounts` for each bundle."""

    def __init__(self, vocabulary_file: str, tokenizer: TokenizerKind, lowercase: bool) -> None:
        """Args: vocabulary_file: The vocabulary. tokenizer, lowercase: See `tokenize`."""
        self._vocabulary_file = vocabulary_file
        self._tokenizer = tokenizer
        self._lowercase = lowercase

    def setup(self) -> None:
        """Loads the vocabulary."""
        self._ids = lookup_table(self._vocabulary_file)
        words = read_vocabulary(self._vocabulary_file)
        self._size = len(words)
        self._pieces = PieceTable(words) if holds_pieces(words) else None

    def start_bundle(self) -> None:
        """Starts with empty counts."""
        self._examples: list[bytes] = []
        self._bytes = 0
        self._counts = TextCounts(Counter(), np.zeros(self._size, np.int64))
        self._words_of_pieces = 0

    def process(self, examples: Sequence[bytes]) -> Iterable[TextCounts]:
        """Counts as soon as there are enough lines; the counts are output at the end of the bundle."""
        for example in examples:
            self._examples.append(example)
            self._bytes += len(example)
            if len(self._examples) >= BATCH_LINES or self._bytes >= BATCH_BYTES:
                self._count()
        return ()

    def finish_bundle(self) -> Iterator[WindowedValue]:
        """Counts the rest."""
        if self._examples:
            self._count()
        counts = dataclasses.replace(self._counts, words_of_pieces=self._words_of_pieces)
        yield window.GlobalWindows.windowed_value(counts)

    def _count(self) -> None:
        feature = tf.io.FixedLenFeature([], tf.string, default_value="")
        lines = tf.io.parse_example(tf.constant(self._examples), {TEXT: feature})[TEXT]
        ids = token_ids(lines, self._tokenizer, self._lowercase, self._ids.lookup, self._pieces is not None)
        # In place: the vocabulary may be long, with many batches.
        self._counts.lengths.update((ids.row_lengths() + 1).numpy().tolist())
        np.add(
            self._counts.words,
            np.bincount(ids.flat_values.numpy(), minlength=self._size),
            out=self._counts.words,
        )
        if self._pieces is not None:
            self._words_of_pieces += self._pieces.count_words(ids.flat_values.numpy(), ids.value_rowids().numpy())
        self._examples, self._bytes = [], 0


def count_texts(
    pipeline: beam.Pipeline, files: Mapping[str, Sequence[str]], count: CountText, outputs: Mapping[str, str]
) -> None:
    """Adds the counting of each split to a pipeline.

    Args:
        pipeline: The Beam pipeline; the caller runs it.
        files: TFRecord files of each split, compressed or not.
        count: The DoFn that counts.
        outputs: The file to write for each split, as `TextCounts.as_json`.
    """
    for split, paths in files.items():
        _ = (
            pipeline
            | f"Read[{split}]" >> read_blocks(paths, by_name=False)
            | f"Count[{split}]" >> beam.ParDo(count)
            | f"Merge[{split}]" >> beam.CombineGlobally(MergeAdditive(TextCounts))
            | f"ToJson[{split}]" >> beam.Map(TextCounts.as_json)
            | f"Write[{split}]" >> beam.io.WriteToText(outputs[split], num_shards=1, shard_name_template="")
        )
