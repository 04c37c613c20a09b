"""Makes each epoch of one long `fit` a round, so that nothing is built anew between rounds."""

import keras
from turns import Turns


class TakeTurns(keras.callbacks.Callback):
    """Waits before each epoch and answers after it.

    Args:
        turns: The worker's side of the benchmark.
        tokens: Real tokens of an epoch. Where the model counts them too, it must find as many.
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
