"""Models that the Evaluator loads to check them, at hand for its Beam pipeline if that runs in the same process."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import tensorflow as tf

_at_hand: dict[str, Any] = {}


@contextlib.contextmanager
def at_hand(models: Mapping[str, Any]) -> Iterator[None]:
    """Has `load` return models of this process while the block runs.

    Args:
        models: The objects from `tf.saved_model.load`, by the SavedModel's folder.
    """
    _at_hand.update(models)
    try:
        yield
    finally:
        for path, model in models.items():
            # Another run of this process may have loaded it again.
            if _at_hand.get(path) is model:
                del _at_hand[path]


def load(path: str) -> Any:
    """Returns the model of a SavedModel's folder: the one at hand, or it is loaded.

    Args:
        path: The folder.
    """
    model = _at_hand.get(path)
    return tf.saved_model.load(path) if model is None else model
