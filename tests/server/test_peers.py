"""Connections that the server ends by the name that gRPC has for the client."""

import socket
from pathlib import Path

import pytest
from tfx_lm.server.peers import end_connections, end_connections_of


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_connection_of_a_peer_is_ended_and_no_other(host):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # A connection of another family, as event loops have one to themselves.
    pair = socket.socketpair()
    with (
        pair[0],
        pair[1],
        socket.create_server((host, 0), family=family) as listening,
        socket.create_connection(listening.getsockname()[:2], timeout=30) as client,
        socket.create_connection(listening.getsockname()[:2], timeout=30) as other,
    ):
        accepted = [listening.accept()[0] for _ in range(2)]
        port = client.getsockname()[1]
        descriptors = len(list(Path("/dev/fd").iterdir()))
        end_connections([f"ipv6:%5B{host}%5D:{port}" if ":" in host else f"ipv4:{host}:{port}"])
        assert len(list(Path("/dev/fd").iterdir())) == descriptors
        assert client.recv(1) == b""
        accepted[1].sendall(b"x")
        assert other.recv(1) == b"x"
        for each in accepted:
            each.close()


def test_an_ipv4_client_of_a_server_of_both_families():
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as listening:
        port = listening.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port), timeout=30) as client, listening.accept()[0]:
            end_connections([f"ipv4:127.0.0.1:{client.getsockname()[1]}"])
            assert client.recv(1) == b""


def test_the_connections_accepted_at_a_port_are_ended_and_no_other():
    with (
        socket.create_server(("127.0.0.1", 0)) as ending,
        socket.create_server(("127.0.0.1", 0)) as staying,
        socket.create_connection(ending.getsockname(), timeout=30) as client,
        socket.create_connection(ending.getsockname(), timeout=30) as second,
        socket.create_connection(staying.getsockname(), timeout=30) as other,
        ending.accept()[0] as accepted,
        ending.accept()[0],
        staying.accept()[0] as kept,
    ):
        accepted.sendall(b"the answer")
        descriptors = len(list(Path("/dev/fd").iterdir()))
        end_connections_of(ending.getsockname()[1])
        assert len(list(Path("/dev/fd").iterdir())) == descriptors
        # What was sent before still arrives.
        assert (client.recv(10), client.recv(1), second.recv(1)) == (b"the answer", b"", b"")
        kept.sendall(b"x")
        assert other.recv(1) == b"x"
        # The server itself still listens.
        with socket.create_connection(ending.getsockname(), timeout=30), ending.accept()[0]:
            pass
