"""gRPC clients that do not read their answers, or keep many calls open: neither fills memory nor keeps others out."""

import asyncio
import contextlib
import socket
import threading

import grpc
import pytest
from helpers import http2_frames
from helpers.grpc_calls import request
from helpers.waiting import wait_for
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc
from tfx_lm.server.grpc_arrival import InTime
from tfx_lm.server.options import Limits

PREDICT = "/tensorflow.serving.PredictionService/Predict"
LARGE = 200_000


class Service(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Answers at once, with many bytes."""

    async def Predict(self, request, context):
        response = predict_pb2.PredictResponse()
        response.outputs["words"].string_val.append(b"x" * LARGE)
        return response


class Server:
    """A server with the real limits around a service that needs no model, in a thread."""

    def __init__(self, **limits):
        self.counted, self.cut = [], []
        self._limits = Limits(**limits)
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self._thread.start()
        assert self._started.wait(60)

    async def _serve(self):
        self.in_time = InTime(self._limits, self.counted.append, self.cut.append)
        server = grpc.aio.server(interceptors=[self.in_time])
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Service(), server)
        self.port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        self._started.set()
        await self._end.wait()
        await server.stop(None)

    def stop(self):
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    def answers(self):
        with grpc.insecure_channel(f"127.0.0.1:{self.port}") as channel:
            answer = channel.unary_unary(PREDICT)(request().SerializeToString(), timeout=60)
        return len(predict_pb2.PredictResponse.FromString(answer).outputs["words"].string_val[0]) == LARGE

    def connect(self, *parts):
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        connection.sendall(b"".join(parts))
        return connection

    def call(self, stream):
        return http2_frames.call(stream, PREDICT, f"127.0.0.1:{self.port}")


@pytest.fixture
def start():
    servers = []

    def made(**limits):
        servers.append(Server(**limits))
        return servers[-1]

    yield made
    for server in servers:
        server.stop()


def test_an_answer_that_is_not_read_ends_the_connection(start):
    server = start(body_seconds=0.5)
    content = request().SerializeToString()
    parts = [part for stream in (1, 3, 5) for part in (server.call(stream), http2_frames.message(stream, content))]
    with (
        server.connect(http2_frames.opening(window=100), *parts) as connection,
        contextlib.suppress(ConnectionResetError),
    ):
        while connection.recv(100_000):
            pass
    assert set(server.cut) == {"late"}
    wait_for(lambda: len(server.in_time._unread) == 0)
    assert server.answers()


def test_answers_that_are_not_read_hold_a_bounded_number_of_bytes(start, monkeypatch):
    monkeypatch.setattr("tfx_lm.server.waiting._HELD_BYTES", 5 * LARGE)
    server = start(body_bytes=1000)
    content = request().SerializeToString()
    streams = range(1, 41, 2)
    parts = [part for stream in streams for part in (server.call(stream), http2_frames.message(stream, content))]
    with server.connect(http2_frames.opening(window=100), *parts):
        wait_for(lambda: server.cut)
        assert set(server.cut) == {"room"}
        assert server.in_time._unread.size <= 5 * LARGE
        # All calls of that client end.
        wait_for(lambda: len(server.in_time._unread) == 0)
    assert server.answers()


def test_calls_without_a_message_give_way_to_others(start):
    server = start(waiting_rows=256, body_seconds=60.0)
    streams = range(1, 2 * 90, 2)
    slow = [server.connect(http2_frames.opening(), *map(server.call, streams)) for _ in range(4)]
    wait_for(lambda: len(server.cut) == 4 * 90 - 256)
    for _ in range(10):
        assert server.answers()
    assert set(server.cut) == {"room"}
    assert server.counted == [429] * len(server.cut)
    for connection in slow:
        connection.close()
    wait_for(lambda: len(server.in_time._arriving) == 0)
