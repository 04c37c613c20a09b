"""Connections of slow, greedy and many clients, to a server whose application is a stub."""

import contextlib
import socket
import ssl
import threading
import time

import pytest
import uvicorn
from helpers.certificates import write_certificate
from helpers.waiting import wait_for
from tfx_lm.server.connections import HEADER_BYTES, Clients
from tfx_lm.server.options import Limits

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LARGE = 20_000_000


async def application(scope, receive, send):
    """Answers at once, but: /large with many bytes, /slow never, and a POST after its body."""
    if scope["method"] == "POST":
        while (await receive()).get("more_body"):
            pass
    if scope["path"] == "/slow":
        while (await receive())["type"] != "http.disconnect":
            pass
        return
    body = b"x" * LARGE if scope["path"] == "/large" else b"answered"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


class Listening:
    def __init__(self, port, clients, cut, server, thread, tls):
        self.port, self.clients, self.cut = port, clients, cut
        self.server, self.thread = server, thread
        self.client_tls = ssl.create_default_context(cafile=tls[0]) if tls else None
        self.connections = []

    def connect(self, sent=b""):
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        if self.client_tls is not None:
            connection = self.client_tls.wrap_socket(connection, server_hostname="127.0.0.1")
        self.connections.append(connection)
        connection.sendall(sent)
        return connection

    def get(self):
        return read(self.connect(GET[:-2] + b"Connection: close\r\n\r\n"))


def read(connection):
    """All that is sent until the server closes the connection."""
    parts = []
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(100_000):
            parts.append(part)
    return b"".join(parts)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return tuple(map(str, write_certificate(tmp_path_factory.mktemp("tls"))))


@pytest.fixture
def listen():
    """A function that starts a server of these limits, in a thread."""
    with contextlib.ExitStack() as stack:

        def start(most=1000, tls=(), **limits):
            clients, cut = Clients(Limits(**limits), most), []
            clients.on_cut = cut.append
            certificate, key = tls or (None, None)
            config = uvicorn.Config(
                application,
                **clients.uvicorn_options(),
                lifespan="off",
                log_level="error",
                timeout_graceful_shutdown=20,
                ssl_certfile=certificate,
                ssl_keyfile=key,
            )
            server = uvicorn.Server(config)
            listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            thread = threading.Thread(target=server.run, args=([listening],))
            thread.start()

            def stop():
                server.should_exit = server.force_exit = True
                thread.join()

            stack.callback(stop)
            wait_for(lambda: server.started)
            made = Listening(listening.getsockname()[1], clients, cut, server, thread, tls)
            stack.callback(lambda: [connection.close() for connection in made.connections])
            return made

        yield start


@pytest.mark.parametrize("sent", [b"", b"GET / HT", GET[:-2], b"\r\n", GET + b"GET"])
def test_headers_that_do_not_arrive_in_time(listen, sent):
    server = listen(body_seconds=0.3)
    content = read(server.connect(sent))
    assert content.endswith(b'\r\n\r\n{"error":"the headers did not arrive within 0.3 s"}')
    assert b"HTTP/1.1 408 Request Timeout\r\n" in content
    assert server.cut == ["late"]


def test_empty_lines_do_not_keep_a_connection_open(listen):
    server = listen(body_seconds=0.5)
    connection = server.connect(GET)
    with contextlib.suppress(ConnectionError):
        while True:
            connection.sendall(b"\r\n")
            time.sleep(0.02)
    assert server.cut == ["late"]


@pytest.mark.parametrize("path", [b"/", b"/slow"])
def test_a_body_that_nobody_waits_for_must_arrive_in_time_too(listen, monkeypatch, path):
    monkeypatch.setattr("tfx_lm.server.connections._GRACE_SECONDS", 0.0)
    server = listen(body_seconds=0.3)
    content = read(server.connect(b"GET %s HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{" % path))
    assert content.endswith(b"answered" if path == b"/" else b"")
    assert server.cut == ["late"]


@pytest.mark.parametrize("header", [b"A: b\r\n", b"A: ", b"A"], ids=["many", "one value", "one name"])
def test_a_bomb_of_headers_is_refused(listen, header):
    server = listen()
    connection = server.connect(GET[:-2])
    sent = 0
    with contextlib.suppress(ConnectionError):
        connection.sendall(header)
        while True:
            sent += connection.send((header if header.endswith(b"\n") else b"x") * 1000)
    # The rest lies in the buffers of the system.
    assert sent < 100 * HEADER_BYTES
    assert server.cut == ["headers"]
    assert server.get().endswith(b"answered")


def test_a_bomb_of_trailers_ends_the_request(listen):
    server = listen()
    connection = server.connect(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n")
    with contextlib.suppress(ConnectionError):
        while True:
            connection.sendall(b"A: b\r\n" * 1000)
    assert server.cut == ["headers"]


def test_headers_of_many_bytes_are_taken(listen):
    server = listen()
    connection = server.connect(GET[:-2] + b"A: " + b"x" * (HEADER_BYTES - 100) + b"\r\nConnection: close\r\n\r\n")
    assert read(connection).endswith(b"answered")


@pytest.mark.parametrize(("requests", "tls"), [(1, False), (3, False), (1, True)])
def test_an_answer_that_is_not_read_in_time(listen, certificate, requests, tls):
    server = listen(body_seconds=0.5, tls=certificate if tls else ())
    connection = server.connect(GET.replace(b"/ ", b"/large ", 1) * requests)
    wait_for(lambda: server.cut)
    assert server.cut == ["late"]
    with contextlib.suppress(ssl.SSLError):  # TLS has no end then.
        assert len(read(connection)) < LARGE
    wait_for(lambda: not server.clients.open)


@pytest.mark.parametrize("tls", [False, True])
def test_answers_that_are_not_read_hold_a_bounded_number_of_bytes(listen, certificate, monkeypatch, tls):
    monkeypatch.setattr("tfx_lm.server.waiting._HELD_BYTES", 3 * LARGE)
    server = listen(body_bytes=1, tls=certificate if tls else ())
    # The requests that each client sends ahead are not answered before.
    for _ in range(5):
        server.connect(GET.replace(b"/ ", b"/large ", 1) * 3)
    wait_for(lambda: server.cut == ["room"] * 2)
    assert server.clients.waiting.size == 3 * LARGE
    wait_for(lambda: len(server.clients.open) == 3)


def test_idle_clients_that_do_not_end_tls_do_not_keep_the_server(listen, certificate, monkeypatch):
    monkeypatch.setattr("tfx_lm.server.connections._TLS_END_SECONDS", 0.1)
    server = listen(tls=certificate)
    connection = server.connect(GET)
    assert connection.recv(1000).startswith(b"HTTP/1.1 200 OK\r\n")
    wait_for(lambda: len(server.clients.waiting) == 1)
    server.server.should_exit = True
    server.thread.join()
    assert not server.clients.open


def test_a_request_for_a_websocket_is_answered_as_any_other_and_counted_no_longer_than_it_is_open(listen):
    server = listen(body_seconds=0.5)
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    connection = server.connect(GET[:-2] + upgrade + b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
    assert connection.recv(1000).startswith(b"HTTP/1.1 200 OK\r\n")
    connection.close()
    wait_for(lambda: not server.clients.open)
    assert len(server.clients.waiting) == 0


@pytest.mark.parametrize("tls", [False, True])
def test_an_answer_that_is_read(listen, certificate, tls):
    server = listen(body_seconds=5.0, tls=certificate if tls else ())
    connection = server.connect(
        GET.replace(b"/ ", b"/large ", 1).replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    )
    assert len(read(connection)) > LARGE
    connection.close()
    wait_for(lambda: not server.clients.open)
    assert (server.cut, server.clients.waiting.size) == ([], 0)


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{"])
def test_slow_clients_give_way_to_others(listen, sent):
    server = listen(most=10)
    slow = [server.connect(sent) for _ in range(30)]
    wait_for(lambda: len(server.cut) == 20)
    for _ in range(30):
        assert server.get().endswith(b"answered")
    assert set(server.cut) == {"room"}
    # The one that has waited the longest went first.
    assert read(slow[0]) == b""


def test_what_is_being_answered_does_not_give_way(listen):
    server = listen(most=3)
    busy = [server.connect(GET.replace(b"/ ", b"/slow ", 1)) for _ in range(3)]
    wait_for(lambda: len(server.clients.open) == 3 and not len(server.clients.waiting))
    content = server.get()
    assert content.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert content.endswith(b'{"error":"3 connections are open, and all being answered; try again later"}')
    busy[0].close()
    wait_for(lambda: len(server.clients.open) == 2)
    assert server.get().endswith(b"answered")


def test_bodies_that_arrive_hold_a_bounded_number_of_bytes(listen, monkeypatch):
    monkeypatch.setattr("tfx_lm.server.waiting._HELD_BYTES", 0)
    # 64 of the largest bodies.
    server = listen(body_bytes=1000)
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
    slow = [server.connect(head + b"x" * 999) for _ in range(100)]
    wait_for(lambda: len(server.cut) == 100 - 64)
    assert server.clients.waiting.size == 64 * 999
    assert server.get().endswith(b"answered")
    for connection in slow:
        connection.close()
    wait_for(lambda: not server.clients.open)
    assert server.clients.waiting.size == 0
