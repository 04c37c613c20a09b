"""Continuation of a text word by word: the model keeps its states, so that nothing is read twice."""

from __future__ import annotations

import functools

import numpy as np
import tensorflow as tf

from ..transform.tokenizer import MARK
from ..transform.vocabulary import START_ID, VOCABULARY_NAME, read_vocabulary
from .exported_model import ExportedModel
from .signatures import STEP, TOKENIZE

# Tokens of one call, which bounds its memory.
TOKENS_AT_ONCE = 1024


class Continuation:
    """The model after a text. A further word costs the same, however long the text is.

    Args:
        model: From `exported_model.load_model`, with the signatures `tokenize` and `step`.
        text: The beginning, read as a whole, whatever the model's `max_length`; it may be empty.

    Attributes:
        log_probabilities: float32 [vocabulary], nats, of each id to come next.

    Raises:
        ValueError: If the model lacks the signatures.
    """

    def __init__(self, model: ExportedModel, text: bytes):
        self._model = model
        (ids,) = model.call(TOKENIZE, text=tf.constant([text]))["ids"]
        self._words = read_vocabulary(f"{model.path}/assets/{VOCABULARY_NAME}")
        self._states = tf.zeros([1, *model.inputs(STEP)["states"].shape[1:]])
        self.log_probabilities: np.ndarray
        ids = np.concatenate([[START_ID], ids])
        for begin in range(0, len(ids), TOKENS_AT_ONCE):
            self._read(ids[begin : begin + TOKENS_AT_ONCE])

    def append(self, token: int) -> bytes:
        """Adds a token to the text.

        Args:
            token: Its id.

        Returns:
            The word.
        """
        self._read([token])
        return self._words[token]

    def word(self, token: int) -> bytes:
        """Returns the word of a token, and reads nothing."""
        return self._words[token]

    @property
    def path(self) -> str:
        """The model's folder."""
        return self._model.path

    @functools.cached_property
    def after_space(self) -> np.ndarray:
        """Bool [vocabulary], the pieces that follow white space."""
        return np.array([word.startswith(MARK.encode()) for word in self._words])

    def _read(self, ids: np.ndarray | list[int]) -> None:
        outputs = self._model.call(STEP, ids=tf.constant([ids], tf.int64), states=self._states)
        (self.log_probabilities,) = outputs["log_probabilities"]
        self._states = tf.constant(outputs["states"])
