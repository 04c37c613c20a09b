"""The server's addresses: TensorFlow Serving's REST protocol, `/metrics`, and the playground at `/`."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import html
import logging
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import anyio
import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from . import rest_format
from .access import Token, TokenMiddleware
from .body import json_response, read_body
from .options import Limits, WatchOptions
from .predictor import Predictor
from .prometheus import CONTENT_TYPE
from .request_error import RequestError
from .served_model import ServedModel
from .writing import written

_log = logging.getLogger(__name__)

PLAYGROUND = Path(__file__).with_name("playground.html")
_WATCH = WatchOptions()
_TYPES = {"string": "DT_STRING", "float32": "DT_FLOAT", "int32": "DT_INT32", "int64": "DT_INT64"}
# Methods of TensorFlow Serving that this server refuses with a remedy.
_VERBS = ("classify", "regress")
_MOST_VERSION = 2**63 - 1


def create_app(
    path: str,
    name: str = "model",
    limits: Limits | None = None,
    poll_seconds: float = _WATCH.poll_seconds,
    cors_origins: Sequence[str] = (),
    beside: Callable[[Predictor], AbstractAsyncContextManager[None]] | None = None,
    token: Token | None = None,
) -> Starlette:
    """Loads a model and makes the ASGI application that serves it.

    Args:
        path: The folder of all versions, or a version's own.
        name: The model's name in the addresses: letters, digits, `_`, `.` and `-`.
        limits: The limits of a request.
        poll_seconds: Seconds between two looks for a new version.
        cors_origins: The origins whose pages may send requests, such as `https://example.org`; `*`: all.
        beside: A context that lasts as long as the application and uses its predictor, such as a gRPC server.
        token: The token that requests must have, but for those of the page; None: requests need none.

    Returns:
        The application, which answers during its ASGI lifespan. The model is loaded before, so that a model that cannot
        be served raises an error at once.

    Raises:
        ValueError: If there is no model, it cannot be loaded, or the name or `poll_seconds` cannot be used.
    """
    predictor = Predictor(path, name, limits or Limits(), poll_seconds)
    server = _Server(predictor, wants_token=token is not None)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        # anyio imports its modules when they are first used, which would fail later if there were no open files left.
        with anyio.fail_after(1.0):
            pass
        async with beside(predictor) if beside else contextlib.nullcontext():
            yield
        await predictor.close()

    models = "/v1/models/{name}"
    everything = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    middleware = []
    if cors_origins:
        # The outermost: browsers ask for leave without a token, and pages may read errors.
        middleware.append(
            Middleware(
                CORSMiddleware,
                allow_origins=list(cors_origins),
                allow_methods=["GET", "POST"],
                allow_headers=["Authorization", "Content-Type", "Content-Encoding"],
            )
        )
    if token is not None:
        middleware.append(Middleware(TokenMiddleware, token=token, on_refusal=predictor.metrics.unauthorized.inc))
    app = Starlette(
        lifespan=lifespan,
        middleware=middleware,
        routes=[
            Route(f"{models}:predict", server.predict, methods=["POST"]),
            Route(f"{models}/versions/{{version}}:predict", server.predict, methods=["POST"]),
            # Otherwise a GET would look for a model of the name `model:predict`.
            Route(f"{models}:predict", server.not_posted),
            Route(f"{models}/versions/{{version}}:predict", server.not_posted),
            Route(f"{models}:{{verb}}", server.other_verb, methods=everything),
            Route(f"{models}/versions/{{version}}:{{verb}}", server.other_verb, methods=everything),
            Route(f"{models}/labels/{{label:path}}", server.label, methods=everything),
            Route(f"{models}/metadata", server.metadata),
            Route(f"{models}/versions/{{version}}/metadata", server.metadata),
            Route(f"{models}/versions/{{version}}", server.status),
            Route(models, server.status),
            Route("/metrics", server.show_metrics),
            Route("/", server.playground),
        ],
        exception_handlers={RequestError: _refused, HTTPException: server.no_address, Exception: _failed},
    )
    # A redirect loses the body of a POST with most clients.
    app.router.redirect_slashes = False
    return app


class _Server:
    """The answers, one method for each address."""

    def __init__(self, predictor: Predictor, wants_token: bool):
        self._predictor = predictor
        page = PLAYGROUND.read_text(encoding="utf-8").replace("MODEL_NAME", html.escape(predictor.name, quote=True))
        page = page.replace(" data-no-token", "" if wants_token else " hidden")
        self._page = page.encode()
        self._page_policy = _policy(page)

    async def predict(self, request: Request) -> Response:
        predictor = self._predictor
        name, version = _address(request)
        with predictor.counted() as count, predictor.in_use(name, version) as model:
            body = await read_body(request, predictor.limits)
            count.arrived()
            parsed = rest_format.parse(body, model.inputs)
            # It is not needed any more, and the answer may take long.
            del body
            count.signature = parsed.signature
            with predictor.admitted(model, parsed) as admitted:
                outputs = await predictor.predict(model, admitted)
                return await json_response(request, await written(outputs, lambda: rest_format.answer(parsed, outputs)))

    async def not_posted(self, request: Request) -> Response:
        raise HTTPException(405, headers={"Allow": "POST"})

    async def other_verb(self, request: Request) -> Response:
        verb = request.path_params["verb"]
        self._model(request)
        if verb not in _VERBS:
            return await self.no_address(request, HTTPException(404))
        raise RequestError(400, f":{verb}: the model has no signature for it; use :predict, with `signature_name`")

    async def label(self, request: Request) -> Response:
        label = request.path_params["label"].partition(":")[0].partition("/")[0]
        self._predictor.model(request.path_params["name"], label=label)
        return await self.no_address(request, HTTPException(404))

    async def status(self, request: Request) -> Response:
        model = self._model(request)
        status = {"error_code": "OK", "error_message": ""}
        version = {"version": str(model.version), "state": "AVAILABLE", "status": status}
        return _json({"model_version_status": [version]})

    async def metadata(self, request: Request) -> Response:
        model = self._model(request)
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
                "model_spec": {"name": self._predictor.name, "signature_name": "", "version": str(model.version)},
                # TensorFlow Serving has the signatures alone.
                "metadata": {"signature_def": {"signature_def": definitions}, "tokens": model.tokens},
            }
        )

    async def show_metrics(self, request: Request) -> Response:
        return Response(self._predictor.metrics.text(), media_type=CONTENT_TYPE)

    async def playground(self, request: Request) -> Response:
        headers = {"Content-Security-Policy": self._page_policy, "Referrer-Policy": "no-referrer"}
        return Response(self._page, media_type="text/html", headers=headers)

    async def no_address(self, request: Request, error: Exception) -> Response:
        """Answers requests to unknown addresses; below `/v1` with 400, as TensorFlow Serving does."""
        assert isinstance(error, HTTPException)
        path, status, headers = request.url.path, error.status_code, dict(error.headers or {})
        if status == 405:
            message = f"Method Not Allowed; use {', '.join(sorted(headers['Allow'].split(', ')))}"
            if request.method == "OPTIONS" and "origin" in request.headers:
                message = "pages of other origins may not ask; name them in the server's cors_origins to let them"
        elif path.endswith("/"):
            message = f"{path[:80]}: Not Found; leave the slash at the end out"
        else:
            model = f"/v1/models/{self._predictor.name}"
            message = f"{path[:80]}: Not Found; POST to {model}:predict, or GET {model} or {model}/metadata"
        if status == 404 and path.startswith("/v1/"):
            status = 400
        return _json({"error": f"{request.method}: {message}"}, status, headers)

    def _model(self, request: Request) -> ServedModel:
        return self._predictor.model(*_address(request))


def _policy(page: str) -> str:
    """Returns the Content-Security-Policy of a page that contains all its resources and asks its own server only."""
    hashes = {}
    for tag in ("style", "script"):
        (content,) = re.findall(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        hashes[tag] = f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
    return (
        f"default-src 'none'; style-src {hashes['style']}; script-src {hashes['script']}; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _address(request: Request) -> tuple[str, int | None]:
    """Returns the model's name and version in an address."""
    name, version = request.path_params["name"], request.path_params.get("version")
    if version is None:
        return name, None
    # The pattern first, since `int` raises an error for thousands of digits.
    if not re.fullmatch(r"[0-9]{1,19}", version) or int(version) > _MOST_VERSION:
        raise RequestError(400, f"versions/{version[:40]}: must be a number of 64 bits; name a version, or none")
    return name, int(version)


def _tensor_info(spec: Any) -> dict[str, Any]:
    shape = spec.shape
    sizes = [{"size": str(-1 if size is None else size), "name": ""} for size in shape.as_list()] if shape.rank else []
    return {"dtype": _TYPES[spec.dtype.name], "tensor_shape": {"dim": sizes, "unknown_rank": shape.rank is None}}


def _json(tree: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(tree), status, headers, "application/json")


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestError)
    # The connection is closed after a timeout, since the rest of the body would still arrive.
    headers = {
        408: {"Connection": "close"},
        415: {"Accept-Encoding": "gzip, identity"},
        429: {"Retry-After": "1"},
    }.get(error.status)
    return _json({"error": error.message}, error.status, headers)


async def _failed(request: Request, error: Exception) -> Response:
    _log.error("%s failed", request.url.path, exc_info=error)
    return _json({"error": "the server failed; its log says why"}, 500)
