"""Addresses that the server listens at."""

import socket

import pytest
from tfx_lm.server import serve


def reached(listening, host):
    """Whether a client reaches a listening socket at this address."""
    try:
        with socket.create_connection((host, listening.getsockname()[1]), timeout=10):
            return True
    except OSError:
        return False


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", (True, False)), ("localhost", (True, False)), ("::1", (False, True)), ("::", (True, True))],
)
def test_the_families_of_an_address(host, expected):
    with serve._listen(host, 0, "port") as listening:
        assert (reached(listening, "127.0.0.1"), reached(listening, "::1")) == expected


@pytest.mark.parametrize(
    ("families", "expected"),
    [
        ([socket.AF_INET6, socket.AF_INET], socket.AF_INET),
        ([socket.AF_INET], socket.AF_INET),
        ([socket.AF_INET6], socket.AF_INET6),
    ],
)
def test_a_name_may_have_addresses_of_one_family_only(monkeypatch, families, expected):
    asked, made = [], []

    def addresses(host, port, family=0, type=0):
        asked.append((host, family))
        return [(family, type, 6, "", ()) for family in families]

    monkeypatch.setattr(socket, "getaddrinfo", addresses)
    monkeypatch.setattr(socket, "create_server", lambda address, **options: made.append(options["family"]))
    serve._listen("node.example.org", 8501, "port")
    assert made == [expected]
    assert asked == [("node.example.org", 0)]
