"""A served model: one version, loaded, warmed up and ready to answer."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

import numpy as np
import tensorflow as tf

from ..exported.batches import batches_by_length
from ..exported.detokenize import tokenizer_kind
from ..exported.exported_model import ExportedModel, load_model
from ..exported.next_words import next_words_of_texts
from ..exported.signatures import NEXT_WORD, NEXT_WORDS, SCORE, STEP, TOKENIZE, signature_definitions
from ..exported.token_identity import read_token_identity, reads_pieces
from ..exported.versions import is_version
from ..exported.warmup import read_warmup_requests
from .request_error import RequestError

_log = logging.getLogger(__name__)

# Errors of operations that refuse the inputs of a client.
_CLIENT_ERRORS = (tf.errors.InvalidArgumentError, tf.errors.DataLossError, tf.errors.OutOfRangeError)
# Texts whose tokens are counted in one call: at most so many times the bytes of the longest.
_COUNTED_BYTES = 2**18


def _vocabulary_size(outputs: Mapping[str, Mapping[str, tf.TensorSpec]]) -> int | None:
    shape = outputs[STEP]["log_probabilities"].shape if STEP in outputs else tf.TensorShape(None)
    return shape[-1] if shape.rank else None


def _tokens(model: ExportedModel) -> dict[str, str]:
    """Returns the tokenizer of a model, and whether its tokens are words or pieces of them: "words" or "subwords"."""
    pieces = reads_pieces(model.path)
    try:
        tokenizer = str(read_token_identity(model.path)["tokenizer"])
    except (KeyError, TypeError, ValueError):  # A model of an earlier version, or of another exporter.
        words = model.call(SCORE, text=tf.constant([b"a,b"]))["words"][0]
        tokenizer = tokenizer_kind([word.decode("utf-8", "replace") for word in words.tolist()])
    return {"tokenizer": tokenizer, "kind": "subwords" if pieces else "words"}


class ServedModel:
    """A loaded version. It counts its users, so that it can be freed after the last one.

    Args:
        folder: The version's own folder.

    Attributes:
        version: The folder's name as a number; 1 if the name is not a number.
        load_seconds: Seconds that loading and warming up took.
        inputs: The inputs of each signature, by name.
        outputs: The outputs of each signature, by name.
        most_growth: How many times as long, in bytes, a text can become before it comes to the model.
        words: The number of words of the vocabulary, None if the signature `step` does not tell it.
        tokens: How it reads a text: its `tokenizer`, and the `kind` of its tokens, words or subwords.
        definitions: The `SignatureDef` of each signature, with the names of its tensors.

    Raises:
        ValueError: If it cannot be loaded or lacks a signature.
    """

    def __init__(self, folder: str):
        begin = time.monotonic()
        self._users = 0
        self._counting = threading.Lock()
        self._model: ExportedModel | None = load_model(folder, (SCORE, NEXT_WORD, TOKENIZE))
        name = PurePosixPath(folder).name
        self.version = int(name) if is_version(name) else 1
        signatures = self._model.loaded.signatures
        self.inputs = {key: dict(signatures[key].structured_input_signature[1]) for key in signatures}
        self.outputs = {key: dict(signatures[key].structured_outputs) for key in signatures}
        self.words = _vocabulary_size(self.outputs)
        # Unicode's bound for the form C of UTF-8.
        self.most_growth = 1 if self._model.normalization == "none" else 3
        self.tokens = _tokens(self._model)
        self.proposes_pieces = self.tokens["kind"] == "subwords" and STEP in signatures
        self.definitions = signature_definitions(folder)
        if self.proposes_pieces:
            # They are read when they are first used, and the folder may be gone by then.
            self._model.words, self._model.context_tokens  # noqa: B018
        for signature, inputs in read_warmup_requests(folder):
            self.call(signature, inputs)
        self.load_seconds = time.monotonic() - begin

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """Keeps the model loaded until the block ends."""
        with self._counting:
            self._users += 1
        try:
            yield
        finally:
            with self._counting:
                self._users -= 1

    @property
    def users(self) -> int:
        """The number of `in_use` blocks that have not ended."""
        return self._users

    def unload(self) -> None:
        """Frees the loaded objects, once there are no users and can be no new ones."""
        self._model = None

    def call(self, signature: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Calls a signature; for `next_word` of a model of subwords, finds whole words in its place.

        Args:
            signature: Its name.
            inputs: Arrays by name, as `PredictRequest` has them.

        Returns:
            Arrays by name.

        Raises:
            RequestError: With status 400, if the model's operations refuse the inputs.
        """
        assert self._model is not None, "called after `unload`"
        specs = self.inputs[signature]
        tensors = {name: tf.constant(array, specs[name].dtype) for name, array in inputs.items()}
        try:
            if signature in NEXT_WORDS and self.proposes_pieces:
                return self._next_words(self._model, inputs)
            return self._model.call(signature, **tensors)
        except _CLIENT_ERRORS as error:
            # The first line has the reason, the others the names of the graph's operations.
            message = error.message.strip().splitlines()[0] if error.message else type(error).__name__
            _log.info("%s refused: %s", signature, error)
        # Raised outside of `except`, since the frames of the original error would keep the model in memory.
        raise RequestError(400, f"{signature}: the model refuses the inputs: {message}")

    def _next_words(self, model: ExportedModel, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        texts = inputs["text"].tolist()
        contexts = inputs["context"].tolist() if "context" in inputs else None
        return next_words_of_texts(model, texts, np.broadcast_to(inputs["k"], len(texts)).tolist(), contexts)

    def count_tokens(self, texts: list[bytes]) -> np.ndarray:
        """Counts the tokens of each text, int [texts], by the model's own tokenizer."""
        counts = np.zeros(len(texts), int)
        # All at once, each row would be as long as the longest text.
        for rows in batches_by_length([len(text) for text in texts], _COUNTED_BYTES):
            mask = self.call(TOKENIZE, {"text": np.array([texts[row] for row in rows], object)})["mask"]
            counts[rows] = mask.sum(axis=1)
        return counts
