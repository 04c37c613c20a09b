"""The meeting of the workers before a training: who has not come is named, who does not belong is told."""

import socket
import threading

import pytest
from tfx_lm.components.trainer import rendezvous
from tfx_lm.components.trainer.cluster import Cluster
from tfx_lm.components.trainer.peer import TASK_BYTES, Peer
from tfx_lm.components.trainer.rendezvous import WorkerError, check_port, digest, gather, join, send_home
from tfx_lm.errors import SettingError

AGREED = digest({"units": 32})


def free_port():
    with socket.create_server(("", 0)) as listener:
        return listener.getsockname()[1]


@pytest.fixture
def addresses():
    return (f"127.0.0.1:{free_port()}", "host1:2222", "host2:2222")


class InThread:
    """Calls a function in a thread."""

    def __init__(self, function, *arguments):
        self._outcome = None

        def call():
            try:
                self._outcome = function(*arguments)
            except Exception as error:
                self._outcome = error

        self._thread = threading.Thread(target=call)
        self._thread.start()

    def runs(self):
        return self._thread.is_alive()

    def __call__(self):
        """Waits for the result or the error."""
        self._thread.join()
        return self._outcome


def test_the_workers_meet_whoever_comes_first(addresses):
    others = [InThread(join, Cluster(addresses, index), AGREED, 60) for index in (2, 1)]
    peers = gather(Cluster(addresses), AGREED, 60)
    assert sorted(peers) == [1, 2]
    for peer in peers.values():
        peer.send(start={"files": ["a" * 100_000]})
    for other in others:
        peer, message = other()
        assert message == {"start": {"files": ["a" * 100_000]}}
        peer.close()
    assert peers[1].receive() is None
    for peer in peers.values():
        peer.close()


def test_workers_that_do_not_come_are_named_to_those_that_did(addresses, monkeypatch):
    now = [0.0]

    def report(text):
        if text == "waits for worker 2 (host2:2222)":  # The first has come.
            now[0] = 2.0

    monkeypatch.setattr(rendezvous, "report", report)
    first = InThread(join, Cluster(addresses, 1), AGREED, 60)
    with pytest.raises(WorkerError) as error:
        gather(Cluster(addresses), AGREED, 2, lambda: now[0])
    message = str(error.value)
    assert message.startswith("worker 2 (host2:2222) did not come within worker_timeout_seconds=2; start each with")
    assert message in str(first())


def test_a_chief_that_does_not_come_is_named(addresses):
    with pytest.raises(WorkerError) as error:
        join(Cluster(addresses, 1), AGREED, 0.01)
    assert str(error.value).startswith(
        f"worker 0 ({addresses[0]}) did not come within worker_timeout_seconds=0.01 (Connection refused); start it"
    )


def test_workers_that_have_nothing_to_train_are_told(addresses):
    others = [InThread(join, Cluster(addresses, index), AGREED, 60) for index in (2, 1)]
    send_home(Cluster(addresses), "nothing to train", 60)
    for peer, message in [other() for other in others]:
        assert message == {"end": "nothing to train"}
        peer.close()


def test_workers_fail_if_the_chief_was_refused(addresses):
    first = InThread(join, Cluster(addresses[:2], 1), AGREED, 60)
    send_home(Cluster(addresses[:2]), "no {run}", 60, failed=True)
    assert str(first()) == f"worker 0 ({addresses[0]}) says: no {{run}}"


def test_the_port_of_each_worker_must_be_free():
    with socket.create_server(("", 0)) as other:
        port = other.getsockname()[1]
        cluster = Cluster(("host0:2222", f"host1:{port}"), 1)
        with pytest.raises(SettingError, match=rf"^port {port} of this machine, of host1:{port}: cannot be used"):
            check_port(cluster)
    check_port(cluster)


def connect(chief, addresses):
    """Connects to the chief, which may not listen yet."""
    host, _, port = addresses[0].partition(":")
    while True:
        try:
            return socket.create_connection((host, int(port)))
        except ConnectionRefusedError:
            assert chief.runs(), chief()


def come(chief, addresses, index, **other):
    """Comes as a worker that says something else; returns the connection and the chief's answer."""
    connection = connect(chief, addresses)
    peer = Peer(connection, TASK_BYTES)
    peer.send(**{"index": index, "workers": addresses, "agreed": AGREED, **other})
    connection.settimeout(60)
    return peer, peer.receive()[0]


def test_a_worker_that_does_not_belong_is_told_and_the_others_meet(addresses):
    chief = InThread(gather, Cluster(addresses), AGREED, 60)
    second, answer = come(chief, addresses, 2)
    assert answer == {"welcome": True}
    for index, other, message in [
        (2, {}, "worker 2 (host2:2222) has come already; give each worker an index of its own"),
        (0, {}, "it is worker 0 itself; give each worker an index of its own"),
        (1, {"workers": ["a:1"]}, f"its workers are {', '.join(addresses)}; give each worker the same addresses"),
        (1, {"agreed": "other"}, "worker 1 (host1:2222) has other options or another version of tfx-lm; give each"),
    ]:
        peer, answer = come(chief, addresses, index, **other)
        assert answer["failed"].startswith(message)
        peer.close()
    first, answer = come(chief, addresses, 1)
    assert answer == {"welcome": True}
    for peer in (*chief().values(), first, second):
        peer.close()


def test_a_worker_that_went_away_is_waited_for_again(addresses):
    chief = InThread(gather, Cluster(addresses), AGREED, 60)
    gone, _ = come(chief, addresses, 1)
    gone.close()
    others = [InThread(join, Cluster(addresses, index), AGREED, 60) for index in (1, 2)]
    for peer in chief().values():
        peer.send(start={})
        peer.close()
    for peer, message in [other() for other in others]:
        assert message == {"start": {}}
        peer.close()


def test_what_is_not_a_worker_does_not_disturb(addresses):
    chief = InThread(gather, Cluster(addresses), AGREED, 60)
    first, _ = come(chief, addresses, 1)
    nested = b'{"a":' * 10_000 + b"\n"
    for content in (b"GET / HTTP/1.1\r\n\r\n", b"[1, 2]\n", b"\xff\xfe\n", nested, b"x" * 100_000, b""):
        with connect(chief, addresses) as stranger:
            stranger.sendall(content)
    second, answer = come(chief, addresses, 2)
    assert answer == {"welcome": True}
    peers = chief()
    assert sorted(peers) == [1, 2]
    for peer in (*peers.values(), first, second):
        peer.close()


def test_those_that_say_nothing_do_not_keep_a_worker_away(addresses, monkeypatch):
    monkeypatch.setattr(rendezvous, "_STRANGERS", 3)
    chief = InThread(gather, Cluster(addresses[:2]), AGREED, 60)
    silent = [connect(chief, addresses) for _ in range(10)]
    first, answer = come(chief, addresses[:2], 1)
    assert answer == {"welcome": True}
    for peer in (*chief().values(), first, *silent):
        peer.close()


def test_the_chief_goes_on_if_it_can_accept_no_connection(addresses, monkeypatch):
    monkeypatch.setattr(rendezvous, "_RETRY", 0.0)
    accept, refused = socket.socket.accept, [True, True]

    def without_descriptor(listener):
        if refused:
            refused.pop()
            raise OSError(24, "Too many open files")
        return accept(listener)

    monkeypatch.setattr(socket.socket, "accept", without_descriptor)
    chief = InThread(gather, Cluster(addresses[:2]), AGREED, 60)
    first, answer = come(chief, addresses[:2], 1)
    assert (answer, refused) == ({"welcome": True}, [])
    for peer in (*chief().values(), first):
        peer.close()


def test_a_connection_on_which_nothing_can_be_written_ends(monkeypatch):
    left, right = socket.socketpair()
    monkeypatch.setattr("tfx_lm.components.trainer.peer._KEEPALIVE", ())  # Not for this kind of socket.
    monkeypatch.setattr("tfx_lm.components.trainer.peer._WRITING", 0.01)
    with left:
        peer = Peer(right, TASK_BYTES)
        peer.send(text="a" * 10_000_000)  # The other end does not read.
        assert peer.receive() is None
        peer.close()


def test_a_message_comes_in_pieces(monkeypatch):
    left, right = socket.socketpair()
    monkeypatch.setattr("tfx_lm.components.trainer.peer._KEEPALIVE", ())  # Not for this kind of socket.
    with left:
        peer = Peer(right, TASK_BYTES)
        left.sendall(b'{"a": ')
        assert peer.receive() == []
        left.sendall(b'1}\n{"b": 2}\n')
        assert peer.receive() == [{"a": 1}, {"b": 2}]
    assert peer.receive() is None
    peer.close()
