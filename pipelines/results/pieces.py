"""Pieces per word of the held-out text, for the summary of a run with `vocabulary.kind: subwords`."""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

from ...components.examples import read_records
from ...components.finished_files import finished_files
from ...components.text_transform.vocabulary_file import vocabulary_file
from ...exported.piece_table import PieceTable
from ...transform import preprocessing
from ...transform.pieces import holds_pieces
from ...transform.vocabulary import RESERVED, read_vocabulary


def held_out_pieces_per_word(transformed_examples: str, transform_graph: str) -> float | None:
    """Returns the average number of pieces of a word; None if the vocabulary holds words.

    Args:
        transformed_examples: URI of the Transform component's examples, with the split `eval`.
        transform_graph: URI of its transform graph.

    Raises:
        FileNotFoundError: The split has no files.
    """
    vocabulary = read_vocabulary(vocabulary_file(transform_graph))
    if not holds_pieces(vocabulary):
        return None
    files = finished_files(f"{transformed_examples}/Split-eval/*")
    if not files:
        raise FileNotFoundError(f"{transformed_examples}/Split-eval: has no files")
    return _pieces_per_word(files, vocabulary)


def _pieces_per_word(files: list[str], vocabulary: list[bytes]) -> float:
    """Returns the average over the words of some transformed examples, `</s>` left out; NaN without words."""
    table = PieceTable(vocabulary)
    pieces = words = 0
    spec = {preprocessing.IDS: tf.io.VarLenFeature(tf.int64)}
    for batch in read_records(files).batch(1024):
        ids = tf.io.parse_example(batch, spec)[preprocessing.IDS]
        pieces += int(np.count_nonzero(ids.values.numpy() >= len(RESERVED)))
        words += table.count_words(ids.values.numpy(), ids.indices.numpy()[:, 0])
    return pieces / words if words else math.nan
