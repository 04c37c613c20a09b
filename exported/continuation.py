"""Continuation of a text word by word: the model keeps its states, so that nothing is read twice."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from ..transform.tokenizer import MARK
from ..transform.vocabulary import RESERVED, START_ID
from .exported_model import ExportedModel
from .signatures import STEP, TOKENIZE

# Tokens of one call, which bounds its memory.
TOKENS_AT_ONCE = 1024


class Continuation:
    r"""The model after a text. A further word costs the same, however long the text is.

    Args:
        model: From `exported_model.load_model`, with the signatures `tokenize` and `step`.
        text: The beginning, read whatever the model's `max_length`; it may be empty.
        last: Reads only so many last tokens of it; None: all.
        context: The lines before it in its document, with `\n` between two, for a model that reads them.

    Attributes:
        log_probabilities: float32 [vocabulary], nats, of each id to come next.
        states: float32 [1, layers, 2, units], those of the signature `step`.
        words: The vocabulary, in the order of the ids.

    Raises:
        ValueError: If the model lacks the signatures.
    """

    def __init__(self, model: ExportedModel, text: bytes, last: int | None = None, context: bytes = b""):
        self._model = model
        (ids,) = _ids(model, [text])
        self.words = model.words
        self.states = np.zeros([1, *model.inputs(STEP)["states"].shape[1:]], np.float32)
        self.log_probabilities: np.ndarray
        ids = np.concatenate([_context_ids(model, context), [START_ID], ids if last is None else ids[-last:]])
        for begin in range(0, len(ids), TOKENS_AT_ONCE):
            self._read(ids[begin : begin + TOKENS_AT_ONCE])

    def likeliest(self, most: int) -> list[tuple[bytes, float]]:
        """Lists the likeliest next tokens and their log-probabilities (nats), as the signature `next_word` does.

        Args:
            most: Number of tokens; there may be fewer.
        """
        values = self.log_probabilities[len(RESERVED) :]
        order = np.argsort(-values, kind="stable")[:most]
        pairs = [(self.words[token + len(RESERVED)], float(values[token])) for token in order.tolist()]
        return [(word, value) for word, value in pairs if np.isfinite(value)]

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


def _context_ids(model: ExportedModel, context: bytes) -> np.ndarray:
    """Returns what the model reads before a line, as `transform.context.Context` does."""
    lines = [line for line in context.split(b"\n") if line.decode("utf-8", "replace").strip()]
    if not lines or not model.context_tokens:
        return np.zeros([0], np.int64)
    read = [np.concatenate([[START_ID], ids]) for ids in _ids(model, lines)]
    return np.concatenate(read)[-model.context_tokens :]


def _ids(model: ExportedModel, lines: Sequence[bytes]) -> list[np.ndarray]:
    outputs = model.call(TOKENIZE, text=tf.constant(lines, tf.string))
    return [ids[mask > 0] for ids, mask in zip(outputs["ids"], outputs["mask"], strict=True)]
