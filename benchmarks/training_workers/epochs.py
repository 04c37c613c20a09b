"""Epochs of one long `fit` as rounds, so that nothing is built again between rounds."""

from __future__ import annotations

import math

import keras
from training_workers.turns import Turns


def ready(turns: Turns, model: keras.Model) -> None:
    """Reports to the coordinator that the model is built, with the bytes of parameters and optimizer state."""
    state = [*model.trainable_variables, *model.optimizer.variables]
    turns.ready(state_bytes=sum(variable.value.dtype.size * math.prod(variable.shape) for variable in state))


class TakeTurns(keras.callbacks.Callback):
    """Waits before each epoch and answers after it.

    Args:
        turns: The worker's side of the benchmark.
        tokens: Real tokens of an epoch. If the model counts them too, the numbers must agree.
    """

    def __init__(self, turns: Turns, tokens: int):
        super().__init__()
        self.turns = turns
        self.tokens = tokens

    def on_epoch_begin(self, epoch, logs=None):
        """Waits for the turn."""
        self.turns.begin()

    def on_epoch_end(self, epoch, logs):
        """Answers."""
        if logs.get("tokens", self.tokens) != self.tokens:
            raise ValueError(f"trained on {logs['tokens']} tokens: the sample has {self.tokens}")
        self.turns.end(work=self.tokens, loss=float(logs["loss"]))
