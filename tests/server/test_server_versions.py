"""Versions of the model that change, and the end of the server, under load."""

import contextlib
import http.client
import json
import os
import shutil
import signal
import sys
import threading
import time

import pytest
from helpers.waiting import wait_for

pytestmark = pytest.mark.slow

PREDICT = "/v1/models/model:predict"


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
    server = start_server(tmp_path, "--poll-seconds", "0.1", python=sys.executable)
    load = Load(server)
    for number in (2, 10):
        copy_version(bigram_model, tmp_path, number)
        wait_for(lambda number=number: server.version() == str(number))
        answered = len(load.statuses)
        wait_for(lambda answered=answered: len(load.statuses) > answered + 20)
    # A rollback.
    (tmp_path / "10").rename(tmp_path / "withdrawn-10")
    wait_for(lambda: server.version() == "2")
    load.stop()
    assert set(load.statuses) == {200}
    assert len(load.statuses) > 50
    assert server.metric("tfx_lm_model_version") == 2
    assert server.stop() == (-signal.SIGTERM, "")


def test_a_version_that_cannot_be_loaded_is_passed_over(start_server, bigram_model, tmp_path):
    copy_version(bigram_model, tmp_path, 1)
    server = start_server(tmp_path, "--poll-seconds", "0.1", python=sys.executable)
    (tmp_path / "2" / "variables").mkdir(parents=True)
    (tmp_path / "2" / "saved_model.pb").write_bytes(b"damaged")
    (tmp_path / "2" / "variables" / "variables.index").write_bytes(b"")
    wait_for(lambda: server.metric("tfx_lm_model_load_failures_total") == 1)
    assert server.version() == "1"
    assert server.predict({"instances": ["the cat"]})[0] == 200
    copy_version(bigram_model, tmp_path, 3)
    wait_for(lambda: server.version() == "3")
    _, errors = server.stop()
    assert str(tmp_path / "2") in errors
    assert "; version 1 is served on" in errors
    assert "Traceback" not in errors


def test_requests_under_way_are_answered_when_the_server_is_told_to_end(start_server, bigram_model):
    server = start_server(bigram_model, python=sys.executable)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.putrequest("POST", PREDICT)
    body = json.dumps({"instances": ["the cat"]}).encode()
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders()
    # Once it answers another connection, it has read this head; at its end it closes connections without one.
    server.version()
    server.process.terminate()
    time.sleep(0.5)
    connection.send(body)
    assert connection.getresponse().status == 200
    connection.close()
    assert server.stop() == (-signal.SIGTERM, "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_end_does_not_wait_for_a_version_that_is_being_loaded(start_server, bigram_model, tmp_path, number):
    copy_version(bigram_model, tmp_path, 1)
    server = start_server(tmp_path, "--poll-seconds", "0.1", python=sys.executable)
    shutil.copytree(bigram_model, tmp_path / ".2")
    sums = tmp_path / ".2" / "assets.extra" / "SHA256SUMS"
    sums.parent.mkdir(exist_ok=True)
    sums.unlink(missing_ok=True)
    # Its reader waits for what never comes.
    os.mkfifo(sums)
    (tmp_path / ".2").rename(tmp_path / "2")
    writer = []

    def is_read():
        # It cannot be opened before a reader has opened it.
        with contextlib.suppress(OSError):
            writer.append(os.open(tmp_path / "2" / "assets.extra" / "SHA256SUMS", os.O_WRONLY | os.O_NONBLOCK))
        return writer

    wait_for(is_read)
    server.process.send_signal(number)
    server.process.wait(timeout=60)
    os.close(writer[0])
    assert server.stop()[1].strip() in ("", "Aborted!")
