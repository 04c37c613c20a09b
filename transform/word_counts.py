"""Vocabulary of a corpus: Beam counts the words of whole batches, and keeps the most frequent ones.

The file is that of `tft.vocabulary`, byte for byte. That one makes a Beam element of every word, which took nine tenths
of Transform's time.
"""

from __future__ import annotations

import heapq
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from apache_beam.transforms import window

from .options import VocabularyOptions
from .vocabulary import RESERVED, UNKNOWN_ID, VOCABULARY_NAME, new_vocabulary_path, read_vocabulary

# One worker holds a bucket at a time, so that only one with a vocabulary of all words has to hold all of them.
_BUCKETS = 256
# Blocks of most frequent words that one worker holds until it drops words.
_BLOCKS_HELD = 32
# Different words that a worker counts before it hands them on.
WORDS_HELD = 2**18
_SEPARATOR = b"\n"

WORDS_LEARNED_FROM = 2**20
"""Most words that pieces are learned from, the most frequent ones: what one machine learns from in a minute."""

# What `tft.vocabulary` takes for a word where there is none, if a size is given.
_NO_WORD = b"49d0cd50-04bb-48c0-bc6f-5b575dce351a"

# Words with a line break between two, and their counts, little-endian int64.
Counts = tuple[bytes, bytes]


def vocabulary_of_corpus(words: tf.Tensor, options: VocabularyOptions) -> tf.Tensor:
    """Counts the words of a corpus within a `preprocessing_fn`.

    Of words with the same count, the one that is greater as bytes comes first, as in `tft.vocabulary`.

    Args:
        words: string `[words]`, without line breaks. The reserved tokens among them are not counted.
        options: How many words, and how often a word must occur. `file` is ignored.

    Returns:
        string scalar: the path of a text file with the reserved tokens and then the words, the most frequent first.
    """
    min_count = options.min_count or 1
    if options.kind == "subwords":
        return _vocabulary(words, _WriteMostFrequent(WORDS_LEARNED_FROM, min_count, pieces=options.size))
    return _vocabulary(words, _WriteMostFrequent(options.size, min_count))


def grown_vocabulary(words: tf.Tensor, file: str, grow: int, min_count: int) -> tf.Tensor:
    """Counts the words of a corpus within a `preprocessing_fn`, and puts the most frequent new ones behind a file's.

    With the file `<pad> <unk> <s> </s> a b`, the text `c c a d d d e` and `grow` 2, the words are
    `<pad> <unk> <s> </s> a b d c`.

    Args:
        words: As in `vocabulary_of_corpus`.
        file: The vocabulary file, whose words keep their ids.
        grow: How many new words at most, at least 1.
        min_count: How often a new word must occur.

    Returns:
        As in `vocabulary_of_corpus`.
    """
    return _vocabulary(words, _WriteMostFrequent(grow, min_count, file=file))


def _vocabulary(words: tf.Tensor, write: _WriteMostFrequent) -> tf.Tensor:
    (path,) = tft.experimental.ptransform_analyzer(
        inputs=[words],
        ptransform=tft.experimental.CacheablePTransformAnalyzer(
            make_accumulators_ptransform=_Count(),
            merge_accumulators_ptransform=_Merge(),
            extract_output_ptransform=write,
            cache_coder=CacheCoder(),
        ),
        output_dtypes=[tf.string],
        output_shapes=[[]],
        output_asset_default_values=[_SEPARATOR.join(token.encode() for token in RESERVED)],
        name=VOCABULARY_NAME,
    )
    tft.annotate_asset(VOCABULARY_NAME, VOCABULARY_NAME)
    return path


@beam.typehints.with_input_types(tuple[np.ndarray, ...])
@beam.typehints.with_output_types(tuple[int, Counts])
class CountWords(beam.DoFn):
    """Counts the words of batches (tuples with one array each); gives the counts by bucket."""

    def start_bundle(self) -> None:
        """Begins with no words."""
        self._counts: Counter[bytes] = Counter()

    def process(self, batch: tuple[np.ndarray, ...]) -> Iterator[tuple[int, Counts]]:
        """Counts one batch."""
        (words,) = batch
        self._counts.update(words.tolist())
        if len(self._counts) >= WORDS_HELD:
            yield from self._take()

    def finish_bundle(self) -> Iterator[Any]:
        """Gives the rest."""
        for block in self._take():
            yield window.GlobalWindows.windowed_value_at_end_of_window(block)

    def _take(self) -> Iterator[tuple[int, Counts]]:
        del self._counts[RESERVED[UNKNOWN_ID].encode()]
        buckets: dict[int, list[bytes]] = {}
        for word in self._counts:
            buckets.setdefault(zlib.crc32(word) % _BUCKETS, []).append(word)
        for bucket, words in buckets.items():
            yield bucket, pack(words, [self._counts[word] for word in words])
        self._counts = Counter()


class _Cacheable(beam.PTransform):
    """A transform whose results TensorFlow Transform finds in its cache: its name is part of the key."""

    def __repr__(self) -> str:
        # Beam's has the address of the object, which is another one in each run.
        return f"<{type(self).__name__}, version 1>"


class _Count(_Cacheable):
    """Counts the words of batches, by bucket."""

    def expand(self, batches: beam.PCollection) -> beam.PCollection:
        return batches | "Count" >> beam.ParDo(CountWords())


class _Merge(_Cacheable):
    """Adds the counts of a bucket."""

    def expand(self, blocks: beam.PCollection) -> beam.PCollection:
        return blocks | "Group" >> beam.GroupByKey() | "Add" >> beam.MapTuple(add)


def add(bucket: int, blocks: Iterable[Counts]) -> tuple[int, Counts]:
    """Adds the counts of a bucket."""
    total: Counter[bytes] = Counter()
    for block in blocks:
        # `update` with a mapping would go through a slower loop.
        for word, count in zip(*unpack(block), strict=True):
            total[word] += count
    return bucket, pack(list(total), list(total.values()))


class _WriteMostFrequent(tft_beam.experimental.PTransformAnalyzer):
    """Writes the vocabulary, or pieces learned from it, and gives its path.

    Args:
        size: How many words of the corpus at most; None: all.
        min_count: How often one must occur.
        pieces: How many pieces are learned from these words and written instead; None: the words themselves.
        file: A vocabulary whose words come first; None: the reserved tokens.
    """

    def __init__(self, size: int | None, min_count: int, pieces: int | None = None, file: str | None = None) -> None:
        super().__init__()
        self._size = size
        self._min_count = min_count
        self._pieces = pieces
        self._file = file

    def expand(self, blocks: beam.PCollection) -> beam.PCollection:
        if self._file is not None:
            blocks |= "New" >> beam.ParDo(_NewWords(self._file))
        return (
            blocks
            | "OfBucket" >> beam.MapTuple(lambda _, block: most_frequent([block], self._size, self._min_count))
            | "Together" >> beam.CombineGlobally(_MostFrequent(self._size, self._min_count))
            | "Write" >> beam.Map(_write, self.base_temp_dir, self._size, self._pieces, self._file)
        )


class _NewWords(beam.DoFn):
    """Leaves out the words of a vocabulary file."""

    def __init__(self, file: str) -> None:
        self._file = file

    def setup(self) -> None:
        self._known = frozenset(read_vocabulary(self._file))

    def process(self, of_bucket: tuple[int, Counts]) -> Iterator[tuple[int, Counts]]:
        bucket, block = of_bucket
        new = [(word, count) for word, count in zip(*unpack(block), strict=True) if word not in self._known]
        yield bucket, pack([word for word, _ in new], [count for _, count in new])


def most_frequent(blocks: Iterable[Counts], size: int | None, min_count: int) -> Counts:
    """Returns the words that occur at least `min_count` times, of these the first `size`; the most frequent first."""
    counted = (
        (count, word) for block in blocks for word, count in zip(*unpack(block), strict=True) if count >= min_count
    )
    kept = sorted(counted, reverse=True) if size is None else heapq.nlargest(size, counted)
    return pack([word for _, word in kept], [count for count, _ in kept])


class _MostFrequent(beam.CombineFn):
    """Merges counts of different words, and keeps only the most frequent words of a few blocks."""

    def __init__(self, size: int | None, min_count: int) -> None:
        self._size = size
        self._min_count = min_count

    def create_accumulator(self) -> list[Counts]:
        return []

    def add_input(self, accumulator: list[Counts], block: Counts) -> list[Counts]:
        accumulator.append(block)
        # Not after each: that would sort the words that are kept again and again.
        return accumulator if len(accumulator) < _BLOCKS_HELD else self.compact(accumulator)

    def merge_accumulators(self, accumulators: Iterable[list[Counts]]) -> list[Counts]:
        merged = self.create_accumulator()
        for accumulator in accumulators:
            for block in accumulator:
                merged = self.add_input(merged, block)
        return merged

    def compact(self, accumulator: list[Counts]) -> list[Counts]:
        return [most_frequent(accumulator, self._size, self._min_count)]

    def extract_output(self, accumulator: list[Counts]) -> Counts:
        return most_frequent(accumulator, self._size, self._min_count)


def _write(block: Counts, folder: str, size: int | None, pieces: int | None, first_words: str | None) -> np.ndarray:
    words, counts = unpack(block)
    first = [token.encode() for token in RESERVED] if first_words is None else read_vocabulary(first_words)
    if pieces is not None:
        # Here, so that only runs with subwords load the library.
        from .piece_learning import learn_pieces

        words = learn_pieces(words, counts, pieces)
    elif not words and size is not None and first_words is None:
        words = [_NO_WORD]
    path = new_vocabulary_path(folder)
    with tf.io.gfile.GFile(path, "wb") as file:
        file.write(b"".join(word + _SEPARATOR for word in [*first, *words]))
    return np.array(path.encode())


def pack(words: list[bytes], counts: list[int]) -> Counts:
    """Returns words and their counts as few bytes, which Beam moves faster than many small ones."""
    return _SEPARATOR.join(words), np.array(counts, "<i8").tobytes()


def unpack(block: Counts) -> tuple[list[bytes], list[int]]:
    """Returns what `pack` got."""
    words, counts = block
    # No word is empty, so that nothing between two separators is no word at all.
    return words.split(_SEPARATOR) if words else [], np.frombuffer(counts, "<i8").tolist()


class CacheCoder(tft.experimental.PTransformAnalyzerCacheCoder):
    """Writes the counts of a bucket to Transform's cache: bucket, number of words, counts, words."""

    def encode_cache(self, cache: tuple[int, Counts]) -> bytes:
        """Returns a bucket as a record of the cache."""
        bucket, (words, counts) = cache
        return np.array([bucket, len(counts)], "<i8").tobytes() + counts + words

    def decode_cache(self, encoded_cache: bytes) -> tuple[int, Counts]:
        """Returns what `encode_cache` got."""
        bucket, size = np.frombuffer(encoded_cache[:16], "<i8").tolist()
        return bucket, (encoded_cache[16 + size :], encoded_cache[16 : 16 + size])
