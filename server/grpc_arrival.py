"""Time limit of gRPC clients for sending a message."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
from google.protobuf.message import DecodeError

# The largest number that an option of gRPC can have.
LARGEST_OPTION = 2**31 - 1
# A connection without calls is closed after this multiple of the longest time of a message. Clients then open another.
_IDLE_TIMES = 10
# Seconds that a call takes to arrive, at most, for its late end to be counted as late.
_ARRIVAL = 0.1


def arrival_options(seconds: float) -> list[tuple[str, int]]:
    """Returns options of a gRPC server that limit the time before a call.

    Args:
        seconds: Longest time of a message, and of the opening of a connection.
    """
    milliseconds = 1000 * seconds
    return [
        ("grpc.server_handshake_timeout_ms", _option(milliseconds)),
        ("grpc.max_connection_idle_ms", _option(_IDLE_TIMES * milliseconds)),
    ]


def _option(value: float) -> int:
    return max(1, min(LARGEST_OPTION, round(value)))


def status_of_cancelled(context: Any) -> int:
    """Returns the HTTP status of a cancelled call: 504 if its deadline has passed, 499 if the client went away.

    The client's clock starts earlier than the server's, by the time that the call took to arrive, and at its deadline
    the client cancels the call. So one that is cancelled within the last `_ARRIVAL` seconds was too late.
    """
    remaining = context.time_remaining()
    return 504 if remaining is not None and remaining <= _ARRIVAL else 499


class InTime(grpc.aio.ServerInterceptor):
    """Ends calls whose message does not arrive in time, or cannot be read.

    gRPC waits for a message as long as the client is connected. So each call is handled as a stream of messages, and
    the first one is awaited here. To a client both look alike.
    """

    def __init__(self, seconds: float, count: Callable[[int], None]) -> None:
        """Makes the interceptor.

        Args:
            seconds: Longest time in which a message must arrive.
            count: Called with the HTTP status of each call of Predict that ends here.
        """
        self._seconds = seconds
        self._count = count

    async def intercept_service(self, continuation: Callable[..., Awaitable[Any]], handler_call_details: Any) -> Any:
        """Returns the handler of a call."""
        handler = await continuation(handler_call_details)
        if handler is None or handler.unary_unary is None:
            return handler

        count = self._count if handler_call_details.method.endswith("/Predict") else lambda status: None

        async def answer(messages: AsyncIterator[Any], context: Any) -> Any:
            problem = "the message is none of this method; use the stubs of tensorflow-serving-api"
            try:
                request = await asyncio.wait_for(anext(messages), self._seconds)
            except asyncio.CancelledError:
                count(status_of_cancelled(context))
                raise
            except asyncio.TimeoutError:
                status, code = 408, grpc.StatusCode.DEADLINE_EXCEEDED
                problem = f"the message did not arrive within {self._seconds:g} s"
            except StopAsyncIteration:
                # Also if the client cancelled the call, or gRPC refused the size of its message; it tells neither.
                status, code = status_of_cancelled(context), grpc.StatusCode.INVALID_ARGUMENT
            except DecodeError:
                status, code = 400, grpc.StatusCode.INVALID_ARGUMENT
            else:
                return await handler.unary_unary(request, context)
            count(status)
            await context.abort(code, problem)

        return grpc.stream_unary_rpc_method_handler(answer, handler.request_deserializer, handler.response_serializer)
