"""Requests and options that the server refuses."""

import base64
import gzip
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from helpers.examples import text_example
from helpers.waiting import wait_for
from tfx_lm.cli.cli import main

pytestmark = pytest.mark.slow

PREDICT = "/v1/models/model:predict"


def example(text):
    return {"b64": base64.b64encode(text_example(text)).decode()}


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


def test_a_body_of_100_mb_and_a_string_of_1_mb_are_refused(server):
    too_large = "the body has more than 1000000 bytes; send less at once"
    assert server.predict({"instances": ["x" * 1_000_000]}) == (413, {"error": too_large})
    assert server.ask("POST", PREDICT, b"x" * 100_000_000) == (413, {"error": too_large})
    parts = iter([b"x" * 100_000] * 100)
    assert server.ask("POST", PREDICT, parts) == (413, {"error": too_large})
    assert server.predict({"instances": ["the cat"]})[0] == 200


def test_slow_clients_are_told_so_and_hold_nobody_up(start_server, bigram_model):
    # Long enough for the body of a client that is not slow, also on a busy machine.
    server = start_server(bigram_model, "--body-seconds", "3")
    slow = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(100)]
    head = b"POST /v1/models/model:predict HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{"
    for number, connection in enumerate(slow):
        connection.sendall(head if number % 2 else head[: 1 + number])
    assert server.predict({"instances": ["the cat"]})[0] == 200
    slow[1].settimeout(30)
    answer = b"".join(iter(lambda: slow[1].recv(10_000), b""))
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"the body did not arrive within 3 s" in answer
    for connection in slow:
        connection.close()
    assert server.predict({"instances": ["the cat"]})[0] == 200


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
        wait_for(lambda code=code: server.metric(f'tfx_lm_requests_total{{code="{code}",signature="unknown"}}') == 1)
    # The time is that from the whole body to the answer.
    assert server.metric("tfx_lm_request_seconds_count") == 0


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--name", "my/model", "--name='my/model': cannot be part of an address; use letters, digits"),
        ("--name", "", "--name='': cannot be part of an address"),
        ("--name", "..", "--name='..': cannot be part of an address"),
        ("--poll-seconds", "nan", "--poll-seconds=nan: input should be a finite number; set --poll-seconds"),
        ("--body-seconds", "nan", "--body-seconds=nan: input should be a finite number; set --body-seconds"),
    ],
)
def test_options_that_cannot_be_used_are_refused(tmp_path, option, value, message):
    # There is no model, so that nothing is served where they are not refused.
    done = CliRunner().invoke(main, ["serve", str(tmp_path / "none"), "--port", "0", option, value])
    assert done.exit_code == 2
    assert done.output.startswith(f"tfx-lm: {message}")
    assert done.output.count("\n") == 1


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ("nowhere", "--host=nowhere, --port=80: cannot listen there (Name or service not known); set another"),
        ("a..b", "--host=a..b: cannot be the name of a host; set another"),
    ],
)
def test_an_unknown_host_is_refused_with_the_reason(tmp_path, monkeypatch, host, message):
    look_up = socket.getaddrinfo

    def getaddrinfo(name, *arguments, **named):
        if name == "nowhere":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return look_up(name, *arguments, **named)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    done = CliRunner().invoke(main, ["serve", str(tmp_path), "--host", host, "--port", "80"])
    assert done.exit_code == 2
    # After a warning that others can reach it.
    assert done.output.splitlines()[-1] == f"tfx-lm: {message}"


@pytest.mark.parametrize("option", ["--poll-seconds", "--body-seconds"])
def test_a_duration_has_an_end(tmp_path, option):
    done = CliRunner().invoke(main, ["serve", str(tmp_path / "none"), "--port", "0", option, "inf"])
    assert done.exit_code == 2
    assert f"Invalid value for '{option}': inf is not in the range 0.0<x<=86400.0" in done.output


@pytest.mark.parametrize("problem", ["port", "model"])
def test_what_cannot_be_served_is_said_at_once(server, bigram_model, tmp_path, problem):
    model, port = (bigram_model, server.port) if problem == "port" else (tmp_path, 0)
    command = [str(Path(sys.executable).parent / "tfx-lm"), "serve", str(model), "--port", str(port)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    message = "cannot listen there (Address already in use); set another" if problem == "port" else "no SavedModel here"
    assert message in done.stderr
