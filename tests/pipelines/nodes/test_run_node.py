"""`tfx-lm run-node`: exit codes, and the records in ML Metadata."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from ml_metadata.proto import metadata_store_pb2
from tfx_lm import exit_codes
from tfx_lm.cli import cli
from tfx_lm.cli import run_node as run_node_command
from tfx_lm.pipelines.metadata.metadata_store import connection_config
from tfx_lm.pipelines.metadata.run_records import RunRecords, open_records
from tfx_lm.pipelines.nodes import claim
from tfx_lm.pipelines.nodes.supervisor import Ended

RUNNING, COMPLETE, FAILED = (
    getattr(metadata_store_pb2.Execution, state) for state in ("RUNNING", "COMPLETE", "FAILED")
)


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch):
    """Runs nodes in this process, since each new one would import TFX; tests with signals start processes."""
    monkeypatch.setattr(run_node_command, "supervise", lambda work, signals: Ended(_code(work), None))


def _code(work) -> int:
    try:
        return work()
    except SystemExit as end:
        return end.code


def run_node(file: Path, node: str, *options: str, run_id: str = "first"):
    return CliRunner().invoke(
        cli.main, ["run-node", "--pipeline", str(file), "--node", node, "--run-id", run_id, *options]
    )


def records(file: Path, run_id: str = "first") -> RunRecords:
    return open_records(f"sqlite:///{file.parent}/metadata.sqlite", "small", run_id)


def metadata_store(file: Path):
    import ml_metadata

    return ml_metadata.MetadataStore(connection_config(f"sqlite:///{file.parent}/metadata.sqlite"))


def output_id(file: Path, node: str, run_id: str = "first") -> int:
    return records(file, run_id).output(node, "made").id


def input_ids(file: Path, node: str) -> list[int]:
    """The artifacts that the newest execution of a node has read."""
    events = metadata_store(file).get_events_by_execution_ids([records(file).newest_id(node)])
    return [event.artifact_id for event in events if event.type == metadata_store_pb2.Event.INPUT]


def last_known_state(file: Path, node: str) -> int:
    store = metadata_store(file)
    context = store.get_context_by_type_and_name("node", f"small.{node}")
    return max(store.get_executions_by_context(context.id), key=lambda execution: execution.id).last_known_state


def value(file: Path, node: str, run_id: str = "first") -> int:
    return int(Path(records(file, run_id).output(node, "made").uri).read_text())


def test_a_node_is_done_and_then_cached(small_pipeline):
    first = run_node(small_pipeline, "Number")
    assert first.exit_code == 0, first.output
    assert "Number: COMPLETE after" in first.output
    assert value(small_pipeline, "Number") == 20
    second = run_node(small_pipeline, "Number", run_id="second")
    assert second.exit_code == 0, second.output
    assert "Number: CACHED after" in second.output


def test_a_failure_is_recorded_and_a_new_try_of_the_same_run_goes_on(small_pipeline):
    assert run_node(small_pipeline, "Number").exit_code == 0
    failed = run_node(small_pipeline, "Fail")
    assert failed.exit_code == exit_codes.NODE_FAILED
    assert "tfx-lm: Fail failed: ValueError: the number is bad" in failed.output
    assert last_known_state(small_pipeline, "Fail") == FAILED
    assert records(small_pipeline).error("Fail") == "ValueError: the number is bad"

    (small_pipeline.parent / "mended").touch()
    assert run_node(small_pipeline, "Fail").exit_code == 0
    assert last_known_state(small_pipeline, "Fail") == COMPLETE
    assert run_node(small_pipeline, "Double").exit_code == 0
    assert value(small_pipeline, "Double") == 2


@pytest.mark.parametrize("options", [[], ["--again"]])
def test_a_try_after_a_failure_goes_on_in_the_same_execution(small_pipeline, options):
    assert run_node(small_pipeline, "Number").exit_code == 0
    assert run_node(small_pipeline, "Fail").exit_code == exit_codes.NODE_FAILED
    failed = records(small_pipeline).newest_id("Fail")
    (small_pipeline.parent / "mended").touch()
    assert run_node(small_pipeline, "Fail", *options).exit_code == 0
    assert records(small_pipeline).newest_id("Fail") == failed


def test_a_node_is_done_again_and_so_are_those_that_read_its_output(small_pipeline):
    (small_pipeline.parent / "mended").touch()
    for node in ("Number", "Fail", "Double"):
        assert run_node(small_pipeline, node).exit_code == 0
    before = {node: output_id(small_pipeline, node) for node in ("Number", "Fail", "Double")}

    again = run_node(small_pipeline, "Fail", "--again")
    assert again.exit_code == 0, again.output
    assert "Fail: COMPLETE after" in again.output  # Not CACHED.
    assert output_id(small_pipeline, "Fail") > before["Double"]
    assert input_ids(small_pipeline, "Fail") == [before["Number"]]
    # Double reads the new output only; it takes one artifact.
    assert "Double: COMPLETE after" in run_node(small_pipeline, "Double").output
    assert input_ids(small_pipeline, "Double") == [output_id(small_pipeline, "Fail")]
    assert "Double: already done" in run_node(small_pipeline, "Double").output
    assert "Number: already done" in run_node(small_pipeline, "Number").output

    # A second repetition, as if what started the first one had died before it knew of its end.
    first = output_id(small_pipeline, "Fail")
    assert run_node(small_pipeline, "Fail", "--again").exit_code == 0
    assert output_id(small_pipeline, "Fail") > first
    assert run_node(small_pipeline, "Double", "--again").exit_code == 0
    assert input_ids(small_pipeline, "Double") == [output_id(small_pipeline, "Fail")]

    # The next run takes the newest from the cache. What the first time made is still there.
    for node in ("Number", "Fail", "Double"):
        assert f"{node}: CACHED after" in run_node(small_pipeline, node, run_id="second").output
        assert output_id(small_pipeline, node, "second") == output_id(small_pipeline, node)
    assert (small_pipeline.parent / "artifacts" / "Fail" / "made").is_dir()
    assert len(list((small_pipeline.parent / "artifacts" / "Fail" / "made").iterdir())) == 3


def test_a_repetition_that_fails_hides_the_earlier_output_and_goes_on(small_pipeline):
    mended = small_pipeline.parent / "mended"
    mended.touch()
    for node in ("Number", "Fail"):
        assert run_node(small_pipeline, node).exit_code == 0
    mended.unlink()
    assert run_node(small_pipeline, "Fail", "--again").exit_code == exit_codes.NODE_FAILED
    repeated = records(small_pipeline).newest_id("Fail")
    assert last_known_state(small_pipeline, "Fail") == FAILED
    result = run_node(small_pipeline, "Double")
    assert result.exit_code == exit_codes.BAD_INPUT
    assert "run first has no output of Fail, or it was deleted; run Fail first" in result.output

    mended.touch()
    assert "Fail: COMPLETE after" in run_node(small_pipeline, "Fail").output
    assert records(small_pipeline).newest_id("Fail") == repeated
    assert "Double: COMPLETE after" in run_node(small_pipeline, "Double").output


def test_a_try_with_other_inputs_is_another_execution(small_pipeline):
    assert run_node(small_pipeline, "Number").exit_code == 0
    assert run_node(small_pipeline, "Fail").exit_code == exit_codes.NODE_FAILED
    failed = records(small_pipeline).newest_id("Fail")
    assert run_node(small_pipeline, "Number", "--again").exit_code == 0
    (small_pipeline.parent / "mended").touch()
    assert run_node(small_pipeline, "Fail").exit_code == 0
    assert records(small_pipeline).newest_id("Fail") > failed
    assert input_ids(small_pipeline, "Fail") == [output_id(small_pipeline, "Number")]


def test_a_repetition_whose_condition_is_false_is_skipped(small_pipeline):
    assert run_node(small_pipeline, "Number").exit_code == 0
    Path(records(small_pipeline).output("Number", "made").uri).write_text("101")
    assert "Never: COMPLETE after" in run_node(small_pipeline, "Never").output
    assert run_node(small_pipeline, "Number", "--again").exit_code == 0  # 20 again.
    for _ in range(2):
        assert run_node(small_pipeline, "Never").exit_code == exit_codes.NODE_SKIPPED
        assert records(small_pipeline).state("Never") == "SKIPPED"


def test_missing_inputs_name_the_nodes_to_run_first(small_pipeline):
    result = run_node(small_pipeline, "Double")
    assert result.exit_code == exit_codes.BAD_INPUT
    expected = "--node Double: run first has no output of Fail, or it was deleted; run Number and then Fail first"
    assert expected in result.output
    assert run_node(small_pipeline, "Number").exit_code == 0
    result = run_node(small_pipeline, "Double")
    assert result.exit_code == exit_codes.BAD_INPUT
    assert "run first has no output of Fail, or it was deleted; run Fail first" in result.output


def test_deleted_inputs_name_the_node_that_made_them(small_pipeline):
    assert run_node(small_pipeline, "Number").exit_code == 0
    Path(records(small_pipeline).output("Number", "made").uri).unlink()
    result = run_node(small_pipeline, "Fail")
    assert result.exit_code == exit_codes.BAD_INPUT
    remedy = "run Number first, with the same --run-id (and with --again, if it has done them)"
    assert f"run first has no output of Number, or it was deleted; {remedy}" in result.output
    (small_pipeline.parent / "mended").touch()
    assert run_node(small_pipeline, "Number", "--again").exit_code == 0
    assert run_node(small_pipeline, "Fail").exit_code == 0


def test_a_run_does_a_node_once_and_says_so(small_pipeline):
    assert run_node(small_pipeline, "Number").exit_code == 0
    again = run_node(small_pipeline, "Number")
    assert again.exit_code == 0
    assert "Number: already done in run first; nothing was done" in again.output
    assert "Give --again to do it again in this run, or choose another --run-id" in again.output
    assert "Number: COMPLETE after" in run_node(small_pipeline, "Number", "--again").output


def test_a_run_keeps_its_parameters(small_pipeline):
    assert run_node(small_pipeline, "Number").exit_code == 0
    for node in ("Number", "Fail"):
        result = run_node(small_pipeline, node, "--parameters", '{"number": 21}')
        assert result.exit_code == exit_codes.BAD_INPUT
        assert "--parameters: number is 21 now, and was 20 when run first did Number" in result.output
    assert run_node(small_pipeline, "Number", "--parameters", '{"number": 21}', run_id="second").exit_code == 0


def test_a_failing_driver_is_recorded_although_the_launcher_leaves_it_running(small_pipeline):
    result = run_node(small_pipeline, "Missing")
    assert result.exit_code == exit_codes.NODE_FAILED
    assert last_known_state(small_pipeline, "Missing") == FAILED
    assert "nothing" in records(small_pipeline).error("Missing")


def test_what_fails_after_the_work_does_not_undo_it(small_pipeline, monkeypatch):
    from tfx.orchestration.portable import launcher

    launch = launcher.Launcher.launch

    def launch_and_fail(self):
        launch(self)
        raise RuntimeError("too late")

    monkeypatch.setattr(launcher.Launcher, "launch", launch_and_fail)
    result = run_node(small_pipeline, "Number")
    assert result.exit_code == exit_codes.NODE_FAILED
    assert "RuntimeError: too late" in result.output
    assert last_known_state(small_pipeline, "Number") == COMPLETE


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


def test_a_false_condition_skips(small_pipeline):
    assert run_node(small_pipeline, "Number").exit_code == 0
    assert run_node(small_pipeline, "Never").exit_code == exit_codes.NODE_SKIPPED


def test_parameters_of_the_run(small_pipeline):
    assert run_node(small_pipeline, "Number", "--parameters", '{"number": 101}').exit_code == 0
    assert value(small_pipeline, "Number") == 101
    assert run_node(small_pipeline, "Never", "--parameters", '{"number": 101}').exit_code == 0
    assert value(small_pipeline, "Never") == 202


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--parameters", '{"nmber": 1}'], "parameter nmber: the pipeline has no such parameter; it has number, pip"),
        (["--parameters", '{"number": "1"}'], "parameter number='1': must be like its default, 20"),
        (["--parameters", "[1]"], "--parameters [1]: must be a JSON object"),
        (["--parameters", "{"], "--parameters {: not JSON"),
        (["--node", "Nmber"], "--node Nmber: no such node; the nodes are "),
        (["--run-id", " "], "--run-id: is empty; give the same ID to all nodes of a run"),
        (["--pipeline", "/nowhere.json"], "--pipeline /nowhere.json: no compiled pipeline"),
    ],
)
def test_bad_input_is_refused_before_any_work(small_pipeline, options, expected):
    result = run_node(small_pipeline, "Number", *options)
    assert result.exit_code == exit_codes.BAD_INPUT, result.output
    assert expected in result.output
    assert not (small_pipeline.parent / "metadata.sqlite").exists()


@pytest.mark.parametrize(
    ("options", "roots"),
    [
        ([], ["artifacts"]),
        (["--parameters", '{"pipeline-root": "elsewhere"}'], ["elsewhere"]),
        (["--parameters", "{"], []),
        (["--parameters", "[1]"], []),
        (["--pipeline", "/nowhere.json"], []),
    ],
)
def test_a_process_that_is_killed_is_looked_for_where_it_worked(small_pipeline, monkeypatch, options, roots):
    closed = []
    monkeypatch.setattr(run_node_command, "supervise", lambda work, signals: Ended(-signal.SIGKILL, None, 7))
    monkeypatch.setattr(claim, "close_ended", lambda node, ended: closed.append((Path(node.root).name, ended.process)))
    result = run_node(small_pipeline, "Number", *options)
    assert (result.exit_code, closed) == (exit_codes.NODE_FAILED, [(root, 7) for root in roots])
    assert "tfx-lm: Number failed: its process was killed by SIGKILL" in result.output


def start_node(file: Path, run_id: str, node: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", "from tfx_lm.cli.cli import main; main()", "run-node", "--pipeline", str(file),
         "--node", node, "--run-id", run_id],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def started_node(file: Path, run_id: str, node: str = "Wait") -> subprocess.Popen:
    """Starts a process with a waiting node, and returns as soon as its executor runs."""
    started = file.parent / "started"
    started.unlink(missing_ok=True)
    process = start_node(file, run_id, node)
    deadline = time.monotonic() + 120
    while not started.exists():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return process


@pytest.mark.slow
def test_sigterm_is_a_recorded_failure_and_sigkill_is_mended_by_the_next_run(small_pipeline):
    assert run_node(small_pipeline, "Number").exit_code == 0
    process = started_node(small_pipeline, "first")
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
def test_a_second_process_of_the_same_node_that_is_ended_leaves_the_first_one_alone(small_pipeline):
    assert run_node(small_pipeline, "Number").exit_code == 0
    working = started_node(small_pipeline, "first")
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
def test_four_workers_that_share_a_sqlite_file_lose_nothing(small_pipeline):
    """As two Airflow workers with two tasks each, of four runs."""
    assert CliRunner().invoke(cli.main, ["init-metadata", "--pipeline", str(small_pipeline)]).exit_code == 0
    runs = ["first", "second", "third", "fourth"]
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", "from tfx_lm.cli.cli import main; main()", "run-node", "--pipeline",
             str(small_pipeline), "--node", "Number", "--run-id", run_id],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for run_id in runs
    ]  # fmt: skip
    for worker in workers:
        output, _ = worker.communicate(timeout=300)
        assert worker.returncode == 0, output
    assert {records(small_pipeline, run_id).state("Number") for run_id in runs} <= {"COMPLETE", "CACHED"}
    assert [value(small_pipeline, "Number", run_id) for run_id in runs] == [20] * 4
