"""gRPC clients that send nothing, send too slowly, or send invalid messages."""

import socket
import threading

import grpc
import pytest
from helpers.grpc_calls import refused, request
from tensorflow_serving.apis import predict_pb2

pytestmark = pytest.mark.slow

PREDICT = "/tensorflow.serving.PredictionService/Predict"
METADATA = "/tensorflow.serving.PredictionService/GetModelMetadata"


@pytest.fixture(scope="module")
def start(start_server, bigram_model):
    """A function that starts a server with other options and returns it."""
    return lambda *options: start_server(bigram_model, "--grpc-port", "0", *options)


@pytest.fixture(scope="module")
def hasty_address(start):
    # So short that on a busy machine a good message may arrive too late.
    return start("--body-seconds", "0.5").grpc_address


def counted(server, code) -> float:
    """The predict requests that ended with a status before they were read."""
    return server.metric(f'tfx_lm_requests_total{{code="{code}",signature="unknown"}}')


def test_a_message_that_never_arrives_ends_the_call_and_others_are_answered(start):
    never = threading.Event()
    good = request(text=["the cat"]).SerializeToString()

    def nothing():
        never.wait(60)
        yield b""

    server = start("--body-seconds", "5")
    with grpc.insecure_channel(server.grpc_address) as channel:
        calls = [channel.stream_unary(PREDICT).future(nothing(), timeout=60) for _ in range(20)]
        assert predict_pb2.PredictResponse.FromString(channel.unary_unary(PREDICT)(good, timeout=60)).outputs
        for call in calls:
            assert (call.code(), call.details()) == (
                grpc.StatusCode.DEADLINE_EXCEEDED,
                "the message did not arrive within 5 s",
            )
        never.set()
    assert counted(server, 408) == 20


def test_what_is_no_message(start):
    problem = (
        grpc.StatusCode.INVALID_ARGUMENT,
        "the message is none of this method; use the stubs of tensorflow-serving-api",
    )
    server = start()
    with grpc.insecure_channel(server.grpc_address) as channel:
        assert refused(channel.unary_unary(PREDICT), b"\xff\xff\xff") == problem
        assert refused(channel.stream_unary(PREDICT), iter(())) == problem
        # The metrics count Predict alone, as over REST.
        assert refused(channel.unary_unary(METADATA), b"\xff\xff\xff") == problem
    # An empty stream counts as if the client had gone away before it sent its message.
    assert (counted(server, 400), counted(server, 499)) == (1, 1)


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET / HT",
        # The opening of HTTP/2 and then half of a frame.
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0" + b"\0\0\x64\1\0\0\0\0\1x",
    ],
)
def test_a_connection_without_a_call_is_closed(hasty_address, sent):
    host, port = hasty_address.split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(sent)
        # An empty answer: the server has closed it. A test that waits for it longer ends with TimeoutError.
        while connection.recv(1000):
            pass
