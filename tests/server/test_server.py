"""The server over HTTP, as a user starts it."""

import base64
import concurrent.futures
import gzip
import http.client
import json
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner
from helpers.examples import text_example
from tfx_lm.cli.cli import main

pytestmark = pytest.mark.slow

PREDICT = "/v1/models/model:predict"


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def version(server):
    return server.ask("GET", "/v1/models/model")[1]["model_version_status"][0]["version"]


def metric(server, name):
    lines = server.ask("GET", "/metrics")[1].decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def example(text):
    return {"b64": base64.b64encode(text_example(text)).decode()}


def test_status_and_metadata(server):
    expected = {"version": "7", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    for path in ("/v1/models/model", "/v1/models/model/versions/7"):
        assert server.ask("GET", path) == (200, {"model_version_status": [expected]})
    status, metadata = server.ask("GET", "/v1/models/model/metadata")
    assert status == 200
    assert metadata["model_spec"] == {"name": "model", "signature_name": "", "version": "7"}
    definitions = metadata["metadata"]["signature_def"]["signature_def"]
    assert set(definitions) == {"serving_default", "score", "next_word", "tokenize", "step", "evaluate"}
    states = definitions["step"]["inputs"]["states"]
    assert states["dtype"] == "DT_FLOAT"
    assert [size["size"] for size in states["tensor_shape"]["dim"]] == ["-1", "1", "2", "3"]
    assert definitions["next_word"]["inputs"]["k"]["tensor_shape"]["dim"] == [{"size": "-1", "name": ""}]


@pytest.mark.parametrize("path", [PREDICT, "/v1/models/model/versions/7:predict"])
def test_every_signature_answers_as_the_model_itself(server, bigram_model, path):
    model = tf.saved_model.load(bigram_model)
    texts = ["the cat", "", "a dog the cat the cat"]
    ids, states = [[2, 4], [2, 5]], np.zeros([2, 1, 2, 3], np.float32)
    asked = {
        "serving_default": {"text": texts},
        "score": {"text": texts},
        "next_word": {"text": texts, "k": 2},
        "tokenize": {"text": texts},
        "step": {"ids": ids, "states": states.tolist()},
    }
    for signature, inputs in asked.items():
        status, found = server.predict({"signature_name": signature, "inputs": inputs}, path)
        assert status == 200, found
        dtypes = {name: spec.dtype for name, spec in model.signatures[signature].structured_input_signature[1].items()}
        tensors = {name: tf.constant(value, dtypes[name]) for name, value in inputs.items()}
        expected = model.signatures[signature](**tensors)
        assert set(found["outputs"]) == set(expected)
        for name, tensor in expected.items():
            values = tensor.numpy()
            if values.dtype == object:
                assert found["outputs"][name] == values.astype(str).tolist()
            else:
                np.testing.assert_allclose(found["outputs"][name], values, rtol=1e-6)


@pytest.mark.parametrize("scalar_k", [False, True], ids=["k [batch]", "k scalar, as it was"])
def test_next_words_of_clients_old_and_new_on_models_old_and_new(
    start_server, save_table_model, bigram_table, scalar_k
):
    server = start_server(save_table_model(*bigram_table, scalar_k=scalar_k))
    words = [["cat", "the"], ["the", "cat"]]
    for k in (2, [2], [2, 2]):
        status, found = server.predict({"signature_name": "next_word", "inputs": {"text": ["the", ""], "k": k}})
        assert (status, found["outputs"]["words"]) == (200, words)
    rows = [{"text": "the", "k": 2}, {"text": "", "k": 2}]
    status, found = server.predict({"signature_name": "next_word", "instances": rows})
    assert [row["words"] for row in found["predictions"]] == words


def test_rows(server):
    status, found = server.predict({"instances": [{"text": "the cat"}, {"text": "cat"}]})
    assert status == 200
    assert [row["perplexity"] for row in found["predictions"]] == pytest.approx([2.0, 2.8284271], rel=1e-6)
    assert set(found["predictions"][0]) == {"log_probability", "tokens", "perplexity"}


def test_many_clients_get_what_a_client_alone_gets(server):
    choose = random.Random(1)
    texts = [" ".join(choose.choices(["the", "cat", "dog"], k=choose.randrange(60))) for _ in range(300)]
    alone = [server.predict({"signature_name": "score", "instances": [text]}) for text in texts[:50]]
    before, rows_before = (metric(server, f"tfx_lm_batch_rows_{name}") for name in ("count", "sum"))
    with concurrent.futures.ThreadPoolExecutor(32) as clients:
        found = list(clients.map(lambda text: server.predict({"signature_name": "score", "instances": [text]}), texts))
    for (status, one), (other_status, other) in zip(alone, found, strict=False):
        assert status == other_status == 200
        (one,), (other,) = one["predictions"], other["predictions"]
        assert one["words"] == other["words"]
        np.testing.assert_allclose(one["log_probabilities"], other["log_probabilities"], rtol=1e-5)
    for text, (_, answer) in zip(texts, found, strict=True):
        assert answer["predictions"][0]["tokens"] == len(text.split()) + 1
    after, rows_after = (metric(server, f"tfx_lm_batch_rows_{name}") for name in ("count", "sum"))
    assert rows_after - rows_before == 300
    assert after - before < 300  # Some shared a call.


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("GET", "/v1/models/other", 404, "no model other; the model's name here is model"),
        ("POST", "/v1/models/other:predict", 404, "no model other"),
        ("POST", "/v1/models/model/versions/8:predict", 404, "no version 8 of model; version 7 is served"),
        ("GET", "/v1/models/model/versions/x", 400, "versions/x: must be a number of 64 bits; name a version, or none"),
        ("GET", f"/v1/models/model/versions/{'9' * 5000}", 400, "must be a number of 64 bits"),
        ("POST", "/v1/models/model/versions/9223372036854775808:predict", 400, "must be a number of 64 bits"),
        # As TensorFlow Serving: 400 for what it knows and the model has not.
        (
            "POST",
            "/v1/models/model/labels/stable:predict",
            400,
            "label stable: versions have no labels here; name vers",
        ),
        ("GET", "/v1/models/model/labels/stable", 400, "label stable: versions have no labels here"),
        ("GET", "/v1/models/model/labels/stable/metadata", 400, "label stable: versions have no labels here"),
        ("POST", "/v1/models/other/labels/stable:predict", 404, "no model other"),
        ("POST", "/v1/models/model:classify", 400, ":classify: the model has no signature for it; use :predict"),
        ("POST", "/v1/models/model/versions/7:regress", 400, ":regress: the model has no signature for it"),
        ("POST", "/v1/models/other:classify", 404, "no model other"),
        (
            "POST",
            "/v1/models/model:generate",
            400,
            "/v1/models/model:generate: Not Found; POST to /v1/models/model:pred",
        ),
        ("GET", "/v1/models/model/", 400, "GET: /v1/models/model/: Not Found; leave the slash at the end out"),
        ("POST", "/v1/models/model:predict/", 400, "leave the slash at the end out"),
        ("POST", "/v1/models/model:predict/?a=/", 400, "leave the slash at the end out"),
        (
            "GET",
            "/v1/models",
            400,
            "/v1/models: Not Found; POST to /v1/models/model:predict, or GET /v1/models/model or",
        ),
        ("POST", "/v1/models/model", 405, "POST: Method Not Allowed; use GET"),
        ("GET", "/metrics/", 404, "leave the slash at the end out"),
        ("GET", "/nothing", 404, "Not Found"),
        ("GET", PREDICT, 405, "GET: Method Not Allowed; use POST"),
        ("DELETE", "/v1/models/model", 405, "Method Not Allowed"),
    ],
)
def test_wrong_addresses(server, method, path, status, message):
    found, answer = server.ask(method, path, b"" if method == "POST" else None)
    assert found == status
    assert message in answer["error"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"\xff\xfe", "the body is not JSON"),
        (gzip.compress(b'{"instances": ["a"]}', mtime=0), "the body is compressed with gzip; say so"),
        ({"instances": ["a"], "signature_name": "nothing"}, "signature_name=nothing: no such signature"),
        ({"instances": ["a"] * 257}, "257 rows: at most 256 in a request; send several"),
        ({"instances": ["the " * 5000]}, "a text of 5000 tokens: at most 4096; split it"),
        (
            {"signature_name": "step", "inputs": {"ids": [[2] * 5000], "states": np.zeros([1, 1, 2, 3]).tolist()}},
            "a text of 5000 tokens: at most 4096",
        ),
        (
            {"signature_name": "step", "inputs": {"ids": [[99]], "states": np.zeros([1, 1, 2, 3]).tolist()}},
            "step: the model refuses the inputs",
        ),
        ({"signature_name": "evaluate", "instances": ["no example"]}, "evaluate: the model refuses the inputs"),
        ({"signature_name": "evaluate", "instances": ["no example" * 1000]}, "evaluate: the model refuses the inputs"),
        ({"signature_name": "evaluate", "instances": [example("the " * 5000)]}, "a text of 5000 tokens: at most 4096"),
        ({"signature_name": "next_word", "inputs": {"text": ["the"], "k": -1}}, "k: -1 is negative; it must be 0 or"),
    ],
)
def test_bad_requests(server, body, message):
    status, answer = server.predict(body)
    assert status == 400
    assert message in answer["error"]
    assert server.predict({"instances": ["the cat"]})[0] == 200


def test_odd_texts_are_answered(server):
    for text in ("", "\x00", "☃ 日本語", "x" * 500_000, {"b64": "//8gdGhl"}):
        status, answer = server.predict({"signature_name": "score", "instances": [text]})
        assert status == 200, answer


def test_a_body_of_100_mb_and_a_string_of_1_mb_are_refused(server):
    too_large = "the body has more than 1000000 bytes; send less at once"
    assert server.predict({"instances": ["x" * 1_000_000]}) == (413, {"error": too_large})
    assert server.ask("POST", PREDICT, b"x" * 100_000_000) == (413, {"error": too_large})
    parts = iter([b"x" * 100_000] * 100)
    assert server.ask("POST", PREDICT, parts) == (413, {"error": too_large})
    assert server.predict({"instances": ["the cat"]})[0] == 200


def test_slow_clients_are_told_so_and_hold_nobody_up(start_server, bigram_model):
    server = start_server(bigram_model, "--body-seconds", "0.5")
    slow = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(100)]
    head = b"POST /v1/models/model:predict HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{"
    for number, connection in enumerate(slow):
        connection.sendall(head if number % 2 else head[: 1 + number])
    assert server.predict({"instances": ["the cat"]})[0] == 200
    slow[1].settimeout(30)
    answer = slow[1].recv(10_000)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"the body did not arrive within 0.5 s" in answer
    for connection in slow:
        connection.close()
    assert server.predict({"instances": ["the cat"]})[0] == 200


def copy_version(model, folder, number):
    """As the Pusher does it: whole, and at once."""
    shutil.copytree(model, folder / f".pushing-{number}")
    (folder / f".pushing-{number}").rename(folder / str(number))


class Load:
    """Clients that ask without a pause, until told to stop."""

    def __init__(self, server, clients=4):
        self.statuses = []
        self._server = server
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(clients)]
        for thread in self._threads:
            thread.start()

    def _ask(self):
        connection = http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=60)
        while not self._stop.is_set():
            connection.request("POST", PREDICT, json.dumps({"instances": ["the cat"]}))
            response = connection.getresponse()
            response.read()
            self.statuses.append(response.status)
        connection.close()

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join()


def test_a_new_version_takes_over_under_load_without_a_failed_request(start_server, bigram_model, tmp_path):
    copy_version(bigram_model, tmp_path, 1)
    server = start_server(tmp_path, "--poll-seconds", "0.1")
    load = Load(server)
    for number in (2, 10):
        copy_version(bigram_model, tmp_path, number)
        wait_for(lambda number=number: version(server) == str(number))
        answered = len(load.statuses)
        wait_for(lambda answered=answered: len(load.statuses) > answered + 20)
    # A rollback.
    (tmp_path / "10").rename(tmp_path / "withdrawn-10")
    wait_for(lambda: version(server) == "2")
    load.stop()
    assert set(load.statuses) == {200}
    assert len(load.statuses) > 50
    assert metric(server, "tfx_lm_model_version") == 2
    assert server.stop() == (-signal.SIGTERM, "")


def test_a_version_that_cannot_be_loaded_is_passed_over(start_server, bigram_model, tmp_path):
    copy_version(bigram_model, tmp_path, 1)
    server = start_server(tmp_path, "--poll-seconds", "0.1")
    (tmp_path / "2" / "variables").mkdir(parents=True)
    (tmp_path / "2" / "saved_model.pb").write_bytes(b"damaged")
    (tmp_path / "2" / "variables" / "variables.index").write_bytes(b"")
    wait_for(lambda: metric(server, "tfx_lm_model_load_failures_total") == 1)
    assert version(server) == "1"
    assert server.predict({"instances": ["the cat"]})[0] == 200
    copy_version(bigram_model, tmp_path, 3)
    wait_for(lambda: version(server) == "3")
    _, errors = server.stop()
    assert "cannot be loaded; version 1 is served on" in errors


def test_requests_under_way_are_answered_when_the_server_is_told_to_end(start_server, bigram_model):
    server = start_server(bigram_model)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.putrequest("POST", PREDICT)
    body = json.dumps({"instances": ["the cat"]}).encode()
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders()
    time.sleep(0.5)
    server.process.terminate()
    time.sleep(0.5)
    connection.send(body)
    assert connection.getresponse().status == 200
    connection.close()
    assert server.stop() == (-signal.SIGTERM, "")


def test_metrics_count_requests_by_signature_and_status(server):
    before = [metric(server, f'tfx_lm_requests_total{{code="{code}",signature="score"}}') for code in (200, 400)]
    server.predict({"signature_name": "score", "instances": ["the"]})
    server.predict({"signature_name": "score", "instances": ["the"] * 300})
    after = [metric(server, f'tfx_lm_requests_total{{code="{code}",signature="score"}}') for code in (200, 400)]
    assert [count - old for count, old in zip(after, before, strict=True)] == [1, 1]
    assert metric(server, "tfx_lm_model_load_seconds") > 0


def test_metrics_count_what_is_refused_before_it_is_read(start_server, bigram_model):
    server = start_server(bigram_model, "--body-seconds", "2", "--max-bytes", "1000")
    head = b"POST /v1/models/model:predict HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"
    server.predict({"instances": ["the"]}, "/v1/models/other:predict")
    server.predict({"instances": ["x" * 2000]})
    with socket.create_connection(("127.0.0.1", server.port)) as slow:
        slow.sendall(head)
        assert slow.recv(10_000).startswith(b"HTTP/1.1 408")
    with socket.create_connection(("127.0.0.1", server.port)) as gone:
        gone.sendall(head)
    for code in (404, 413, 408, 499):
        wait_for(lambda code=code: metric(server, f'tfx_lm_requests_total{{code="{code}",signature="unknown"}}') == 1)
    # The time is that from the whole body to the answer.
    assert metric(server, "tfx_lm_request_seconds_count") == 0


def test_more_rows_than_wait_by_default(start_server, bigram_model):
    server = start_server(bigram_model, "--max-rows", "5000")
    status, answer = server.predict({"instances": ["the cat"] * 5000})
    assert status == 200
    assert len(answer["predictions"]) == 5000


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--name", "my/model", "--name='my/model': cannot be part of an address; use letters, digits"),
        ("--name", "", "--name='': cannot be part of an address"),
        ("--name", "..", "--name='..': cannot be part of an address"),
        ("--poll-seconds", "nan", "--poll-seconds=nan: input should be a finite number; set --poll-seconds"),
        ("--body-seconds", "nan", "--body-seconds=nan: input should be a finite number; set --body-seconds"),
        ("--body-seconds", "inf", "--body-seconds=inf: input should be a finite number; set --body-seconds"),
    ],
)
def test_options_that_cannot_be_used_are_refused(tmp_path, option, value, message):
    # There is no model, so that nothing is served where they are not refused.
    done = CliRunner().invoke(main, ["serve", str(tmp_path / "none"), "--port", "0", option, value])
    assert done.exit_code == 2
    assert done.output.startswith(f"tfx-lm: {message}")
    assert done.output.count("\n") == 1


@pytest.mark.parametrize("problem", ["port", "model"])
def test_what_cannot_be_served_is_said_at_once(server, bigram_model, tmp_path, problem):
    model, port = (bigram_model, server.port) if problem == "port" else (tmp_path, 0)
    command = [str(Path(sys.executable).parent / "tfx-lm"), "serve", str(model), "--port", str(port)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    message = "cannot listen there (Address already in use); set another" if problem == "port" else "no SavedModel here"
    assert message in done.stderr
