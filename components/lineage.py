"""Scores as custom properties of artifacts, so that ML Metadata answers which run had the best ones."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from tfx import types

# The scores over all sentences; `blessed`, 0 or 1, is recorded with them.
PERPLEXITY = "perplexity"
BITS_PER_BYTE = "bits_per_byte"
TOKENS = "tokens"
BLESSED = "blessed"


def record_scores(artifact: types.Artifact, scores: Mapping[str, float] | None, blessed: bool) -> None:
    """Records scores and verdict on an artifact.

    Args:
        artifact: The artifact.
        scores: The scores over all sentences by name; None if no sentence was scored.
        blessed: Whether the model may be pushed.
    """
    artifact.set_int_custom_property(BLESSED, int(blessed))
    if scores is None:
        return
    artifact.set_int_custom_property(TOKENS, int(scores[TOKENS]))
    for name in (PERPLEXITY, BITS_PER_BYTE):
        # Databases have no NaN; a missing score is no property.
        if math.isfinite(scores[name]):
            artifact.set_float_custom_property(name, float(scores[name]))


def copy_scores(artifact: types.Artifact, sources: Sequence[types.Artifact]) -> None:
    """Copies the scores of other artifacts to an artifact.

    Args:
        artifact: The artifact that gets them.
        sources: Artifacts that may have scores, such as the blessings of an Evaluator.
    """
    for source in sources:
        for name in (PERPLEXITY, BITS_PER_BYTE):
            if source.has_custom_property(name):
                artifact.set_float_custom_property(name, source.get_float_custom_property(name))
        if source.has_custom_property(TOKENS):
            artifact.set_int_custom_property(TOKENS, source.get_int_custom_property(TOKENS))
