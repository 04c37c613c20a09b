"""`tfx-lm run-node` in processes that are ended, killed, or at work side by side."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from helpers.node_runs import COMPLETE, FAILED, RUNNING, last_known_state, records, run_node, value
from tfx_lm import exit_codes
from tfx_lm.cli import cli

pytestmark = pytest.mark.usefixtures("in_this_process")


@pytest.mark.parametrize("first", [True, False])
def test_sigterm_does_not_disturb_the_record_of_a_failure(small_pipeline, monkeypatch, first):
    from tfx.orchestration.portable import execution_publish_utils, launcher

    reached = []
    publish = execution_publish_utils.publish_failed_execution

    def fail(self):
        if first:
            signal.raise_signal(signal.SIGTERM)
        raise ValueError("the number is bad")

    def publish_at_sigterm(*arguments):
        signal.raise_signal(signal.SIGTERM)
        publish(*arguments)

    monkeypatch.setattr(launcher.Launcher, "launch", fail)
    monkeypatch.setattr(execution_publish_utils, "publish_failed_execution", publish_at_sigterm)
    before = signal.signal(signal.SIGTERM, lambda number, frame: reached.append(number))
    try:
        result = run_node(small_pipeline, "Number")
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)
    assert reached == []
    assert result.exit_code == exit_codes.NODE_FAILED
    assert ("ended by SIGTERM" if first else "the number is bad") in records(small_pipeline).error("Number")


def start_node(file: Path, run_id: str, node: str, python: str | Path = sys.executable) -> subprocess.Popen:
    return subprocess.Popen(
        [python, "-c", "from tfx_lm.cli.cli import main; main()", "run-node", "--pipeline", file, "--node", node,
         "--run-id", run_id],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def started_node(file: Path, run_id: str, node: str = "Wait", python: str | Path = sys.executable) -> subprocess.Popen:
    """Starts a process with a waiting node, and returns as soon as its executor runs."""
    started = file.parent / "started"
    started.unlink(missing_ok=True)
    process = start_node(file, run_id, node, python)
    deadline = time.monotonic() + 120
    while not started.exists():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return process


@pytest.mark.slow
def test_sigterm_is_a_recorded_failure_and_sigkill_is_mended_by_the_next_run(small_pipeline, forked_python):
    assert run_node(small_pipeline, "Number").exit_code == 0
    process = started_node(small_pipeline, "first", python=forked_python)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert "tfx-lm: Wait failed: Terminated: ended by SIGTERM" in output
    assert last_known_state(small_pipeline, "Wait") == FAILED
    made = small_pipeline.parent / "artifacts" / "Wait"
    assert [path for path in made.rglob("*") if path.is_file()] == []

    assert run_node(small_pipeline, "Number", run_id="second").exit_code == 0
    process = started_node(small_pipeline, "second")
    process.kill()
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert last_known_state(small_pipeline, "Wait") == RUNNING
    assert list(made.glob("made/*/value"))

    (small_pipeline.parent / "hurry").touch()
    assert run_node(small_pipeline, "Number", run_id="third").exit_code == 0
    assert last_known_state(small_pipeline, "Wait") == FAILED
    assert "its process was killed" in records(small_pipeline, "second").error("Wait")
    assert not list(made.glob("made/*/value"))
    assert run_node(small_pipeline, "Wait", run_id="third").exit_code == 0
    assert last_known_state(small_pipeline, "Wait") == COMPLETE
    # The killed run can go on, too.
    assert run_node(small_pipeline, "Wait", run_id="second").exit_code == 0


@pytest.mark.slow
def test_a_second_process_of_the_same_node_that_is_ended_leaves_the_first_one_alone(small_pipeline, forked_python):
    assert run_node(small_pipeline, "Number").exit_code == 0
    working = started_node(small_pipeline, "first", python=forked_python)
    try:
        second = start_node(small_pipeline, "first", "Wait")
        children = Path(f"/proc/{second.pid}/task/{second.pid}/children")
        deadline = time.monotonic() + 120
        while not children.read_text():  # Its process of the node; from then on it minds signals.
            assert time.monotonic() < deadline
            time.sleep(0.1)
        second.send_signal(signal.SIGTERM)
        output, _ = second.communicate(timeout=60)
        assert (second.returncode, "tfx-lm: Wait failed: ended by SIGTERM" in output) == (128 + signal.SIGTERM, True)
        assert last_known_state(small_pipeline, "Wait") == RUNNING
        artifacts = small_pipeline.parent / "artifacts"
        assert len(list((artifacts / "Wait" / "made").iterdir())) == 1
        assert len(list((artifacts / ".running").iterdir())) == 1
    finally:
        working.send_signal(signal.SIGTERM)
        output, _ = working.communicate(timeout=60)
    assert "tfx-lm: Wait failed: Terminated: ended by SIGTERM" in output


@pytest.mark.slow
def test_a_node_that_ignores_signals_is_killed_and_recorded(small_pipeline, marked):
    assert run_node(small_pipeline, "Number").exit_code == 0
    process = started_node(small_pipeline, "first", "Stubborn")
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    reason = "ended by SIGTERM, and was killed because it had not ended after 4 s"
    assert f"tfx-lm: Stubborn failed: {reason}" in output
    assert last_known_state(small_pipeline, "Stubborn") == FAILED
    assert records(small_pipeline).error("Stubborn") == reason
    marked.wait_until_gone()


@pytest.mark.slow
def test_four_workers_that_share_a_sqlite_file_lose_nothing(small_pipeline, forked_python):
    """As two Airflow workers with two tasks each, of four runs."""
    assert CliRunner().invoke(cli.main, ["init-metadata", "--pipeline", str(small_pipeline)]).exit_code == 0
    runs = ["first", "second", "third", "fourth"]
    workers = [start_node(small_pipeline, run_id, "Number", forked_python) for run_id in runs]
    for worker in workers:
        output, _ = worker.communicate(timeout=300)
        assert worker.returncode == 0, output
    assert {records(small_pipeline, run_id).state("Number") for run_id in runs} <= {"COMPLETE", "CACHED"}
    assert [value(small_pipeline, "Number", run_id) for run_id in runs] == [20] * 4
