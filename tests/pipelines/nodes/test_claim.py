"""The claim of a node: who holds it, and what is done about one whose process was killed."""

import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import ml_metadata as mlmd
import pytest
from helpers.programs import program
from ml_metadata.proto import metadata_store_pb2
from tfx_lm import file_lock
from tfx_lm.pipelines.errors import ConfigurationError
from tfx_lm.pipelines.metadata.metadata_store import connection_config
from tfx_lm.pipelines.metadata.run_records import RunRecords
from tfx_lm.pipelines.nodes import claim, node_of_run
from tfx_lm.pipelines.nodes.claim import claimed, close_ended, close_killed
from tfx_lm.pipelines.nodes.node_of_run import NodeOfRun
from tfx_lm.pipelines.nodes.supervisor import Ended

RUNNING, COMPLETE, FAILED = (
    getattr(metadata_store_pb2.Execution, state) for state in ("RUNNING", "COMPLETE", "FAILED")
)


@pytest.fixture
def node(tmp_path):
    return node_of(tmp_path, "first")


def node_of(folder, run_id, store="metadata.sqlite"):
    return NodeOfRun(
        f"{folder}/artifacts", "small", run_id, "Trainer", connection_config(f"sqlite:///{folder}/{store}")
    )


def register(node, state):
    """Writes what TFX does when a node begins, and the folders that it makes; returns the execution's id."""
    store = mlmd.MetadataStore(node.connection)
    types = {
        name: store.put_context_type(metadata_store_pb2.ContextType(name=name)) for name in ("pipeline_run", "node")
    }
    kind = store.put_execution_type(metadata_store_pb2.ExecutionType(name="Train"))
    contexts = [
        metadata_store_pb2.Context(type_id=types["pipeline_run"], name=node.run_id),
        metadata_store_pb2.Context(type_id=types["node"], name=f"{node.pipeline}.{node.node_id}"),
    ]
    execution = metadata_store_pb2.Execution(type_id=kind, last_known_state=state)
    number, _, _ = store.put_execution(execution, [], contexts, reuse_context_if_already_exist=True)
    for folder in (f"model/{number}/Format-Serving", f".system/executor_execution/{number}/.temp"):
        Path(node.root, node.node_id, folder).mkdir(parents=True)
    return number


def state_and_error(node):
    store = mlmd.MetadataStore(node.connection)
    records = RunRecords(store, node.pipeline, node.run_id)
    return records._newest(node.node_id).last_known_state, records.error(node.node_id)


def folders(node):
    made = Path(node.root, node.node_id)
    places = (made / "model", made / ".system" / "executor_execution")
    return tuple(sorted(folder.name for folder in place.iterdir()) for place in places)


@pytest.fixture
def holder(tmp_path):
    """Starts a process that holds a claim."""
    started = []

    def hold(node):
        command = program("hold_claim", node.root, f"sqlite:///{tmp_path}/metadata.sqlite", node.run_id)
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout.readline() == "claimed\n"
        return process

    yield hold
    for process in started:
        process.kill()
        process.communicate()


def test_a_claim_is_there_while_the_node_works(node):
    with claimed(node):
        (file,) = (node.file().parent).iterdir()
        assert file == node.file()
        content = json.loads(file.read_text())
        assert (content["node"], content["run_id"], content["process"]) == ("Trainer", "first", os.getpid())
    assert not file.exists()


def test_a_killed_node_is_closed_by_the_next_one_and_what_is_complete_stays(node, tmp_path, holder):
    done = register(node_of(tmp_path, "zeroth"), COMPLETE)
    process = holder(node)
    killed = register(node, RUNNING)
    process.send_signal(signal.SIGKILL)
    process.wait()
    with claimed(node_of(tmp_path, "second")):
        state, error = state_and_error(node)
    assert (state, error) == (FAILED, claim.KILLED)
    assert killed != done
    assert folders(node) == ([str(done)], [str(done)])
    assert state_and_error(node_of(tmp_path, "zeroth")) == (COMPLETE, None)
    assert not list(node.file().parent.iterdir())


def test_a_node_that_works_is_left_alone(node, tmp_path, holder):
    holder(node)
    number = register(node, RUNNING)
    with claimed(node_of(tmp_path, "second")):
        assert state_and_error(node) == (RUNNING, None)
    assert folders(node) == ([str(number)], [str(number)])
    assert node.file().exists()


def test_a_new_try_of_the_same_run_closes_the_one_that_was_killed(node, holder):
    process = holder(node)
    register(node, RUNNING)
    process.kill()
    process.wait()
    with claimed(node):
        assert state_and_error(node) == (FAILED, claim.KILLED)
        assert folders(node) == ([], [])
        assert node.file().exists()


def test_two_processes_do_not_do_the_same_node_of_a_run(node, holder, monkeypatch):
    process = holder(node)
    monkeypatch.setattr(claim, "PATIENCE", 0.0)
    refused = pytest.raises(
        ConfigurationError, match=rf"--node Trainer: process {process.pid} of .* does it for run first"
    )
    with refused, claimed(node):
        pass
    process.kill()
    process.wait()
    with claimed(node):
        assert node.file().exists()


def test_a_claim_of_another_store_and_one_without_content(node, tmp_path, holder):
    process = holder(node)
    process.kill()
    process.wait()
    empty = node.file().with_name("Trainer-0000000000000000.json")
    empty.touch()
    close_killed(node.root, node_of(tmp_path, "first", "other.sqlite").connection)
    assert node.file().exists()
    assert not empty.exists()


def test_without_a_place_for_the_claim_the_node_works(tmp_path):
    file = tmp_path / "artifacts"
    file.write_text("a file where the folder should be")
    worked = []
    for node in (node_of(tmp_path, "first"), NodeOfRun("gs://bucket/a", "small", "1", "Trainer", None)):
        with claimed(node):
            worked.append(node.root)
    assert worked == [str(file), "gs://bucket/a"]
    assert [path.name for path in tmp_path.iterdir()] == ["artifacts"]
    assert file.read_text() == "a file where the folder should be"


def test_the_end_of_a_process_closes_only_the_node_that_it_had_claimed(node, holder):
    process = holder(node)
    number = register(node, RUNNING)
    # A second process of the same command, killed while it waited, and the first one's supervisor too early.
    for pid in (process.pid + 1, process.pid, None):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(claim, "PATIENCE", 0.0)
            close_ended(node, Ended(-signal.SIGKILL, None, pid))
        assert (state_and_error(node), folders(node)) == ((RUNNING, None), ([str(number)], [str(number)]))
        assert node.file().exists()
    process.kill()
    process.wait()
    close_ended(node, Ended(-signal.SIGKILL, None, process.pid + 1))
    assert state_and_error(node) == (RUNNING, None)
    ended = Ended(-signal.SIGKILL, None, process.pid)
    close_ended(node, ended)
    assert (state_and_error(node), folders(node)) == ((FAILED, ended.reason()), ([], []))
    assert not node.file().exists()
    close_ended(node, ended)
    assert not node.file().exists()


def of_another_host(node, silent):
    """Writes the claim that a process of another host has, with its last sign of life some seconds ago."""
    node.file().parent.mkdir(parents=True, exist_ok=True)
    node.file().write_text(json.dumps({**node.content(), "host": "elsewhere", "process": 7}) + " " * 300)
    os.utime(node.file(), (time.time() - silent,) * 2)


def test_a_node_of_another_host_is_left_alone_while_it_gives_signs_of_life(node, tmp_path, monkeypatch):
    """Locks may hold on one host only, so that the other's claim looks free here."""
    monkeypatch.setattr(claim, "PATIENCE", 0.0)
    number = register(node, RUNNING)
    of_another_host(node, claim.SILENCE - 60.0)
    with claimed(node_of(tmp_path, "second")):
        assert state_and_error(node) == (RUNNING, None)
    refused = pytest.raises(
        ConfigurationError,
        match=r"process 7 of elsewhere does it for run first now; .* \(if it was killed, try again after 5 minutes\)",
    )
    with refused, claimed(node):
        pass
    close_ended(node, Ended(-signal.SIGKILL, None, 7))
    assert (state_and_error(node), folders(node)) == ((RUNNING, None), ([str(number)], [str(number)]))
    assert json.loads(node.file().read_text())["host"] == "elsewhere"

    of_another_host(node, claim.SILENCE + 60.0)
    with claimed(node):
        assert (state_and_error(node), folders(node)) == ((FAILED, claim.KILLED), ([], []))
        assert json.loads(node.file().read_text())["host"] == socket.gethostname()


def test_a_claim_gives_signs_of_life(node, monkeypatch):
    monkeypatch.setattr(claim, "_BEAT", 0.01)
    with claimed(node):
        os.utime(node.file(), (0, 0))
        deadline = time.monotonic() + 60
        while node.file().stat().st_mtime == 0:
            assert time.monotonic() < deadline


def test_a_claim_whose_file_was_removed_and_made_anew_is_left_to_its_new_holder(node):
    with claimed(node):
        node.file().unlink()
        node.file().write_text("another's")
    assert node.file().read_text() == "another's"


def test_a_file_that_is_removed_before_its_lock_is_not_closed_and_not_taken(node, monkeypatch):
    of_another_host(node, 2 * claim.SILENCE)
    register(node, RUNNING)

    def lock(file, *arguments, **options):
        descriptor = file_lock.lock(file, *arguments, **options)
        if file.exists() and "elsewhere" in file.read_text():  # Its holder ends between the opening and the lock.
            file.unlink()
        return descriptor

    monkeypatch.setattr(claim, "lock", lock)
    close_killed(node.root, node.connection)
    assert state_and_error(node) == (RUNNING, None)
    of_another_host(node, 2 * claim.SILENCE)
    with claimed(node):
        assert state_and_error(node) == (RUNNING, None)
        assert json.loads(node.file().read_text())["process"] == os.getpid()


def test_a_claim_that_cannot_be_closed_is_replaced_as_a_whole(node, monkeypatch):
    def refuse(*arguments):
        raise OSError("no database")

    of_another_host(node, 2 * claim.SILENCE)
    monkeypatch.setattr(node_of_run, "fail_unfinished", refuse)
    with claimed(node):
        assert json.loads(node.file().read_text()) == node.content()
        assert len(node.file().read_bytes()) == len(json.dumps(node.content()))


@pytest.mark.parametrize(("code", "closed"), [(-signal.SIGTERM, 0), (-signal.SIGKILL, 1)])
def test_on_an_object_store_a_process_that_had_not_begun_closes_nothing(monkeypatch, code, closed):
    seen = []
    monkeypatch.setattr(node_of_run, "fail_unfinished", lambda *arguments: seen.append(arguments) or [])
    close_ended(NodeOfRun("gs://bucket/a", "small", "1", "Trainer", None), Ended(code, None, 7))
    assert len(seen) == closed
