"""HTTP connections: limits of their number, of the bytes of headers, and of the time that clients take.

uvicorn has none of these: its `limit_concurrency` refuses all requests, also on connections that are open, once slow
clients hold many, and its parser httptools keeps headers of any size.
"""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable
from typing import Any, ClassVar

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .options import Limits
from .waiting import Waiting, held_bytes

# Largest number of bytes of a request's line and headers; more are answered with 431. As in uvicorn's other parser.
HEADER_BYTES = 65_536
# Seconds after its time in which a body that the application reads may still be refused by it, with a sentence.
_GRACE_SECONDS = 2.0
# Number of bytes of an answer that are given to the transport at once. uvicorn waits between two of them if the client
# does not read. What uvloop's TLS is given at once it neither waits for nor counts.
_PIECE = 65_536
# Seconds that a client has for its side of the end of TLS on an idle connection, which many do not read.
_TLS_END_SECONDS = 2.0
_REASONS = {408: b"Request Timeout", 431: b"Request Header Fields Too Large", 503: b"Service Unavailable"}


class Clients:
    """The connections of one server.

    Attributes:
        limits: The limits of a request.
        most: The largest number of connections.
        waiting: Those that wait for their client.
        open: All of them.
        on_cut: Called with the reason of each connection that is closed: `late`, `headers` or `room`.
    """

    def __init__(self, limits: Limits, most: int):
        self.limits = limits
        self.most = most
        self.waiting = Waiting(most, held_bytes(limits))
        self.open: set[asyncio.BaseProtocol] = set()
        self.on_cut: Callable[[str], None] = lambda reason: None

    def uvicorn_options(self) -> dict[str, Any]:
        """Returns uvicorn's options for these connections.

        WebSockets are off: uvicorn hands such a connection to another protocol, which knows no limits.
        """
        return {"http": type("ClientConnection", (_Connection,), {"clients": self}), "ws": "none"}


class _Part(enum.Enum):
    """The part of a request that arrives next."""

    HEADERS = enum.auto()
    BODY = enum.auto()


class _Connection(HttpToolsProtocol):
    """A connection that is closed if its client is too slow, or to make room.

    The names without an underscore are uvicorn's, of `asyncio.Protocol` and of the callbacks of its parser.
    """

    clients: ClassVar[Clients]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._part = _Part.HEADERS
        # The number of bytes since the last headers or part of a body.
        self._unused = 0
        self._arrival: asyncio.TimerHandle | None = None
        self._reading: asyncio.TimerHandle | None = None
        # The number of bytes of the answer that is being sent.
        self._answer_size = 0
        super().connection_made(transport)
        self._application, self.app = self.app, self._answer
        clients = self.clients
        clients.open.add(self)
        if len(clients.open) > clients.most and not clients.waiting.end_oldest():
            clients.on_cut("room")
            self._refuse(503, f"{clients.most} connections are open, and all being answered; try again later")
            return
        self._wait(0)
        self._limit_arrival()

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()
        self._cancel_arrival()
        self._cancel_reading()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        if self._part is _Part.HEADERS:
            self._limit_arrival()
        self._unused += len(data)
        super().data_received(data)
        if self._unused > HEADER_BYTES and not self.transport.is_closing():
            self.clients.on_cut("headers")
            self._refuse(431, f"the headers have more than {HEADER_BYTES} bytes; send fewer or shorter ones")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._limit_arrival()

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self._part, self._unused = _Part.BODY, 0
        self._cancel_arrival()
        self._limit_arrival(_GRACE_SECONDS)

    def on_body(self, body: bytes) -> None:
        self._unused = 0
        if not self.cycle.response_complete:
            self.clients.waiting.grow(self, len(body))
        super().on_body(body)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._part, self._unused = _Part.HEADERS, 0
        self._cancel_arrival()
        if self._is_answered():
            self.clients.waiting.remove(self)

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        """Answers a request once the answer before is read, as otherwise both would be held; sends it in pieces."""
        await self.flow.drain()
        self._cancel_reading()

        async def send_pieces(message: Any) -> None:
            body = memoryview(message.get("body", b""))
            self._answer_size = len(body)
            # All at once if nobody takes it, since transports log each.
            while len(body) > _PIECE and not self.transport.is_closing():
                await send({**message, "body": body[:_PIECE], "more_body": True})
                body = body[_PIECE:]
            await send({**message, "body": body} if self._answer_size else message)

        await self._application(scope, receive, send_pieces)

    def on_response_complete(self) -> None:
        self._answer_size = 0
        super().on_response_complete()
        if self in self.clients.open:
            if self._is_answered():  # The next request, which the client sent ahead.
                self.clients.waiting.remove(self)
            else:
                self._wait(self.transport.get_write_buffer_size())
            self._limit_reading()

    def _is_answered(self) -> bool:
        """Returns whether the client waits for the server, and not the other way round."""
        return self._part is _Part.HEADERS and not self.cycle.response_complete and not self.flow.write_paused

    def _wait(self, size: int) -> None:
        self.clients.waiting.add(self, self._make_room, size)

    def _leave(self) -> None:
        self.clients.open.discard(self)
        self.clients.waiting.remove(self)

    def _make_room(self) -> None:
        self.clients.on_cut("room")
        self._abort()

    def _abort(self) -> None:
        self._leave()
        self.transport.abort()

    def _limit_arrival(self, more: float = 0.0) -> None:
        """Gives the client its time for the headers, or for the body; it is not given twice."""
        if self._arrival is None:
            self._arrival = self.loop.call_later(self.clients.limits.body_seconds + more, self._is_late)

    def _cancel_arrival(self) -> None:
        if self._arrival is not None:
            self._arrival.cancel()
            self._arrival = None

    def _is_late(self) -> None:
        self._arrival = None
        if self.flow.read_paused:
            # The server does not read: the client has sent requests ahead of their answers.
            self._limit_arrival()
            return
        self.clients.on_cut("late")
        seconds = self.clients.limits.body_seconds
        if self._part is _Part.BODY:
            self._abort()
        else:
            self._refuse(408, f"the headers did not arrive within {seconds:g} s")

    def _limit_reading(self) -> None:
        """Gives the client its time for reading the answer; it is not given twice."""
        if not self._is_unread():
            self._cancel_reading()
        elif self._reading is None:
            self._reading = self.loop.call_later(self.clients.limits.body_seconds, self._is_read)

    def _cancel_reading(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def _is_unread(self) -> bool:
        return self.flow.write_paused or self.transport.get_write_buffer_size() > 0

    def _is_read(self) -> None:
        self._reading = None
        if self._is_unread():
            self.clients.on_cut("late")
            self._abort()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._reading is None and self in self.clients.open:
            self._wait(max(self._answer_size, self.transport.get_write_buffer_size()))
            self._limit_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self not in self.clients.open or self.cycle is None or self._answer_size:
            return
        # Most of the answer is read.
        if self.cycle.response_complete:
            self._wait(self.transport.get_write_buffer_size())
        elif self._is_answered():
            self.clients.waiting.remove(self)

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._limit_end()

    def shutdown(self) -> None:
        super().shutdown()
        self._limit_end()

    def _limit_end(self) -> None:
        """Ends an idle connection also if its client does not take part in the end of TLS."""
        if self.scheme == "https" and self.transport.is_closing() and self._reading is None:
            self._reading = self.loop.call_later(_TLS_END_SECONDS, self._abort)

    def _refuse(self, status: int, message: str) -> None:
        """Answers by itself and closes the connection; closes it at once in the middle of an exchange."""
        if self._part is _Part.BODY or (self.cycle is not None and not self.cycle.response_complete):
            self._abort()
            return
        body = orjson.dumps({"error": message})
        head = b"HTTP/1.1 %d %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
        self.transport.write(head % (status, _REASONS[status], len(body)) + body)
        self.transport.close()
        self._limit_reading()
        self._limit_end()
