"""The local runner: nodes at the same time, and nodes that fail or die."""

import json
import os
import shutil
import signal
import subprocess
import time

import ml_metadata
import pytest
from helpers.programs import program
from ml_metadata.proto import metadata_store_pb2
from tfx_lm.pipelines.errors import ConfigurationError
from tfx_lm.pipelines.local import output_lock
from tfx_lm.pipelines.local.local_plan import plan_pipeline
from tfx_lm.pipelines.local.local_runner import run_pipeline
from tfx_lm.pipelines.local.output_lock import locked_output
from tfx_lm.pipelines.local.processes import call
from tfx_lm.pipelines.metadata.metadata_store import connection_config

pytestmark = pytest.mark.slow

NODES = {"sleeping": "Sleep", "stubborn": "Stubborn", "swallowing": "Swallow"}


class Events:
    def __init__(self, at_end):
        self._at_end = at_end
        self.said = []
        self.working = set()
        self.most = 0

    def started(self, node_id):
        self.working.add(node_id)
        self.most = max(self.most, len(self.working))

    def reported(self, node_id, text, fraction):
        self.said.append((node_id, text, fraction))

    def ended(self, node_id, state, seconds):
        self.working.discard(node_id)
        self.said.append((node_id, state))
        self._at_end(node_id)


@pytest.fixture
def run(small_nodes, tmp_path, monkeypatch):
    connection = connection_config(f"sqlite:///{tmp_path}/metadata.sqlite")

    def run(*makers, at_once=2, at_end=lambda node_id: None, **partial):
        plan = plan_pipeline(small_nodes.pipeline_of(tmp_path, connection, *makers), **partial)
        events = Events(at_end)
        # The machine has more cores than this process may use, as in a container.
        monkeypatch.setattr(os, "cpu_count", lambda: 8)
        monkeypatch.setattr("joblib.cpu_count", lambda: at_once)
        results = run_pipeline(plan, events, tmp_path / "log")
        assert [result.id for result in results] == list(plan.upstream)
        assert not events.working
        return {result.id: result for result in results}, events

    return run


def states(results):
    return {node: result.state for node, result in results.items()}


@pytest.mark.parametrize("at_once", [1, 2])
def test_nodes_that_do_not_wait_for_each_other_run_at_once(run, small_nodes, at_once):
    results, events = run(small_nodes.waiting("One", 1.0), small_nodes.waiting("Two", 1.0), at_once=at_once)
    assert set(states(results).values()) == {"COMPLETE"}
    assert events.most == at_once
    assert events.said[0] == ("Number", "COMPLETE")
    results, _ = run(small_nodes.waiting("One", 1.0), small_nodes.waiting("Two", 1.0))
    assert set(states(results).values()) == {"CACHED"}


def test_after_a_failure_the_others_go_on_to_their_end_and_no_further_one_starts(run, small_nodes, tmp_path):
    makers = small_nodes.failing, small_nodes.waiting("Slow", 300.0)

    def at_end(node_id):
        if node_id == "Fail":
            (tmp_path / "hurry").touch()

    results, events = run(*makers, at_end=at_end)
    assert states(results) == {"Number": "COMPLETE", "Fail": "FAILED", "Slow": "COMPLETE", "Double": "SKIPPED"}
    assert results["Fail"].error == "ValueError: the number is bad"
    assert events.said[1:] == [("Fail", "FAILED"), ("Slow", "COMPLETE"), ("Double", "SKIPPED")]

    (tmp_path / "mended").touch()
    results, _ = run(*makers)
    assert states(results) == {"Number": "CACHED", "Fail": "COMPLETE", "Slow": "CACHED", "Double": "COMPLETE"}


def test_a_node_that_is_killed_fails_with_the_signal(run, small_nodes):
    results, _ = run(small_nodes.dying)
    assert results["Die"].state == "FAILED"
    assert "its process was killed by SIGKILL" in results["Die"].error


def test_what_a_node_reports_arrives(run, small_nodes):
    _, events = run(small_nodes.speaking)
    assert ("Speak", "half of it", 0.5) in events.said


def test_part_of_a_pipeline(run, small_nodes):
    makers = small_nodes.waiting("One", 0.0), small_nodes.waiting("Two", 0.0)
    run(*makers)
    results, _ = run(*makers, from_nodes=["Two"])
    assert states(results) == {"Number": "SKIPPED", "One": "SKIPPED", "Two": "CACHED"}


def test_a_start_after_a_deleted_output_names_the_node_that_makes_it(run, small_nodes, tmp_path):
    (tmp_path / "mended").touch()
    run(small_nodes.failing)
    shutil.rmtree(tmp_path / "artifacts" / "Fail")
    with pytest.raises(
        ConfigurationError, match="the output of Fail was deleted or damaged since the latest run; run with --from"
    ):
        run(small_nodes.failing, from_nodes=["Double"])
    results, _ = run(small_nodes.failing, from_nodes=["Fail"])
    assert states(results) == {"Number": "SKIPPED", "Fail": "COMPLETE", "Double": "COMPLETE"}


def test_processes_begin_with_tfx_imported_and_tensorflow_untouched(small_nodes, tmp_path):
    assert call(tmp_path / "log", small_nodes.is_fresh) is True


@pytest.mark.parametrize(
    ("maker", "number", "recorded"),
    [
        ("sleeping", signal.SIGINT, "Terminated: ended by SIGTERM"),
        ("sleeping", signal.SIGKILL, "Terminated: ended by SIGTERM"),
        ("stubborn", signal.SIGINT, "ended by SIGTERM, and was killed because it had not ended after 4 s"),
        ("stubborn", signal.SIGKILL, "ended by SIGTERM, and was killed because it had not ended after 4 s"),
        ("swallowing", signal.SIGTERM, "ended by SIGTERM, and was killed because it had not ended after 4 s"),
    ],
    ids=["sleeping-int", "sleeping-kill", "stubborn-int", "stubborn-kill", "swallowing-term"],
)
def test_no_process_outlives_its_runner(small_nodes, tmp_path, marked, monkeypatch, maker, number, recorded):
    command = program("run_small_nodes", tmp_path, maker)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not (tmp_path / "started").exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -9}[number]
    if number != signal.SIGKILL:
        assert errors.endswith(f"tfx-lm: ended by {number.name}; the same command goes on from here\n")
    # The next run can begin, and meets no node of this one, however long that takes on a busy machine.
    monkeypatch.setattr(output_lock, "_ENDING", 60.0)
    with locked_output(tmp_path):
        store = ml_metadata.MetadataStore(connection_config(f"sqlite:///{tmp_path}/metadata.sqlite"))
        node = store.get_context_by_type_and_name("node", f"small.{NODES[maker]}")
        (execution,) = store.get_executions_by_context(node.id)
    marked.wait_until_gone()
    assert execution.last_known_state == metadata_store_pb2.Execution.FAILED
    result = json.loads(execution.custom_properties["__execution_result__"].string_value)
    assert result["resultMessage"].strip().splitlines()[-1].endswith(recorded)


def test_a_supervisor_that_is_killed_takes_its_node_with_it(run, small_nodes, tmp_path, marked):
    results, _ = run(small_nodes.killing_its_supervisor)
    assert results["Orphan"].state == "FAILED"
    assert "was killed by SIGKILL" in results["Orphan"].error
    assert not (tmp_path / "outlived").exists()
