"""`tfx-lm run-node`: exit codes, and the records in ML Metadata."""

import errno
import signal
from pathlib import Path

import pytest
from helpers.node_runs import COMPLETE, FAILED, last_known_state, metadata_store, output, records, run_node, value
from tfx_lm import exit_codes
from tfx_lm.cli import run_node as run_node_command
from tfx_lm.errors import SettingError
from tfx_lm.pipelines.nodes import claim
from tfx_lm.pipelines.nodes.supervisor import Ended

pytestmark = pytest.mark.usefixtures("in_this_process")


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


@pytest.mark.parametrize(
    ("error", "sentence", "with_traceback"),
    [
        (SettingError("{max_length}=1: must be >= 2"), "data.max_length=1: must be >= 2", False),
        (OSError(errno.ENOSPC, "No space left on device"), "free space there, then run again", False),
        (ValueError("the number is bad"), "ValueError: the number is bad", True),
    ],
)
def test_a_failure_that_is_told_in_a_sentence_has_no_traceback(
    small_pipeline, monkeypatch, caplog, error, sentence, with_traceback
):
    from tfx.orchestration.portable import launcher

    def fail(self, execution):
        raise error

    monkeypatch.setattr(launcher.Launcher, "_run_executor", fail)
    result = run_node(small_pipeline, "Number")
    assert result.exit_code == exit_codes.NODE_FAILED
    assert ("Traceback" in result.output) is with_traceback
    *above, last = result.output.splitlines()
    assert last.startswith("tfx-lm: Number failed: ")
    assert sentence in last
    assert with_traceback or len(above) == 1  # `Number: FAILED after 0.1 s`
    assert "Execution" not in caplog.text
    store = metadata_store(small_pipeline)
    (recorded,) = (each for each in store.get_executions() if each.id == records(small_pipeline).newest_id("Number"))
    assert "Traceback" in recorded.custom_properties["__execution_result__"].string_value


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


def test_damaged_inputs_name_their_file_and_the_node_that_made_them(small_pipeline):
    assert run_node(small_pipeline, "Number").exit_code == 0
    file = Path(records(small_pipeline).output("Number", "made").uri)
    file.write_text("2")
    result = run_node(small_pipeline, "Fail")
    assert result.exit_code == exit_codes.BAD_INPUT
    damaged = (
        f"run first has no output of Number, or it was damaged ({file}: the file has changed since it was written)"
    )
    assert f"{damaged}; run Number first" in result.output
    (small_pipeline.parent / "mended").touch()
    assert run_node(small_pipeline, "Number", "--again").exit_code == 0
    assert run_node(small_pipeline, "Fail").exit_code == 0


@pytest.mark.parametrize("damage", [lambda file: file.write_text("2"), lambda file: file.unlink()])
def test_a_damaged_or_deleted_output_is_not_taken_from_the_cache(small_pipeline, damage):
    assert run_node(small_pipeline, "Number").exit_code == 0
    damage(Path(output(small_pipeline, "Number").uri))
    second = run_node(small_pipeline, "Number", run_id="second")
    assert second.exit_code == 0, second.output
    assert "Number: COMPLETE after" in second.output
    assert value(small_pipeline, "Number", "second") == 20
    assert "Number: CACHED after" in run_node(small_pipeline, "Number", run_id="third").output


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
