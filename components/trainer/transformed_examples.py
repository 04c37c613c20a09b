"""Transformed examples on disk: their files, and what a training reads of them.

A transformed example holds the feature `ids`: the targets of a sentence, any number of int64 values; with contexts also
`context_ids`, what is read before it. To train with contexts, sentences are joined to stretches (`stretches`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import tensorflow as tf

from ...transform.preprocessing import CONTEXT_IDS
from ..finished_files import finished_files
from .stretches import Stretches

# Sentences that are parsed at once. A stretch lies within a block.
BLOCK = 1024

_SPEC = {"ids": tf.io.RaggedFeature(tf.int64)}
_SPEC_WITH_CONTEXT = {**_SPEC, CONTEXT_IDS: tf.io.RaggedFeature(tf.int64)}


def list_files(patterns: Sequence[str], split: str) -> list[str]:
    """Returns the files that match, sorted.

    Args:
        patterns: File patterns, as TFX hands them over.
        split: Their name in the error.

    Raises:
        ValueError: if no file matches.
    """
    files = sorted({name for pattern in patterns for name in finished_files(pattern)})
    if not files:
        raise ValueError(f"{split}: no files match {', '.join(patterns)}; does the corpus have this split?")
    return files


def records_of(files: Sequence[str], seed: tf.Tensor | None = None, block: int = 1) -> tf.data.Dataset:
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


def blocks_of(
    files: Sequence[str], spec: Mapping[str, tf.io.RaggedFeature], seed: tf.Tensor | None = None
) -> tf.data.Dataset:
    """Parsed examples, a block of one file at a time: every pass over the files has the same ones."""
    return records_of(files, seed, BLOCK).map(
        lambda records: parse(records, spec), num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
    )


def spec_of(files: Sequence[str]) -> dict[str, tf.io.RaggedFeature]:
    """Returns the features of the examples; all have those of the first."""
    for record in records_of(files).take(1).as_numpy_iterator():
        if CONTEXT_IDS in tf.train.Example.FromString(record).features.feature:
            return _SPEC_WITH_CONTEXT
    return _SPEC


def parse(records: tf.Tensor, spec: Mapping[str, tf.io.RaggedFeature]) -> dict[str, tf.RaggedTensor]:
    """Returns the features of serialized examples, each [batch, None]."""
    parsed: dict[str, tf.RaggedTensor] = tf.io.parse_example(records, spec)
    return parsed


def lengths_of(parsed: Mapping[str, tf.RaggedTensor]) -> tf.Tensor:
    """Returns how many positions each sentence takes, int64 [batch]."""
    return tf.cast(tf.add_n([ids.row_lengths() for ids in parsed.values()]), tf.int64)


def joined(parsed: Mapping[str, tf.RaggedTensor], stretches: Stretches | None) -> Mapping[str, tf.RaggedTensor]:
    """Returns the rows of some sentences."""
    if stretches is None or CONTEXT_IDS not in parsed:
        return parsed
    ids, context = stretches.join(parsed["ids"], parsed[CONTEXT_IDS])
    return {"ids": ids, CONTEXT_IDS: context}
