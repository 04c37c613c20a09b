"""The server's addresses: TensorFlow Serving's REST protocol, `/metrics`, and the playground at `/`."""

from __future__ import annotations

import asyncio
import contextlib
import html
import logging
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import orjson
import tensorflow as tf
from google.protobuf.message import DecodeError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from . import rest_format
from .batching import Batcher, Outputs
from .limits import Limits, RequestError
from .model_versions import ModelVersions
from .predict_request import PredictRequest
from .prometheus import CONTENT_TYPE, ServerMetrics
from .served_model import ServedModel

_log = logging.getLogger(__name__)

PLAYGROUND = Path(__file__).with_name("playground.html")
# The page brings all that it needs and talks to its own server only.
_PAGE_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:"
)
# What takes milliseconds to write is written beside the event loop, for others to be served meanwhile.
_LARGE_ANSWER = 10_000
_TYPES = {"string": "DT_STRING", "float32": "DT_FLOAT", "int32": "DT_INT32", "int64": "DT_INT64"}


def create_app(path: str, name: str = "model", limits: Limits | None = None, poll_seconds: float = 1.0) -> Starlette:
    """Loads a model and makes the ASGI application that serves it.

    Args:
        path: The folder of all versions, or a version's own.
        name: The model's name in the addresses: letters, digits, `_`, `.` and `-`.
        limits: What requests may cost.
        poll_seconds: How often a new version is looked for.

    Returns:
        The application. It works while its lifespan lasts; the model is loaded before, so that what cannot be served
        fails at once.

    Raises:
        ValueError: If there is no model, it cannot be loaded, or the name or `poll_seconds` cannot be used.
    """
    # Others could be in no address, or only in disguise; clients resolve `.` and `..`.
    if not re.fullmatch(r"[A-Za-z0-9_.-]*[A-Za-z0-9_-][A-Za-z0-9_.-]*", name):
        raise ValueError(f"name={name!r}: cannot be part of an address; use letters, digits, `_`, `.` and `-`")
    metrics = ServerMetrics()
    versions = ModelVersions(
        path, poll_seconds, metrics.serves, lambda folder: metrics.load_failures.inc(), metrics.poll_failures.inc
    )
    limits = limits or Limits()
    batcher = Batcher(limits.waiting_rows, metrics.batch_rows.observe)
    metrics.waiting_rows.set_function(lambda: batcher.waiting_rows)
    server = _Server(name, versions, batcher, metrics, limits)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        await asyncio.to_thread(versions.close)
        await asyncio.to_thread(batcher.close)

    models = "/v1/models/{name}"
    return Starlette(
        lifespan=lifespan,
        routes=[
            Route(f"{models}:predict", server.predict, methods=["POST"]),
            Route(f"{models}/versions/{{version:int}}:predict", server.predict, methods=["POST"]),
            # Otherwise a GET would look for a model of the name `model:predict`.
            Route(f"{models}:predict", server.not_posted),
            Route(f"{models}/versions/{{version:int}}:predict", server.not_posted),
            Route(f"{models}/metadata", server.metadata),
            Route(f"{models}/versions/{{version:int}}/metadata", server.metadata),
            Route(f"{models}/versions/{{version:int}}", server.status),
            Route(models, server.status),
            Route("/metrics", server.show_metrics),
            Route("/", server.playground),
        ],
        exception_handlers={RequestError: _refused, HTTPException: _refused, Exception: _failed},
    )


class _Server:
    """The answers, one method for each address."""

    def __init__(self, name: str, versions: ModelVersions, batcher: Batcher, metrics: ServerMetrics, limits: Limits):
        self._name = name
        self._versions = versions
        self._batcher = batcher
        self._metrics = metrics
        self._limits = limits
        page = PLAYGROUND.read_text(encoding="utf-8").replace("MODEL_NAME", html.escape(name, quote=True))
        self._page = page.encode()

    async def predict(self, request: Request) -> Response:
        signature, begin = "unknown", None
        code = 500  # Also where it is cancelled at the server's end: uvicorn answers so.
        try:
            with self._versions.in_use() as model:
                self._check_address(request, model)
                body = await _body(request, self._limits)
                begin = time.perf_counter()
                parsed = rest_format.parse(body, model.inputs)
                signature = parsed.signature
                await self._check(model, parsed)
                outputs = await self._batcher.run(model, parsed)
            response = Response(await self._answer(parsed, outputs), media_type="application/json")
            code = 200
            return response
        except RequestError as error:
            code = error.status
            raise
        finally:
            self._metrics.requests.labels(signature, code).inc()
            if begin is not None:
                self._metrics.seconds.labels(signature).observe(time.perf_counter() - begin)

    async def not_posted(self, request: Request) -> Response:
        raise HTTPException(405, "Method Not Allowed; POST the request", {"Allow": "POST"})

    async def status(self, request: Request) -> Response:
        model = self._versions.current
        self._check_address(request, model)
        status = {"error_code": "OK", "error_message": ""}
        version = {"version": str(model.version), "state": "AVAILABLE", "status": status}
        return _json({"model_version_status": [version]})

    async def metadata(self, request: Request) -> Response:
        model = self._versions.current
        self._check_address(request, model)
        definitions = {
            name: {
                "inputs": {key: _tensor_info(spec) for key, spec in model.inputs[name].items()},
                "outputs": {key: _tensor_info(spec) for key, spec in model.outputs[name].items()},
                "method_name": "tensorflow/serving/predict",
            }
            for name in model.inputs
        }
        return _json(
            {
                "model_spec": {"name": self._name, "signature_name": "", "version": str(model.version)},
                "metadata": {"signature_def": {"signature_def": definitions}},
            }
        )

    async def show_metrics(self, request: Request) -> Response:
        return Response(self._metrics.text(), media_type=CONTENT_TYPE)

    async def playground(self, request: Request) -> Response:
        return Response(self._page, media_type="text/html", headers={"Content-Security-Policy": _PAGE_POLICY})

    def _check_address(self, request: Request, model: ServedModel) -> None:
        """Refuses an address that names another model or version."""
        name, version = request.path_params["name"], request.path_params.get("version")
        if name != self._name:
            raise RequestError(404, f"no model {name[:40]}; the model's name here is {self._name}")
        if version not in (None, model.version):
            raise RequestError(404, f"no version {version} of {name}; version {model.version} is served")

    async def _check(self, model: ServedModel, parsed: PredictRequest) -> None:
        limits = self._limits
        if parsed.rows > limits.rows:
            raise RequestError(400, f"{parsed.rows} rows: at most {limits.rows} in a request; send several")
        ids = parsed.inputs.get("ids")
        longest = ids.shape[1] if ids is not None else 0
        # A token has a byte or more, so that only these can be too long.
        suspects = _long_texts(parsed, limits.tokens)
        if suspects:
            longest = max(await asyncio.to_thread(model.count_tokens, suspects))
        if longest > limits.tokens:
            raise RequestError(400, f"a text of {longest} tokens: at most {limits.tokens}; split it")

    async def _answer(self, parsed: PredictRequest, outputs: Outputs) -> bytes:
        for name, array in outputs.items():
            if array.size > self._limits.values:
                raise RequestError(
                    400, f"{name}: the answer has {array.size} values: at most {self._limits.values}; send fewer rows"
                )
        if sum(array.size for array in outputs.values()) > _LARGE_ANSWER:
            return await asyncio.to_thread(rest_format.answer, parsed, outputs)
        return rest_format.answer(parsed, outputs)


def _long_texts(parsed: PredictRequest, size: int) -> list[bytes]:
    """The texts of more than `size` bytes, also those within `tf.Example`s."""
    texts = list(parsed.inputs.get("text", ()))
    for serialized in parsed.inputs.get("examples", ()):
        if len(serialized) > size:
            # What is no example is refused by the model.
            with contextlib.suppress(DecodeError):
                texts.extend(tf.train.Example.FromString(serialized).features.feature["text"].bytes_list.value)
    return [text for text in texts if len(text) > size]


async def _body(request: Request, limits: Limits) -> bytes:
    """Reads a body that is neither too large nor too slow.

    What is too large is not held, but read to its end, within the time: most clients read no answer before they have
    sent everything. Those that ask first (`Expect: 100-continue`) are told at once.
    """
    too_large = RequestError(413, f"the body has more than {limits.body_bytes} bytes; send less at once")
    # HTTP parsers let no other than a number through.
    if "expect" in request.headers and int(request.headers.get("content-length", "0")) > limits.body_bytes:
        raise too_large

    parts: list[bytes] = []
    size = 0
    try:
        with anyio.fail_after(limits.body_seconds):
            async for part in request.stream():
                size += len(part)
                if size > limits.body_bytes:
                    parts.clear()
                else:
                    parts.append(part)
    except TimeoutError as error:
        raise RequestError(408, f"the body did not arrive within {limits.body_seconds:g} s") from error
    except ClientDisconnect as error:
        raise RequestError(499, "the client went away") from error
    if size > limits.body_bytes:
        raise too_large
    return b"".join(parts)


def _tensor_info(spec: Any) -> dict[str, Any]:
    shape = spec.shape
    sizes = [{"size": str(-1 if size is None else size), "name": ""} for size in shape.as_list()] if shape.rank else []
    return {"dtype": _TYPES[spec.dtype.name], "tensor_shape": {"dim": sizes, "unknown_rank": shape.rank is None}}


def _json(tree: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(tree), status, headers, "application/json")


async def _refused(request: Request, error: Exception) -> Response:
    if isinstance(error, RequestError):
        # What is left of a body that is too slow is not waited for.
        headers = {408: {"Connection": "close"}, 429: {"Retry-After": "1"}}.get(error.status)
        return _json({"error": error.message}, error.status, headers)
    assert isinstance(error, HTTPException)
    return _json({"error": f"{request.method}: {error.detail}"}, error.status_code, dict(error.headers or {}))


async def _failed(request: Request, error: Exception) -> Response:
    _log.error("%s failed", request.url.path, exc_info=error)
    return _json({"error": "the server failed; its log says why"}, 500)
