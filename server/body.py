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

# Number of bytes from which a body is decompressed or compressed in another thread; for fewer, the switch takes longer.
_MUCH = 32_000
# Number of bytes that one step of decompressing makes, and of those that it reads: where a stream ends, what is read
# behind it is read again.
_STEP = 65_536
_READ = 4096
# Answers of fewer bytes are not compressed: they fit into a few network packets either way.
_COMPRESSED_FROM = 4096
_GZIP_MAGIC = b"\x1f\x8b"
_WITH_GZIP_HEADER = 16 + zlib.MAX_WBITS


async def read_body(request: Request, limits: Limits) -> bytes:
    """Reads a body that is neither too large nor too slow, and decompresses it.

    A body that is too large is read to its end without being kept, within `body_seconds`, since most clients read no
    answer before they have sent everything. Clients that send `Expect: 100-continue` get the answer at once.

    Args:
        request: The request.
        limits: The limits of bytes, compressed and decompressed, and of seconds.

    Returns:
        The decompressed body.

    Raises:
        RequestError: With status 413 if it is too large, compressed or decompressed; 408 if it is too slow; 415 if
            its encoding is not known; 400 if it does not match its header; 499 if the client disconnected.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity", "gzip", "x-gzip"):
        raise RequestError(
            415, f"Content-Encoding: {encoding[:40]}: only gzip is read; compress with gzip, or send it as it is"
        )
    # The HTTP parser accepts only numbers.
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
        # A gzip body can decompress to a thousand times its size.
        return inflate(body, limits) if size < 1000 else await asyncio.to_thread(inflate, body, limits)
    if body.startswith(_GZIP_MAGIC):
        raise RequestError(400, "the body is compressed with gzip; say so: Content-Encoding: gzip")
    return body


def inflate(body: bytes, limits: Limits) -> bytes:
    """Decompresses gzip data of one or several members.

    Args:
        body: The compressed bytes.
        limits: The limit of the result's bytes; decompression stops there.

    Raises:
        RequestError: With status 413 if the result is larger; 400 if the data is not gzip, is cut off or has more
            behind it.
    """
    parts: list[bytes] = []
    size = position = 0
    try:
        while position < len(body):
            if position and not _GZIP_MAGIC.startswith(body[position : position + len(_GZIP_MAGIC)]):
                raise RequestError(400, "the body has more behind its gzip stream; send the stream alone")
            decompressor = zlib.decompressobj(_WITH_GZIP_HEADER)
            while not decompressor.eof:
                chunk = body[position : position + _READ]
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
    """Makes an answer, compressed if it is large and the client accepts gzip.

    Args:
        request: The request.
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
    # The fastest level. The others take several times as long to save another tenth.
    return gzip.compress(content, compresslevel=1, mtime=0)


def _takes_gzip(accepted: str) -> bool:
    weights = {}
    for part in accepted.lower().split(","):
        name, _, parameter = part.partition(";")
        weights[name.strip()] = parameter.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return weights.get("gzip", weights.get("*", False))


def _too_large(limits: Limits, how: str = "") -> RequestError:
    return RequestError(413, f"the body has more than {limits.body_bytes} bytes{how}; send less at once")
