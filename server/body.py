"""Bodies of requests and answers: bounded in bytes and seconds, compressed with gzip or not."""

from __future__ import annotations

import asyncio
import gzip
import zlib

import anyio
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from .options import Limits
from .request_error import RequestError

# What takes longer than handing it over is inflated or compressed beside the event loop.
_MUCH = 32_000
# Bytes that are inflated in one step.
_STEP = 65_536
# An answer of fewer bytes goes as it is: what it would save is less than the rest of a packet or two.
_COMPRESSED_FROM = 4096
_GZIP_MAGIC = b"\x1f\x8b"
_WITH_GZIP_HEADER = 16 + zlib.MAX_WBITS


async def read_body(request: Request, limits: Limits) -> bytes:
    """Reads a body that is neither too large nor too slow, and inflates it if it is compressed.

    What is too large is not held, but read to its end, within the time: most clients read no answer before they have
    sent everything. Those that ask first (`Expect: 100-continue`) are told at once.

    Args:
        request: The request.
        limits: Most bytes, compressed and inflated, and seconds.

    Returns:
        The body, inflated.

    Raises:
        RequestError: With status 413 if it is too large, before or after it is inflated; 408 if it is too slow; 415 if
            its encoding is not known; 400 if it is not what its header says; 499 if the client went away.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity", "gzip", "x-gzip"):
        raise RequestError(
            415, f"Content-Encoding: {encoding[:40]}: only gzip is read; compress with gzip, or send it as it is"
        )
    # HTTP parsers let no other than a number through.
    if "expect" in request.headers and int(request.headers.get("content-length", "0")) > limits.body_bytes:
        raise _too_large(limits)

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
        raise _too_large(limits)
    body = b"".join(parts)
    if "gzip" in encoding:
        # A small body can hold a thousand times as much.
        return inflate(body, limits) if size < 1000 else await asyncio.to_thread(inflate, body, limits)
    if body.startswith(_GZIP_MAGIC):
        raise RequestError(400, "the body is compressed with gzip; say so: Content-Encoding: gzip")
    return body


def inflate(body: bytes, limits: Limits) -> bytes:
    """Inflates what was compressed with gzip, in one member or several.

    Args:
        body: The compressed bytes.
        limits: Most bytes of the result; beyond it, no more is inflated.

    Raises:
        RequestError: With status 413 if there is more, 400 if it is not gzip or does not end.
    """
    parts: list[bytes] = []
    size = position = 0
    try:
        while position < len(body):
            decompressor = zlib.decompressobj(_WITH_GZIP_HEADER)
            while not decompressor.eof:
                chunk = body[position : position + _STEP]
                if not chunk:
                    raise RequestError(400, "the body ends within its gzip stream; send all of it")
                position += len(chunk)
                full = True
                while (chunk or full) and not decompressor.eof:
                    part = decompressor.decompress(chunk, _STEP)
                    chunk, full = decompressor.unconsumed_tail, len(part) == _STEP
                    parts.append(part)
                    size += len(part)
                    if size > limits.body_bytes:
                        raise _too_large(limits, ", inflated")
            position -= len(decompressor.unused_data)
    except zlib.error as error:
        raise RequestError(
            400, "the body is not gzip, as its Content-Encoding says; compress it, or leave the header out"
        ) from error
    return b"".join(parts)


async def json_response(request: Request, content: bytes) -> Response:
    """Makes an answer, compressed if it is not small and the client takes that.

    Args:
        request: What is answered.
        content: JSON.
    """
    if len(content) < _COMPRESSED_FROM:
        return Response(content, media_type="application/json")
    headers = {"Vary": "Accept-Encoding"}
    if _takes_gzip(request.headers.get("accept-encoding", "")):
        headers["Content-Encoding"] = "gzip"
        if len(content) < _MUCH:
            content = _deflate(content)
        else:
            content = await asyncio.to_thread(_deflate, content)
    return Response(content, headers=headers, media_type="application/json")


def _deflate(content: bytes) -> bytes:
    # The fastest level: the others take some times as long for a tenth less.
    return gzip.compress(content, compresslevel=1, mtime=0)


def _takes_gzip(accepted: str) -> bool:
    weights = {}
    for part in accepted.lower().split(","):
        name, _, parameter = part.partition(";")
        weights[name.strip()] = parameter.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return weights.get("gzip", weights.get("*", False))


def _too_large(limits: Limits, how: str = "") -> RequestError:
    return RequestError(413, f"the body has more than {limits.body_bytes} bytes{how}; send less at once")
