"""Clients of the soak: good, bad and slow requests over REST and gRPC, each with the answer that it must get."""

from __future__ import annotations

import collections
import gzip
import http.client
import json
import random
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import grpc
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

# Seconds after which a client gives up; an answer that takes longer has failed.
PATIENCE = 60.0
SIGNATURES = ("serving_default", "score", "next_word", "tokenize")


class Clients:
    """Threads that send requests until they are told to stop, each with pauses.

    Args:
        port: The port of REST.
        grpc_port: The port of gRPC.
        texts: The texts to send.
        threads: The number of clients.
        pause: Seconds between two requests of a client, on average.
        body_seconds: The server's limit of a slow body.

    Attributes:
        answers: Number of requests by kind and outcome.
        failures: What went wrong, of the requests that did not get the answer that they must get.
    """

    def __init__(
        self, port: int, grpc_port: int, texts: list[str], threads: int, pause: float, body_seconds: float
    ) -> None:
        self._port = port
        self._grpc_port = grpc_port
        self._texts = texts
        self._pause = pause
        self._body_seconds = body_seconds
        self._random = [random.Random(number) for number in range(threads)]
        self._adding = threading.Lock()
        self.answers: collections.Counter[str] = collections.Counter()
        self.failures: list[str] = []

    def run(self, seconds: float) -> None:
        """Sends requests for a time, and returns once all are answered and all connections are closed."""
        end = time.monotonic() + seconds
        threads = [threading.Thread(target=self._work, args=(choose, end)) for choose in self._random]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _work(self, choose: random.Random, end: float) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        channel = grpc.insecure_channel(f"127.0.0.1:{self._grpc_port}", [("grpc.use_local_subchannel_pool", 1)])
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        # (how often, what, what the answer must be)
        kinds: list[tuple[int, Callable[[random.Random], Any], Any]] = [
            (8, lambda choose: self._rest(connection, self._body(choose)), 200),
            (2, lambda choose: self._compressed(connection, self._body(choose)), 200),
            (6, lambda choose: self._grpc(stub, choose), "OK"),
            (1, lambda choose: self._rest(connection, b'{"signature_name": "score", "inputs": {"text": [1]}}'), 400),
            (1, lambda choose: self._rest(connection, b"{"), 400),
            (1, lambda choose: self._rest(connection, self._body(choose), "/v1/models/other:predict"), 404),
            (1, lambda choose: self._wrong_grpc(stub), "INVALID_ARGUMENT"),
            (1, self._slow, 200),
            (1, self._gone, "gone"),
        ]
        weights = [weight for weight, _, _ in kinds]
        while time.monotonic() < end:
            _, send, expected = choose.choices(kinds, weights)[0]
            try:
                answer = send(choose)
            except Exception as error:  # Whatever happens to a request is counted.
                answer = f"{type(error).__name__}: {error}"
                connection.close()
            with self._adding:
                self.answers[str(answer) if answer == expected else "failed"] += 1
                if answer != expected:
                    self.failures.append(f"{answer} instead of {expected}")
                    print(self.failures[-1], file=sys.stderr, flush=True)
            time.sleep(min(choose.expovariate(1 / self._pause), 10 * self._pause))
        connection.close()
        channel.close()

    def _body(self, choose: random.Random) -> bytes:
        signature = choose.choice(SIGNATURES)
        texts = choose.choices(self._texts, k=choose.choice((1, 1, 1, 4, 16)))
        inputs = {"text": texts, "k": [5] * len(texts)} if signature == "next_word" else {"text": texts}
        return json.dumps({"signature_name": signature, "inputs": inputs}).encode()

    def _rest(
        self,
        connection: http.client.HTTPConnection,
        body: bytes,
        path: str = "/v1/models/model:predict",
        **headers: str,
    ) -> int:
        connection.request("POST", path, body, headers)
        response = connection.getresponse()
        response.read()
        return response.status

    def _compressed(self, connection: http.client.HTTPConnection, body: bytes) -> int:
        headers = {"Content-Encoding": "gzip", "Accept-Encoding": "gzip"}
        return self._rest(connection, gzip.compress(body), **headers)

    def _slow(self, choose: random.Random) -> int:
        """Sends a body in pieces, in half of the time that it may take, over a connection of its own."""
        body = self._body(choose)
        pieces = [body[: len(body) // 2], body[len(body) // 2 :]]
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        try:
            connection.putrequest("POST", "/v1/models/model:predict")
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders()
            for piece in pieces:
                time.sleep(self._body_seconds / 4)
                connection.send(piece)
            response = connection.getresponse()
            response.read()
            return response.status
        finally:
            connection.close()

    def _gone(self, choose: random.Random) -> str:
        """Goes away within its body, or before the answer; nothing can be read then."""
        body = self._body(choose)
        head = f"POST /v1/models/model:predict HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        with socket.create_connection(("127.0.0.1", self._port), PATIENCE) as connection:
            connection.sendall(head + body[: choose.choice((0, len(body) // 2, len(body)))])
        return "gone"

    def _grpc(self, stub: prediction_service_pb2_grpc.PredictionServiceStub, choose: random.Random) -> str:
        request = predict_pb2.PredictRequest()
        request.model_spec.name = "model"
        request.model_spec.signature_name = signature = choose.choice(SIGNATURES)
        texts = choose.choices(self._texts, k=choose.choice((1, 4)))
        request.inputs["text"].CopyFrom(tf.make_tensor_proto(texts, tf.string))
        if signature == "next_word":
            request.inputs["k"].CopyFrom(tf.make_tensor_proto([5] * len(texts), tf.int32))
        stub.Predict(request, timeout=PATIENCE)
        return "OK"

    def _wrong_grpc(self, stub: prediction_service_pb2_grpc.PredictionServiceStub) -> str:
        request = predict_pb2.PredictRequest()
        request.model_spec.name = "model"
        request.inputs["text"].CopyFrom(tf.make_tensor_proto([1.0]))
        try:
            stub.Predict(request, timeout=PATIENCE)
        except grpc.RpcError as error:
            return error.code().name
        return "OK"
