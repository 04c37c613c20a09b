"""Vocabulary file among the assets of a transform graph."""

from __future__ import annotations

from ...transform.vocabulary import RESERVED, VOCABULARY_NAME, read_vocabulary


def vocabulary_file(transform_graph: str) -> str:
    """Returns the path of the vocabulary.

    Args:
        transform_graph: The URI of a `TransformGraph`.
    """
    return f"{transform_graph}/transform_fn/assets/{VOCABULARY_NAME}"


def learned_words(transform_graph: str) -> int:
    """Returns the number of words of the vocabulary, without the reserved ones.

    Args:
        transform_graph: The URI of a `TransformGraph`.
    """
    return len(read_vocabulary(vocabulary_file(transform_graph))) - len(RESERVED)
