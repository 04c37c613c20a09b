"""Continuation of a text word by word: the model keeps its states, so that nothing is read twice."""

from __future__ import annotations

import functools

import numpy as np
import tensorflow as tf

from ..transform.tokenizer import MARK
from ..transform.vocabulary import START_ID
from .exported_model import ExportedModel
from .signatures import STEP, TOKENIZE

# Tokens of one call, which bounds its memory.
TOKENS_AT_ONCE = 1024


class Continuation:
    """The model after a text. A further word costs the same, however long the text is.

    Args:
        model: From `exported_model.load_model`, with the signatures `tokenize` and `step`.
        text: The beginning, read whatever the model's `max_length`; it may be empty.
        last: Reads only so many last tokens of it; None: all.

    Attributes:
        log_probabilities: float32 [vocabulary], nats, of each id to come next.
        states: float32 [1, layers, 2, units], those of the signature `step`.
        words: The vocabulary, in the order of the ids.

    Raises:
        ValueError: If the model lacks the signatures.
    """

    def __init__(self, model: ExportedModel, text: bytes, last: int | None = None):
        self._model = model
        (ids,) = model.call(TOKENIZE, text=tf.constant([text]))["ids"]
        self.words = model.words
        self.states = np.zeros([1, *model.inputs(STEP)["states"].shape[1:]], np.float32)
        self.log_probabilities: np.ndarray
        ids = np.concatenate([[START_ID], ids if last is None else ids[-last:]])
        for begin in range(0, len(ids), TOKENS_AT_ONCE):
            self._read(ids[begin : begin + TOKENS_AT_ONCE])

    def append(self, token: int) -> bytes:
        """Adds a token to the text.

        Args:
            token: Its id.

        Returns:
            The word.
        """
        self._read(np.array([token]))
        return self.words[token]

    @property
    def path(self) -> str:
        """The model's folder."""
        return self._model.path

    @functools.cached_property
    def after_space(self) -> np.ndarray:
        """Bool [vocabulary], the pieces that follow white space."""
        return np.array([word.startswith(MARK.encode()) for word in self.words])

    def after(self, tokens: np.ndarray, states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Reads tokens of several texts. This one stays as it is.

        Args:
            tokens: int `[texts, time]`, their next tokens.
            states: float32 `[texts, layers, 2, units]`, the states of each text.

        Returns:
            Log-probabilities (nats) of the ids to come next, float32 `[texts, vocabulary]`, and the states then.
        """
        outputs = self._model.call(STEP, ids=tf.constant(tokens, tf.int64), states=tf.constant(states))
        return outputs["log_probabilities"], outputs["states"]

    def _read(self, ids: np.ndarray) -> None:
        (self.log_probabilities,), self.states = self.after(ids[np.newaxis], self.states)
