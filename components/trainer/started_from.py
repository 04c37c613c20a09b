"""The model that a training started from, as `training.json` has it."""

from __future__ import annotations

from typing import NamedTuple

from .training_record import read_training_record


class StartedFrom(NamedTuple):
    """What a training started from, for readers.

    Attributes:
        model: The folder of the model; empty if it should have started from one, and there was none.
        new_words: Words of the vocabulary that the model did not have.
    """

    model: str
    new_words: int = 0

    def __str__(self) -> str:
        """Returns a sentence."""
        if not self.model:
            return "Started from new weights, since no model of other text is served."
        return f"Started from {self.model} ({self.new_words:,} new words)."


def read_started_from(model_run_uri: str) -> StartedFrom | None:
    """Returns what a training started from, from its `training.json`.

    Args:
        model_run_uri: Folder of the `model_run` artifact.

    Returns:
        None if it started from new weights, as it was told to, or if nothing recorded it.
    """
    recorded = (read_training_record(model_run_uri) or {}).get("started_from")
    return None if recorded is None else StartedFrom(recorded["model"], recorded["new_words"])
