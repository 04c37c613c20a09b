"""gRPC: calls that are refused before their message is read, since the server is ending or they lack its token."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from .access import Token


def _refusal(code: grpc.StatusCode, message: str) -> Any:
    """Makes a handler that refuses a call. It takes a stream, whose messages it does not wait for."""

    async def refuse(messages: Any, context: Any) -> None:
        await context.abort(code, message)

    return grpc.stream_unary_rpc_method_handler(refuse)


_ENDING = _refusal(grpc.StatusCode.UNAVAILABLE, "the server is ending; ask another one")
_UNAUTHENTICATED = _refusal(
    grpc.StatusCode.UNAUTHENTICATED, "the server wants its token: send the metadata `authorization: Bearer TOKEN`"
)


class Ending(grpc.aio.ServerInterceptor):
    """Refuses new calls once the server is ending.

    Attributes:
        ending: True if the server is ending.
        running: The tasks of all calls that are not answered, the refused ones included.
    """

    def __init__(self) -> None:
        self.ending = False
        self.running: set[asyncio.Task[Any]] = set()

    async def intercept_service(self, continuation: Callable[..., Awaitable[Any]], handler_call_details: Any) -> Any:
        """Returns the handler of a call."""
        # gRPC runs the handler in the same task, until the answer is sent.
        call = asyncio.current_task()
        assert call is not None
        self.running.add(call)
        call.add_done_callback(self.running.discard)
        return _ENDING if self.ending else await continuation(handler_call_details)


class WithToken(grpc.aio.ServerInterceptor):
    """Refuses calls without the server's token in their metadata, before their message has arrived."""

    def __init__(self, token: Token, on_refusal: Callable[[], None]):
        self._token = token
        self._on_refusal = on_refusal

    async def intercept_service(self, continuation: Callable[..., Awaitable[Any]], handler_call_details: Any) -> Any:
        """Returns the handler of a call."""
        given = [value for key, value in handler_call_details.invocation_metadata if key == "authorization"]
        if len(given) == 1 and self._token.admits(given[0].encode()):
            return await continuation(handler_call_details)
        self._on_refusal()
        return _UNAUTHENTICATED
