"""Unigram model of the same data, for comparison with the LSTM: each word as often as in the train split."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from ...components.examples import read_records
from ...components.finished_files import finished_files
from ...components.text_transform.vocabulary_file import learned_words
from ...transform import preprocessing
from ...transform.vocabulary import RESERVED


def unigram_perplexity(transformed_examples: str, transform_graph: str) -> float:
    """Scores the eval split by the train split's word frequencies.

    Args:
        transformed_examples: URI of the Transform component's examples, with the splits `train` and `eval`.
        transform_graph: URI of its transform graph, for the size of the vocabulary.

    Returns:
        `exp(−mean ln p)` over the eval split's target tokens (including `</s>` and `<unk>`, like the LSTM's), with
        `p(word) = (count in train + 1) / (tokens in train + size of the vocabulary)`.

        For train targets `[4, 4, 3]`, eval targets `[4, 3]` and 5 ids: `p(4) = 3/8`, `p(3) = 2/8`, perplexity
        `(3/8 · 2/8)^(−1/2) = 3.27`.
    """
    size = learned_words(transform_graph) + len(RESERVED)
    train, evaluation = (count_ids(f"{transformed_examples}/Split-{split}", size) for split in ("train", "eval"))
    return perplexity_of_counts(train, evaluation)


def perplexity_of_counts(train: np.ndarray, evaluation: np.ndarray) -> float:
    """Computes it from counts by id, `[vocabulary]` each: train `[0, 0, 0, 1, 2]`, eval `[0, 0, 0, 1, 1]` give 3.27."""
    log_probability = np.log((train + 1.0) / (train.sum() + train.size))
    return float(np.exp(-(evaluation * log_probability).sum() / evaluation.sum()))


def count_ids(split: str, size: int) -> np.ndarray:
    """Counts how often each id occurs in the transformed examples in the folder of a split: float64 `[size]`."""
    counts = np.zeros(size)
    spec = {preprocessing.IDS: tf.io.VarLenFeature(tf.int64)}
    for batch in read_records(finished_files(f"{split}/*")).batch(1024):
        ids = tf.io.parse_example(batch, spec)[preprocessing.IDS].values
        counts += np.bincount(ids.numpy(), minlength=size)
    return counts
