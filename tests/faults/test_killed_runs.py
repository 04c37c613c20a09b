"""SIGKILL, SIGINT and SIGTERM at seeded moments of a whole run: the slow half; `make test-faults` runs it.

After each fault the same command completes, with the result of a run that nothing disturbed. So do the tasks of another
orchestrator.
"""

import json
import os
import random
import signal
import time

import pytest
from helpers.killable_pipeline import BACKUP, Pipeline, resumed, wait_for
from helpers.process_marks import Marked
from helpers.pushed_versions import PollingServer, check_only_version
from ml_metadata.proto import metadata_store_pb2

pytestmark = [pytest.mark.slow, pytest.mark.faults]

NODES = (
    "TextExampleGen", "StatisticsGen", "SchemaGen", "ExampleValidator", "Transform", "Trainer", "Baseline",
    "Evaluator", "Report", "ServingCheck", "Pusher",
)  # fmt: skip

# What is there only while something is written.
CHECKPOINT, PUSH, METADATA = "training_backup/.*.unfinished", "serving/.pushing-*", "metadata.sqlite-journal"


def moments() -> list[tuple[str, str, float]]:
    """30 moments: (what happens, the node that works, how far it is, 0.0 to 1.0)."""
    choose = random.Random(16)
    chosen = [("node", node, round(choose.random(), 2)) for node in NODES for _ in range(2)]
    chosen += [("checkpoint", "Trainer", 0.0)] * 2 + [("push", "Pusher", 0.0)] * 2
    chosen += [("metadata", choose.choice(NODES), 0.0) for _ in range(2)]
    chosen += [("between", choose.choice(NODES[:-1]), 0.0) for _ in range(2)]
    # Each of the first few is of another kind, so that a part of the moments (`-k "0 or 1"`) says much.
    choose.shuffle(chosen)
    return chosen


MOMENTS = moments()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A run that nothing disturbs, and how many seconds each node takes."""
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "tmp").mkdir()
    run = Pipeline(folder, folder / "tmp")
    process = run.start()
    printed = process.communicate(timeout=900)[0]
    assert process.returncode == 0, printed
    assert run.summary["gate"]["blessed"] is True
    return run, {node["id"]: node["seconds"] for node in run.summary["nodes"]}


@pytest.fixture
def pipeline(tmp_path, marked) -> Pipeline:
    (tmp_path / "tmp").mkdir()
    return Pipeline(tmp_path, tmp_path / "tmp")


def check_result(run: Pipeline, undisturbed: Pipeline, server: PollingServer, faults) -> None:
    """All that must hold once the command has completed after a fault."""
    summary, expected = run.summary, undisturbed.summary
    assert {node["state"] for node in summary["nodes"]} <= {"COMPLETE", "CACHED"}
    assert (summary["gate"]["blessed"], summary["baseline"]) == (True, None)
    assert summary["evaluation"]["perplexity"] == pytest.approx(expected["evaluation"]["perplexity"], rel=1e-6)
    pushed = check_only_version(run.output / "serving", expected["pushed_model"], server, faults)
    assert pushed == summary["pushed_model"]
    check_records(run)


def check_records(run: Pipeline) -> None:
    """Every execution is closed, and nothing is left of those that failed, nor of a push, a backup or a node."""
    states = metadata_store_pb2.Execution
    executions = run.store().get_executions()
    assert {each.last_known_state for each in executions} <= {states.COMPLETE, states.CACHED, states.FAILED}
    failed = {str(each.id) for each in executions if each.last_known_state == states.FAILED}
    made = [path for pattern in ("*/*/*", "*/.system/*/*") for path in (run.output / "artifacts").glob(pattern)]
    left = [path for path in made if path.name in failed]
    left += [*(run.output / "artifacts" / ".running").iterdir(), *run.output.rglob("*.unfinished")]
    left += [*(run.output / "serving").glob(".pushing-*"), *(run.output.parent / "tmp").glob("tfx-lm-node-*")]
    left += (run.output / "training_backup").iterdir()
    assert left == []


def complete(run: Pipeline, undisturbed: Pipeline, server: PollingServer, marked: Marked, faults) -> None:
    """Runs the command again and checks its result, and that the training went on from its backup."""
    marked.wait_until_gone()
    before = run.backup()
    process = run.start()
    printed = process.communicate(timeout=900)[0]
    assert process.returncode == 0, printed
    faults.printed(printed)
    marked.wait_until_gone()
    faults.left_behind(marked.alive())
    if before is not None:
        check_resumed(run, before)
    check_result(run, undisturbed, server, faults)


def check_resumed(run: Pipeline, before: tuple[int, int]) -> None:
    """The newest training has gone on from these epochs and batches."""
    newest = max(run.output.rglob("training.json"), key=lambda path: path.stat().st_mtime)
    assert resumed(newest.parent) == before


@pytest.mark.parametrize(
    ("number", "what", "node", "share"),
    [(number, *moment) for number, moment in enumerate(MOMENTS)],
    ids=[f"{number:02}-{what}-{node}-{share}" for number, (what, node, share) in enumerate(MOMENTS)],
)
def test_the_whole_group_is_killed(pipeline, undisturbed, faults, marked, number, what, node, share):
    run, seconds = undisturbed
    with faults.survived(), PollingServer(pipeline.output / "serving") as server:
        process = pipeline.start()
        if what == "push":
            wait_for(lambda: pipeline.within(PUSH), process, 0.0)
        elif what == "checkpoint":
            # The second one, so that there is one to go on from.
            wait_for(lambda: pipeline.within(BACKUP), process)
            first = pipeline.written(BACKUP)
            # Within its writing, or at the latest right after it.
            wait_for(lambda: pipeline.within(CHECKPOINT) or pipeline.written(BACKUP) != first, process, 0.0)
        else:
            wait_for(lambda: pipeline.claim(node), process)
        if what == "node":
            wait_within(pipeline, node, share * seconds[node], process)
        elif what == "metadata":
            wait_for(lambda: pipeline.within(METADATA), process, 0.0)
        elif what == "between":
            wait_for(lambda: pipeline.claim(node) is None, process, 0.0)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=60)
        complete(pipeline, run, server, marked, faults)


def wait_within(pipeline, node, seconds, process) -> None:
    """Waits until a node has worked for some seconds."""
    wait_for(lambda: pipeline.claim(node), process)
    until = time.monotonic() + seconds
    wait_for(lambda: time.monotonic() >= until, process)


@pytest.mark.parametrize("node", ["TextExampleGen", "Trainer", "Evaluator"])
def test_only_a_node_is_killed(pipeline, undisturbed, faults, marked, node):
    run, seconds = undisturbed
    with faults.survived(), PollingServer(pipeline.output / "serving") as server:
        process = pipeline.start()
        wait_within(pipeline, node, 0.4 * seconds[node], process)
        os.kill(json.loads(pipeline.claim(node).read_text())["process"], signal.SIGKILL)
        printed = process.communicate(timeout=300)[0]
        assert process.returncode == 1, printed
        assert f"{node} failed: its process was killed by SIGKILL" in printed
        faults.printed(printed)
        complete(pipeline, run, server, marked, faults)


@pytest.mark.parametrize("node", ["Transform", "Trainer"])
def test_only_the_parent_is_killed(pipeline, undisturbed, faults, marked, node):
    run, seconds = undisturbed
    with faults.survived(), PollingServer(pipeline.output / "serving") as server:
        process = pipeline.start()
        wait_within(pipeline, node, 0.4 * seconds[node], process)
        process.kill()
        process.communicate(timeout=60)
        complete(pipeline, run, server, marked, faults)


def test_killed_tasks_of_another_orchestrator_go_on(pipeline, undisturbed, faults, marked):
    """As on Airflow: each node has a command of its own, and a task that was killed gets the same command again."""
    run, _ = undisturbed
    pipeline.compile()
    moments = {
        "Trainer": lambda: pipeline.within(BACKUP),
        "Evaluator": lambda: pipeline.claim("Evaluator"),
        "Pusher": lambda: pipeline.within(PUSH),
    }

    def end(process) -> None:
        printed = process.communicate(timeout=300)[0]
        assert process.returncode == 0, printed
        assert "COMPLETE after" in printed
        faults.printed(printed)
        marked.wait_until_gone()
        faults.left_behind(marked.alive())

    with PollingServer(pipeline.output / "serving") as server:
        for node in NODES:
            if node not in moments:
                end(pipeline.start_task(node))
                continue
            with faults.survived():
                process = pipeline.start_task(node)
                wait_for(moments[node], process, 0.0)
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate(timeout=60)
                marked.wait_until_gone()
                before = pipeline.backup()
                end(pipeline.start_task(node))
                if node == "Trainer":
                    check_resumed(pipeline, before)
        check_only_version(pipeline.output / "serving", run.summary["pushed_model"], server, faults)
        check_records(pipeline)


def test_signals_in_every_node(pipeline, undisturbed, faults, marked):
    """The same command again and again, ended in one node after the other, and at last not at all."""
    run, seconds = undisturbed
    with PollingServer(pipeline.output / "serving") as server:
        for node in NODES:
            for number in (signal.SIGINT, signal.SIGTERM):
                with faults.survived():
                    process = pipeline.start()
                    wait_for(lambda node=node: pipeline.claim(node), process)
                    until = time.monotonic() + 0.3 * seconds[node]
                    wait_for(lambda until=until: time.monotonic() >= until, process)
                    process.send_signal(number)
                    printed = process.communicate(timeout=60)[0]
                    assert process.returncode == 128 + number, printed
                    faults.printed(printed)
                    marked.wait_until_gone()
                    faults.left_behind(marked.alive())
        complete(pipeline, run, server, marked, faults)
