"""Pieces per word of the held-out text, for the summary of a run with `vocabulary.kind: subwords`."""

from __future__ import annotations

from pathlib import Path

from ...components.text_transform.vocabulary_file import vocabulary_file
from ...exported.words_of_pieces import pieces_per_word
from ...transform.pieces import holds_pieces
from ...transform.vocabulary import read_vocabulary
from .unigram import count_ids


def held_out_pieces_per_word(transformed_examples: str, transform_graph: str) -> float | None:
    """Returns the average number of pieces of a word; None if the vocabulary holds words.

    Args:
        transformed_examples: URI of the Transform component's examples, with the split `eval`.
        transform_graph: URI of its transform graph.
    """
    vocabulary = read_vocabulary(vocabulary_file(transform_graph))
    if not holds_pieces(vocabulary):
        return None
    return pieces_per_word(count_ids(Path(transformed_examples) / "Split-eval", len(vocabulary)), vocabulary)
