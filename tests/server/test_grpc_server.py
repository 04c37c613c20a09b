"""The gRPC server from its start to its end: ports, deadlines, versions and metrics."""

import json
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import grpc
import pytest
from helpers.grpc_calls import refused, request
from helpers.waiting import wait_for
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

pytestmark = pytest.mark.slow

Code = grpc.StatusCode


def test_a_deadline_ends_a_call_and_the_metrics_count_all(start_server, bigram_model):
    server = start_server(bigram_model, "--grpc-port", "0", "--max-bytes", "10000000", "--max-rows", "2000")
    with grpc.insecure_channel(server.grpc_address) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        stub.Predict(request("score", text=["the"]), timeout=60)
        refused(stub.Predict, request("score", text=["the"] * 2001))
        refused(stub.Predict, request("nothing", text=["the"]))
        with pytest.raises(grpc.RpcError) as caught:
            stub.Predict(request("score", text=["the cat " * 600] * 2000), timeout=1)
        assert caught.value.code() == Code.DEADLINE_EXCEEDED
        # The model is free again, and the late call is not counted as answered.
        assert stub.Predict(request("score", text=["the"]), timeout=60).outputs["tokens"].float_val[0] == 2
        for code, signature, count in ((200, "score", 2), (400, "score", 1), (412, "unknown", 1)):
            name = f'tfx_lm_requests_total{{code="{code}",signature="{signature}"}}'
            assert server.metric(name) == count, (code, signature)
        # On a busy machine the client's cancellation arrives before the deadline does.
        late = [server.metric(f'tfx_lm_requests_total{{code="{code}"') for code in (499, 504)]
        assert sorted(late) == [0, 1]


def test_a_new_version_takes_over_and_the_end_drains_without_a_failed_call(start_server, bigram_model, tmp_path):
    shutil.copytree(bigram_model, tmp_path / "1")
    server = start_server(tmp_path, "--grpc-port", "0", "--poll-seconds", "0.1", python=sys.executable)
    codes, versions, stop = set(), set(), threading.Event()

    def ask():
        with grpc.insecure_channel(server.grpc_address) as channel:
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            while not stop.is_set():
                try:
                    versions.add(stub.Predict(request(text=["the cat"]), timeout=60).model_spec.version.value)
                    codes.add(Code.OK)
                except grpc.RpcError as error:
                    codes.add(error.code())
                    if error.code() == Code.UNAVAILABLE:
                        return

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    shutil.copytree(bigram_model, tmp_path / ".2")
    (tmp_path / ".2").rename(tmp_path / "2")
    wait_for(lambda: versions == {1, 2})
    assert codes == {Code.OK}
    assert server.stop() == (-signal.SIGTERM, "")
    stop.set()
    for thread in threads:
        thread.join()
    # Calls after the end are refused; no other call failed.
    assert codes <= {Code.OK, Code.UNAVAILABLE}


def test_a_taken_port_is_refused_at_once(tmp_path):
    command = [str(Path(sys.executable).parent / "tfx-lm"), "serve", str(tmp_path), "--port", "0", "--grpc-port"]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        # There is no model, so that nothing is served if the port is not refused.
        done = subprocess.run([*command, port], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert f"--grpc-port={port}: cannot listen there (Address already in use); set another" in done.stderr


def test_without_the_option_there_is_no_grpc(server):
    assert server.grpc_address is None
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        body = json.dumps({"instances": ["the"]})
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + body.encode())
        assert b"HTTP/1.1 400" in connection.recv(1000)


def is_refused(stub):
    try:
        stub.Predict(request(text=["the cat"]), timeout=60)
    except grpc.RpcError as error:
        return error.code() == Code.UNAVAILABLE
    return False


def test_a_server_that_ends_refuses_calls_while_it_still_answers_a_slow_request(start_server, bigram_model):
    """REST and gRPC end side by side: one after the other would take as long as both limits together."""
    server = start_server(bigram_model, "--grpc-port", "0", python=sys.executable)
    with (
        socket.create_connection(("127.0.0.1", server.port)) as slow,
        grpc.insecure_channel(server.grpc_address) as channel,
    ):
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        stub.Predict(request(text=["the cat"]), timeout=60)
        body = json.dumps({"instances": ["the"]}).encode()
        head = f"POST /v1/models/model:predict HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        slow.sendall(head + body[:-1])
        # Once it answers another connection, it has read this head; at its end it closes connections without one.
        server.version()
        server.process.terminate()
        wait_for(lambda: is_refused(stub))
        slow.sendall(body[-1:])
        assert b"HTTP/1.1 200" in slow.recv(1000)
    assert server.stop() == (-signal.SIGTERM, "")


def test_a_server_that_ends_refuses_calls_while_it_still_answers_one_that_began_before(start_server, bigram_model):
    server = start_server(bigram_model, "--grpc-port", "0", python=sys.executable)
    whole = threading.Event()

    def message():
        assert whole.wait(60)
        yield request(text=["the cat"]).SerializeToString()

    with grpc.insecure_channel(server.grpc_address) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        stub.Predict(request(text=["the cat"]), timeout=60)
        call = channel.stream_unary("/tensorflow.serving.PredictionService/Predict").future(message(), timeout=60)
        # The server is asked once more over the same connection, so that it knows of the call before.
        stub.Predict(request(text=["the cat"]), timeout=60)
        server.process.terminate()
        wait_for(lambda: is_refused(stub))
        whole.set()
        assert predict_pb2.PredictResponse.FromString(call.result()).outputs
    assert server.stop() == (-signal.SIGTERM, "")
