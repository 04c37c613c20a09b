"""Time limits of gRPC clients, for sending a message and for reading the answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from .options import Limits
from .peers import end_connections
from .waiting import Waiting, held_bytes

# The largest number that an option of gRPC can have.
LARGEST_OPTION = 2**31 - 1
# A connection without calls is closed after this multiple of the longest time of a message. Clients then open another.
_IDLE_TIMES = 10
# Number of bytes that a call takes without its messages.
_CALL_BYTES = 16_384
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


class _Arrival:
    """A call whose message has not arrived.

    Attributes:
        gave_way: True if it was ended to make room for others.
    """

    def __init__(self) -> None:
        self.gave_way = False
        self._task = asyncio.current_task()

    def give_way(self) -> None:
        """Ends the wait for the message."""
        self.gave_way = True
        assert self._task is not None
        self._task.cancel()


class InTime(grpc.aio.ServerInterceptor):
    """Ends calls whose message does not arrive in time, or cannot be read; connections that do not read an answer.

    gRPC waits for a message as long as the client is connected. So each call is handled as a stream of messages, and
    the first one is awaited here. To a client both look alike. It keeps an answer until it is read, too.

    gRPC's own limit of calls at a time is not used: it counts those that wait for their clients, so that slow clients
    would keep others out.
    """

    def __init__(self, limits: Limits, count: Callable[[int], None], on_cut: Callable[[str], None]) -> None:
        """Makes the interceptor.

        Args:
            limits: The limits of a request.
            count: Called with the HTTP status of each call of Predict that ends here.
            on_cut: Called with the reason of each call that is ended here, `late` or `room`.
        """
        self._seconds = limits.body_seconds
        self._count = count
        self._on_cut = on_cut
        # More messages than rows may wait could not be answered.
        self._arriving = Waiting(limits.waiting_rows, limits.body_bytes)
        self._unread = Waiting(LARGEST_OPTION, held_bytes(limits))
        # Those whose connections are about to be ended.
        self._slow_peers: set[str] = set()

    async def intercept_service(self, continuation: Callable[..., Awaitable[Any]], handler_call_details: Any) -> Any:
        """Returns the handler of a call."""
        handler = await continuation(handler_call_details)
        if handler is None or handler.unary_unary is None:
            return handler

        count = self._count if handler_call_details.method.endswith("/Predict") else lambda status: None

        async def answer(messages: AsyncIterator[Any], context: Any) -> Any:
            problem = "the message is none of this method; use the stubs of tensorflow-serving-api"
            arrival = _Arrival()
            self._arriving.add(arrival, arrival.give_way, 0)
            try:
                request = await asyncio.wait_for(anext(messages), self._seconds)
            except asyncio.CancelledError:
                if not arrival.gave_way:
                    count(status_of_cancelled(context))
                    raise
                self._on_cut("room")
                status, code = 429, grpc.StatusCode.RESOURCE_EXHAUSTED
                problem = "too many calls wait for their messages; send them at once, or try again later"
            except asyncio.TimeoutError:
                self._on_cut("late")
                status, code = 408, grpc.StatusCode.DEADLINE_EXCEEDED
                problem = f"the message did not arrive within {self._seconds:g} s"
            except StopAsyncIteration:
                # Also if the client cancelled the call, or gRPC refused the size of its message; it tells neither.
                status, code = status_of_cancelled(context), grpc.StatusCode.INVALID_ARGUMENT
            except DecodeError:
                status, code = 400, grpc.StatusCode.INVALID_ARGUMENT
            else:
                self._arriving.remove(arrival)
                response = await handler.unary_unary(request, context)
                self._limit_reading(context.peer(), response.ByteSize() + _CALL_BYTES)
                return response
            finally:
                self._arriving.remove(arrival)
            count(status)
            await context.abort(code, problem)

        return grpc.stream_unary_rpc_method_handler(answer, handler.request_deserializer, handler.response_serializer)

    def _limit_reading(self, peer: str, size: int) -> None:
        """Ends a client's connection if it does not read an answer in time, or all that are not read hold too much."""
        call, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert call is not None

        def end(reason: str) -> None:
            self._on_cut(reason)
            if not self._slow_peers:
                loop.call_soon(self._end_connections)
            self._slow_peers.add(peer)

        def ended(task: asyncio.Task[Any]) -> None:
            late.cancel()
            self._unread.remove(call)

        late = loop.call_later(self._seconds, end, "late")
        call.add_done_callback(ended)
        self._unread.add(call, lambda: end("room"), size)

    def _end_connections(self) -> None:
        peers, self._slow_peers = self._slow_peers, set()
        end_connections(peers)
