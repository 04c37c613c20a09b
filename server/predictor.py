"""Predictor: answers predict requests of either protocol, from the model's name to its outputs."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import re
import time
from collections.abc import Iterator

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from ..errors import SettingError, escape
from ..exported.signatures import NEXT_WORDS, STEP
from .batching import Batcher
from .model_versions import ModelVersions
from .options import Limits
from .padding import Outputs
from .predict_request import IDS, K, PredictRequest
from .prometheus import ServerMetrics
from .request_error import RequestError
from .served_model import ServedModel

# Number of words of a vocabulary that a model never proposes, at most.
_RESERVED = 4
# What a model splits into tokens: a line, and the lines before it.
_TEXTS = ("text", "context")


class RequestCount:
    """One predict request, for the metrics.

    Attributes:
        signature: The signature's name, once it is known.
        code: The HTTP status of its answer.
    """

    def __init__(self) -> None:
        self.signature = "unknown"
        self.code = 500  # uvicorn answers so if the request is cancelled while the server ends.
        self._begin: float | None = None

    def arrived(self) -> None:
        """Records that the whole request has arrived."""
        self._begin = time.perf_counter()

    @property
    def seconds(self) -> float | None:
        """Returns the seconds since the request arrived; None before."""
        return None if self._begin is None else time.perf_counter() - self._begin


class Predictor:
    """Answers requests with the model that is served at the time.

    Args:
        path: The folder of all versions, or a version's own.
        name: The model's name: letters, digits, `_`, `.` and `-`.
        limits: The limits of a request.
        poll_seconds: Seconds between two looks for a new version.

    Attributes:
        name: The model's name.
        limits: The limits of a request.
        metrics: The metrics of `/metrics`.

    Raises:
        ValueError: If there is no model, it cannot be loaded, or the name or `poll_seconds` cannot be used.
    """

    def __init__(self, path: str, name: str, limits: Limits, poll_seconds: float):
        # Other characters need an escape in addresses, and clients resolve `.` and `..`.
        if not re.fullmatch(r"[A-Za-z0-9_.-]*[A-Za-z0-9_-][A-Za-z0-9_.-]*", name):
            raise SettingError(
                f"{{name}}={escape(repr(name))}: cannot be part of an address; use letters, digits, `_`, `.` and `-`"
            )
        self.name = name
        self.limits = limits
        self.metrics = metrics = ServerMetrics()
        self._versions = ModelVersions(
            path, poll_seconds, metrics.serves, lambda folder: metrics.load_failures.inc(), metrics.poll_failures.inc
        )
        self._held_values = 0
        self._batcher = batcher = Batcher(limits.waiting_rows, metrics.batch_rows.observe)
        metrics.waiting_rows.set_function(lambda: batcher.waiting_rows)

    def model(self, name: str, version: int | None = None, label: str = "") -> ServedModel:
        """Returns the served model, to read its attributes.

        Args:
            name: The model's name in the request.
            version: The version in the request, if any.
            label: The version's label in the request, if any.

        Raises:
            RequestError: If it is another model or version, with status 404, or there is a label, with 400.
        """
        model = self._versions.current
        self._check_address(model, name, version, label)
        return model

    @contextlib.contextmanager
    def in_use(self, name: str, version: int | None = None, label: str = "") -> Iterator[ServedModel]:
        """Yields the model that is served, and keeps it loaded until the block ends; otherwise as `model`."""
        with self._versions.in_use() as model:
            self._check_address(model, name, version, label)
            yield model

    @contextlib.contextmanager
    def counted(self) -> Iterator[RequestCount]:
        """Counts the predict request that the block answers."""
        count = RequestCount()
        try:
            yield count
            count.code = 200
        except RequestError as error:
            count.code = error.status
            raise
        finally:
            self.metrics.requests.labels(count.signature, count.code).inc()
            seconds = count.seconds
            if seconds is not None:
                self.metrics.seconds.labels(count.signature).observe(seconds)

    def count_unread(self, code: int) -> None:
        """Counts a predict request that ended with an HTTP status before it was read."""
        self.metrics.requests.labels(RequestCount().signature, code).inc()

    @contextlib.contextmanager
    def admitted(self, model: ServedModel, request: PredictRequest) -> Iterator[PredictRequest]:
        """Bounds the memory of all requests that are being answered; this one until its answer is written.

        Args:
            model: From `in_use`.
            request: The request.

        Yields:
            The request, whose `k` is at most the number of words.

        Raises:
            RequestError: With status 400 if its answer would be too large, with 429 if the others' are.
        """
        request = _with_fewer_words(model, request)
        # The model would make all of it first.
        name, least = _least_values(model, request)
        if least > self.limits.values:
            raise self._too_many_values(name, least)
        # What has more is refused once the model has answered.
        values = min(_most_values(model, request, self.limits.tokens), self.limits.values)
        if self._held_values + values > self.limits.held_values:
            raise RequestError(429, "the server is making as many large answers as it may; try again later")
        self._held_values += values
        try:
            yield request
        finally:
            self._held_values -= values

    def _too_many_values(self, name: str, values: int) -> RequestError:
        return RequestError(
            400, f"{name}: the answer has {values} values: at most {self.limits.values}; send fewer rows"
        )

    async def predict(self, model: ServedModel, request: PredictRequest) -> Outputs:
        """Answers a request.

        Args:
            model: From `in_use`.
            request: From `admitted`.

        Returns:
            The outputs by name, [rows, ...].

        Raises:
            RequestError: If the request exceeds `limits`, the model refuses it, or the server is ending.
        """
        await self._check_cost(model, request)
        outputs = await self._batcher.run(model, request)
        for name, array in outputs.items():
            if array.size > self.limits.values:
                raise self._too_many_values(name, array.size)
        return outputs

    async def close(self) -> None:
        """Refuses waiting requests and stops watching for versions."""
        # The requests first, since they wait for an answer, and nobody for a version.
        await asyncio.to_thread(self._batcher.close)
        await asyncio.to_thread(self._versions.close)

    def _check_address(self, model: ServedModel, name: str, version: int | None, label: str) -> None:
        if name != self.name:
            raise RequestError(404, f"no model {name[:40]}; the model's name here is {self.name}")
        if label:
            raise RequestError(
                400, f"label {label[:40]}: versions have no labels here; name version {model.version}, or none"
            )
        if version not in (None, model.version):
            raise RequestError(404, f"no version {version} of {name}; version {model.version} is served")

    async def _check_cost(self, model: ServedModel, request: PredictRequest) -> None:
        limits = self.limits
        if request.rows > limits.rows:
            raise RequestError(400, f"{request.rows} rows: at most {limits.rows} in a request; send several")
        ids = request.inputs.get(IDS)
        longest = ids.shape[1] if ids is not None else 0
        # A token has at least one byte, so only texts of more bytes can have too many tokens.
        suspects = _long_texts(request, limits.tokens // model.most_growth)
        if suspects:
            longest = max(await asyncio.to_thread(model.count_tokens, suspects))
        if longest > limits.tokens:
            raise RequestError(400, f"a text of {longest} tokens: at most {limits.tokens}; split it")


def _with_fewer_words(model: ServedModel, request: PredictRequest) -> PredictRequest:
    """Returns a request for at most as many words as there are, which has the same answer."""
    if request.signature not in NEXT_WORDS or K not in request.inputs or model.words is None:
        return request
    k = request.inputs[K]
    words = np.asarray(np.minimum(k, model.words), k.dtype)
    return dataclasses.replace(request, inputs={**request.inputs, K: words})


def _least_values(model: ServedModel, request: PredictRequest) -> tuple[str, int]:
    """Returns an output and a number of values that it will have at least, as far as the request tells."""
    if model.words is not None and request.signature in NEXT_WORDS and K in request.inputs:
        return "words", request.rows * min(int(request.inputs[K].max()), model.words - _RESERVED)
    if model.words is not None and request.signature == STEP:
        return "log_probabilities", request.rows * model.words
    return "", 0


def _most_values(model: ServedModel, request: PredictRequest, most_tokens: int) -> int:
    """Returns a bound of the values of an output: tokens, words or scores; texts have at most `most_tokens`."""
    if request.signature in NEXT_WORDS and K in request.inputs:
        return request.rows * int(request.inputs[K].max())
    if request.signature == STEP:
        return request.rows * (model.words or 0)
    texts = [array for array in request.inputs.values() if array.dtype == object]
    longest = max((len(text) for array in texts for text in array), default=0)
    # A token has at least one byte, each row is as long as the longest, and the end of the line counts.
    return request.rows * (min(longest, most_tokens) + 1)


def _long_texts(request: PredictRequest, size: int) -> list[bytes]:
    """Returns the texts of more than `size` bytes, also those within `tf.Example`s."""
    texts = [text for name in _TEXTS for text in request.inputs.get(name, ())]
    for serialized in request.inputs.get("examples", ()):
        if len(serialized) > size:
            # The model refuses rows that are not examples.
            with contextlib.suppress(DecodeError):
                features = tf.train.Example.FromString(serialized).features.feature
                texts.extend(text for name in _TEXTS for text in features[name].bytes_list.value)
    return [text for text in texts if len(text) > size]
