"""The meeting of the workers before a training: who has not come is named, who does not belong is told."""

import socket
import threading

import pytest
from tfx_lm.components.trainer.cluster import Cluster
from tfx_lm.components.trainer.peer import TASK_BYTES, Peer
from tfx_lm.components.trainer.rendezvous import WorkerError, digest, gather, join, send_home

AGREED = digest({"units": 32})


def free_port():
    with socket.create_server(("", 0)) as listener:
        return listener.getsockname()[1]


@pytest.fixture
def addresses():
    return (f"127.0.0.1:{free_port()}", "host1:2222", "host2:2222")


def in_thread(function, *arguments):
    """Calls a function in a thread; returns a function that waits for its result or error."""
    outcome = []

    def call():
        try:
            outcome.append(function(*arguments))
        except Exception as error:
            outcome.append(error)

    thread = threading.Thread(target=call)
    thread.start()

    def result():
        thread.join()
        return outcome[0]

    return result


def test_the_workers_meet_whoever_comes_first(addresses):
    others = [in_thread(join, Cluster(addresses, index), AGREED, 60) for index in (2, 1)]
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


def test_workers_that_do_not_come_are_named_to_those_that_did(addresses):
    first = in_thread(join, Cluster(addresses, 1), AGREED, 60)
    with pytest.raises(WorkerError) as error:
        gather(Cluster(addresses), AGREED, 2)
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
    others = [in_thread(join, Cluster(addresses, index), AGREED, 60) for index in (2, 1)]
    send_home(Cluster(addresses), "nothing to train", 60)
    for peer, message in [other() for other in others]:
        assert message == {"end": "nothing to train"}
        peer.close()
    send_home(Cluster(addresses), "nothing to train", 0.01)


def come(addresses, index, **other):
    """Comes as a worker that says something else; returns the connection and the chief's answer."""
    host, _, port = addresses[0].partition(":")
    while True:
        try:
            connection = socket.create_connection((host, int(port)))
            break
        except ConnectionRefusedError:  # The chief does not listen yet.
            continue
    peer = Peer(connection, TASK_BYTES)
    peer.send(**{"index": index, "workers": addresses, "agreed": AGREED, **other})
    connection.settimeout(60)
    return peer, peer.receive()[0]


def test_a_worker_that_does_not_belong_is_told_and_the_others_meet(addresses):
    chief = in_thread(gather, Cluster(addresses), AGREED, 60)
    second, answer = come(addresses, 2)
    assert answer == {"welcome": True}
    for index, other, message in [
        (2, {}, "worker 2 (host2:2222) has come already; give each worker an index of its own"),
        (0, {}, "it is worker 0 itself; give each worker an index of its own"),
        (1, {"workers": ["a:1"]}, f"its workers are {', '.join(addresses)}; give each worker the same addresses"),
        (1, {"agreed": "other"}, "worker 1 (host1:2222) has other options or another version of tfx-lm; give each"),
    ]:
        peer, answer = come(addresses, index, **other)
        assert answer["failed"].startswith(message)
        peer.close()
    first, answer = come(addresses, 1)
    assert answer == {"welcome": True}
    for peer in (*chief().values(), first, second):
        peer.close()


def test_a_worker_that_went_away_is_waited_for_again(addresses):
    chief = in_thread(gather, Cluster(addresses), AGREED, 60)
    gone, _ = come(addresses, 1)
    gone.close()
    others = [in_thread(join, Cluster(addresses, index), AGREED, 60) for index in (1, 2)]
    for peer in chief().values():
        peer.send(start={})
        peer.close()
    for peer, message in [other() for other in others]:
        assert message == {"start": {}}
        peer.close()


def test_what_is_not_a_worker_does_not_disturb(addresses):
    chief = in_thread(gather, Cluster(addresses), AGREED, 60)
    first, _ = come(addresses, 1)
    for content in (b"GET / HTTP/1.1\r\n\r\n", b"[1, 2]\n", b"\xff\xfe\n", b"x" * 100_000, b""):
        host, _, port = addresses[0].partition(":")
        with socket.create_connection((host, int(port))) as stranger:
            stranger.sendall(content)
    second, answer = come(addresses, 2)
    assert answer == {"welcome": True}
    peers = chief()
    assert sorted(peers) == [1, 2]
    for peer in (*peers.values(), first, second):
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
