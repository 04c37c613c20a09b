"""The server under attack: a minute of the largest requests, a thousand connections, no file descriptors, the end."""

import concurrent.futures
import contextlib
import gzip
import http.client
import json
import resource
import signal
import socket
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from helpers.waiting import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.faults]

PREDICT = "/v1/models/model:predict"
CLIENTS = 64
SECONDS = 60.0
# Of the server's memory, in bytes: `server/README.md` states it. Seen on 2 cores: 270 MB.
MOST_GROWTH = 1_500_000_000
WORDS = 1024

LARGEST = {
    "many short words": {"signature_name": "score", "instances": ["w1 " * 1290] * 256},
    "few long rows": {"signature_name": "score", "instances": ["w1 " * 4000] * 80},
    "candidates": {
        "signature_name": "next_word",
        "inputs": {"text": [f"w1 w{row}" for row in range(256)], "k": 2**31 - 1},
    },
    "one text": {"instances": ["x" * 990_000]},
    "many rows": {"instances": [[""] * 300_000]},
}
BOMBS = {
    "nested": b'{"instances": ' + b"[" * 900_000,
    "nested objects": b'{"a":' * 150_000,
    "numbers": b'{"inputs": {"k": ' + b"9" * 900_000 + b"}}",
    "floats": b'{"inputs": [' + b"1e400," * 150_000 + b"1]}",
    "keys": b"{" + b",".join(b'"%d":1' % number for number in range(70_000)) + b',"1":2}',
}


class Memory:
    """Samples the memory of a process (resident set, bytes) until it is told to stop."""

    def __init__(self, pid):
        self._status = Path(f"/proc/{pid}/status")
        self._begin = time.monotonic()
        self.samples = [(0.0, self._resident())]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self._thread.start()

    def _resident(self):
        return next(int(line.split()[1]) for line in self._status.read_text().splitlines() if "VmRSS" in line) * 1024

    def _sample(self):
        while not self._stop.wait(0.5):
            self.samples.append((time.monotonic() - self._begin, self._resident()))

    def stop(self):
        self._stop.set()
        self._thread.join()

    def print_curve(self):
        step = max(1, len(self.samples) // 30)
        most = max(size for _, size in self.samples)
        for seconds, size in self.samples[::step]:
            print(f"{seconds:6.1f} s {size / 1e6:8.0f} MB {'#' * round(60 * size / most)}")


@pytest.fixture(scope="module")
def bodies():
    """The bodies of all requests by name, with a gzip bomb of half a gigabyte."""
    large = {name: json.dumps(body).encode() for name, body in LARGEST.items()}
    return large | BOMBS | {"gzip": gzip.compress(bytes(500_000_000), 9)}


@pytest.fixture(scope="module")
def large_model(save_uniform_model):
    """A model whose answers are as large as the limits allow."""
    return save_uniform_model(WORDS, max_length=4096)


def test_memory_is_bounded_while_many_clients_send_the_largest_requests(start_server, large_model, bodies, faults):
    server = start_server(large_model, python=sys.executable)
    server.predict({"instances": ["w1"]})
    memory, end = Memory(server.process.pid), time.monotonic() + SECONDS
    statuses = Counter()

    def attack(number):
        names = list(bodies)
        while time.monotonic() < end:
            name = names[number % len(names)]
            number += 1
            headers = {"Content-Encoding": "gzip"} if name == "gzip" else {}
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=300)
            connection.request("POST", PREDICT, bodies[name], headers)
            response = connection.getresponse()
            size = len(response.read())
            connection.close()
            statuses[name, response.status, size > 1_000_000] += 1

    try:
        with concurrent.futures.ThreadPoolExecutor(CLIENTS) as clients:
            for done in [clients.submit(attack, number) for number in range(CLIENTS)]:
                done.result()
    finally:
        memory.stop()
        memory.print_curve()
        print(*sorted(statuses.items()), sep="\n")
    for _ in bodies.keys() - LARGEST.keys():
        faults.bad_input()
    assert {status for _, status, _ in statuses} <= {200, 400, 413, 429}
    assert {name for name, status, _ in statuses if status == 200} == {
        "many short words",
        "few long rows",
        "candidates",
        "one text",
    }
    assert max(size for _, size in memory.samples) - memory.samples[0][1] < MOST_GROWTH
    assert server.predict({"instances": ["w1"]})[0] == 200
    code, errors = server.stop()
    assert code == -signal.SIGTERM
    faults.printed(errors)


def test_a_thousand_connections_do_not_keep_others_out(start_server, bigram_model, faults):
    server = start_server(bigram_model, python=sys.executable)
    with contextlib.ExitStack() as opened, faults.survived():
        for number in range(1500):
            connection = opened.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=60))
            connection.sendall(
                (b"", b"GET / HT", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")[number % 3]
            )
        for _ in range(20):
            assert server.predict({"instances": ["the cat"]})[0] == 200
        assert server.metric("tfx_lm_connections ") <= 1000
        assert server.metric('tfx_lm_cut_total{reason="room"}') >= 500
        code, errors = server.stop()
    assert (code, errors) == (-signal.SIGTERM, "")


def test_without_file_descriptors_what_is_connected_is_answered_and_others_later(start_server, bigram_model, faults):
    server = start_server(bigram_model, "--max-connections", "50", python=sys.executable)
    pid = server.process.pid
    kept = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    kept.request("GET", "/v1/models/model")
    assert kept.getresponse().read()
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (len(list(Path(f"/proc/{pid}/fd").iterdir())), hard))
    with contextlib.ExitStack() as opened, faults.survived():
        for _ in range(40):
            opened.enter_context(contextlib.suppress(OSError))
            opened.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=60))
        kept.request("POST", PREDICT, json.dumps({"instances": ["the cat"]}))
        assert kept.getresponse().status == 200
        kept.close()
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
        opened.close()

        def answers():
            with contextlib.suppress(OSError, http.client.HTTPException):
                return server.predict({"instances": ["the cat"]})[0] == 200

        wait_for(answers)
    code, errors = server.stop()
    assert code == -signal.SIGTERM
    faults.printed(errors)
