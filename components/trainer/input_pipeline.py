"""Input pipeline of the trainer: from the transformed examples on disk to padded batches.

A transformed example holds the feature `ids`: the targets of a sentence, any number of int64 values; with contexts also
`context_ids`, what is read before it. A row of a batch is a sentence; to train with contexts, a stretch of them
(`stretches`). Batches are filled to a number of *positions*, not of rows, with rows of like length (`buckets`), and
padded by `transform.padding`, so that little of a batch is padding and each batch costs about the same.

The order of the sentences is a function of the seed and the number of the epoch: a training that is resumed
at epoch 3 sees in it what one that ran through would have seen.

No function here has Python control flow over tensors; AutoGraph, which would take a second to look for some, is off.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from ...exported.text_statistics import TextStatistics
from ...transform.padding import PaddedBatch, pad_batch
from ...transform.preprocessing import CONTEXT_IDS
from ...transform.vocabulary import UNKNOWN_ID
from .buckets import Buckets
from .stretches import Stretches

# Sentences among which the next one is drawn; a corpus up to this size is shuffled perfectly.
SHUFFLED_SENTENCES = 200_000
# The same for stretches, which are longer, and the bytes of their ids at most.
SHUFFLED_STRETCHES = 25_000
SHUFFLED_BYTES = 2**27
# Sentences that are parsed at once. A stretch lies within a block.
BLOCK = 1024
# Batches among which the next one is drawn, so that the buckets' last, incomplete ones do not all come at
# the end.
SHUFFLED_BATCHES = 64

_SPEC = {"ids": tf.io.RaggedFeature(tf.int64)}
_SPEC_WITH_CONTEXT = {**_SPEC, CONTEXT_IDS: tf.io.RaggedFeature(tf.int64)}


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
        return TextStatistics.count(lengths, int(self.targets[UNKNOWN_ID]), self.tokens - self.sentences)


def list_files(patterns: Sequence[str], split: str) -> list[str]:
    """Returns the files that match, sorted.

    Args:
        patterns: File patterns, as TFX hands them over.
        split: Their name in the error.

    Raises:
        ValueError: if no file matches.
    """
    files = sorted({name for pattern in patterns for name in tf.io.gfile.glob(pattern)})
    if not files:
        raise ValueError(f"{split}: no files match {', '.join(patterns)}; does the corpus have this split?")
    return files


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
    spec = _spec(files)
    for parsed in _blocks(files, spec).prefetch(2):
        ids = parsed["ids"]
        found = np.bincount(ids.values.numpy(), minlength=vocabulary_size)
        if len(found) > vocabulary_size:
            raise ValueError(
                f"{split}: id {len(found) - 1} is outside the vocabulary of {vocabulary_size}; "
                "the examples and the transform graph must come from the same Transform"
            )
        targets += found
        lengths = _added(lengths, np.bincount(_lengths(_joined(parsed, stretches)).numpy()))
        line_lengths = _added(line_lengths, np.bincount(ids.row_lengths().numpy()))
        if CONTEXT_IDS in parsed:
            longest_context = max(longest_context, int(tf.reduce_max(parsed[CONTEXT_IDS].row_lengths())))
    counts = CorpusCounts(lengths, targets, line_lengths, longest_context)
    if counts.sentences == 0:
        raise ValueError(f"{split}: the files hold no sentences; the {split} split must have at least one")
    return counts


@tf.autograph.experimental.do_not_convert
def training_batches(
    files: Sequence[str],
    buckets: Buckets,
    seed: int,
    first_epoch: int,
    first_batch: int,
    epochs: int,
    stretches: Stretches | None = None,
) -> tf.data.Dataset:
    """The batches of the epochs first_epoch … epochs - 1, one epoch after the other.

    Each epoch has exactly `buckets.batches` batches and every sentence once.

    Args:
        files: TFRecord files of transformed examples.
        buckets: Chosen from the lengths of these very files.
        seed: Seed of the order.
        first_epoch: Number of the first epoch, counted from 0.
        first_batch: How many of its batches to leave out, because a killed training had finished them.
        epochs: Number after the last epoch.
        stretches: As for `count_corpus`.

    Returns:
        A dataset of `PaddedBatch`, each tensor [batch, time].
    """
    spec = _spec(files)

    def one_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        order = tf.random.experimental.stateless_fold_in([0, seed], epoch)
        seeds = tf.random.stateless_uniform([3], order, maxval=tf.int64.max, dtype=tf.int64)
        if stretches is None:
            records = _records(files, seeds[0]).shuffle(SHUFFLED_SENTENCES, seeds[1], reshuffle_each_iteration=False)
            batches = _bucketed(records, buckets, spec)
        else:
            blocks = _blocks(files, spec, seeds[0]).map(
                lambda parsed: _joined(parsed, stretches), num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
            )
            held = min(SHUFFLED_STRETCHES, 1 + SHUFFLED_BYTES // (8 * (stretches.context_tokens + stretches.targets)))
            rows = blocks.unbatch().shuffle(held, seeds[1], reshuffle_each_iteration=False)
            batches = _bucketed_rows(rows, buckets)
        return batches.shuffle(SHUFFLED_BATCHES, seeds[2], reshuffle_each_iteration=False)

    batches = tf.data.Dataset.range(first_epoch, epochs).flat_map(one_epoch).skip(first_batch)
    padded = batches.map(
        _pad if stretches else lambda records: _pad(_parse(records, spec)),
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True,
    )
    return padded.prefetch(tf.data.AUTOTUNE)


@tf.autograph.experimental.do_not_convert
def evaluation_batches(files: Sequence[str], buckets: Buckets) -> tf.data.Dataset:
    """Every sentence once, in an order that is always the same.

    Args:
        files: TFRecord files of transformed examples.
        buckets: Chosen from the lengths of these very files.

    Returns:
        A dataset of `PaddedBatch`, each tensor [batch, time].
    """
    spec = _spec(files)
    batches = _bucketed(_records(files), buckets, spec).map(
        lambda records: _pad(_parse(records, spec)), num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
    )
    # Where Keras doesn't know how many there are, it warns at the last one that the input ran out.
    return batches.apply(tf.data.experimental.assert_cardinality(buckets.batches)).prefetch(tf.data.AUTOTUNE)


def _records(files: Sequence[str], seed: tf.Tensor | None = None, block: int = 1) -> tf.data.Dataset:
    """Serialized examples, with blocks of more than one lists of them, each of one file in its order.

    The order of the files is drawn from the seed, if there is one.
    """
    names = tf.data.Dataset.from_tensor_slices(list(files))
    if seed is not None:
        names = names.shuffle(len(files), seed, reshuffle_each_iteration=False)

    def of_file(name: tf.Tensor) -> tf.data.Dataset:
        compression = tf.where(tf.strings.regex_full_match(name, r".*\.gz"), "GZIP", "")
        records = tf.data.TFRecordDataset(name, compression_type=compression)
        return records if block == 1 else records.batch(block)

    return names.interleave(
        of_file, cycle_length=min(4, len(files)), num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
    )


def _blocks(
    files: Sequence[str], spec: Mapping[str, tf.io.RaggedFeature], seed: tf.Tensor | None = None
) -> tf.data.Dataset:
    """Parsed examples, a block of one file at a time: every pass over the files has the same ones."""
    return _records(files, seed, BLOCK).map(
        lambda records: _parse(records, spec), num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
    )


def _spec(files: Sequence[str]) -> dict[str, tf.io.RaggedFeature]:
    """Returns the features of the examples; all have those of the first."""
    for record in _records(files).take(1).as_numpy_iterator():
        if CONTEXT_IDS in tf.train.Example.FromString(record).features.feature:
            return _SPEC_WITH_CONTEXT
    return _SPEC


def _parse(records: tf.Tensor, spec: Mapping[str, tf.io.RaggedFeature]) -> dict[str, tf.RaggedTensor]:
    parsed: dict[str, tf.RaggedTensor] = tf.io.parse_example(records, spec)
    return parsed


def _lengths(parsed: Mapping[str, tf.RaggedTensor]) -> tf.Tensor:
    """Returns how many positions each sentence takes, int64 [batch]."""
    return tf.cast(tf.add_n([ids.row_lengths() for ids in parsed.values()]), tf.int64)


def _bucketed(records: tf.data.Dataset, buckets: Buckets, spec: Mapping[str, tf.io.RaggedFeature]) -> tf.data.Dataset:
    """Batches of serialized examples, [batch] string, each of one bucket."""
    boundaries = tf.constant(buckets.boundaries, tf.int64)
    sizes = tf.constant(buckets.batch_sizes, tf.int64)

    def with_bucket(serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        lengths = _lengths(_parse(serialized, spec))
        return serialized, tf.searchsorted(boundaries, lengths, out_type=tf.int64)

    # Parsed a thousand at a time to learn the lengths, and again as batches of a bucket: five times faster
    # than grouping parsed sentences, whose tensors go one by one through every stage.
    keyed = records.batch(1024).map(with_bucket, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return keyed.unbatch().group_by_window(
        key_func=lambda _, bucket: bucket,
        reduce_func=lambda bucket, window: window.map(lambda record, _: record).batch(tf.gather(sizes, bucket)),
        window_size_func=lambda bucket: tf.gather(sizes, bucket),
    )


def _bucketed_rows(rows: tf.data.Dataset, buckets: Buckets) -> tf.data.Dataset:
    """Batches of parsed rows, each of one bucket."""
    boundaries = tf.constant(buckets.boundaries, tf.int64)
    sizes = tf.constant(buckets.batch_sizes, tf.int64)

    def bucket_of(row: Mapping[str, tf.Tensor]) -> tf.Tensor:
        length = tf.add_n([tf.size(ids, tf.int64) for ids in row.values()])
        return tf.searchsorted(boundaries, length[None], out_type=tf.int64)[0]

    return rows.group_by_window(
        key_func=bucket_of,
        reduce_func=lambda bucket, window: window.ragged_batch(tf.gather(sizes, bucket)),
        window_size_func=lambda bucket: tf.gather(sizes, bucket),
    )


def _joined(parsed: Mapping[str, tf.RaggedTensor], stretches: Stretches | None) -> Mapping[str, tf.RaggedTensor]:
    """Returns the rows of some sentences."""
    if stretches is None or CONTEXT_IDS not in parsed:
        return parsed
    ids, context = stretches.join(parsed["ids"], parsed[CONTEXT_IDS])
    return {"ids": ids, CONTEXT_IDS: context}


def _pad(rows: Mapping[str, tf.RaggedTensor]) -> PaddedBatch:
    return pad_batch(rows["ids"], context=rows.get(CONTEXT_IDS))


def _added(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    longest = max(len(left), len(right))
    return np.pad(left, (0, longest - len(left))) + np.pad(right, (0, longest - len(right)))
