"""`tfx-lm run-node --again`, and tries after a failure."""

from pathlib import Path

import pytest
from helpers.node_runs import FAILED, input_ids, last_known_state, output_id, records, run_node
from tfx_lm import exit_codes
from tfx_lm.pipelines.nodes.artifact_files import record_files

pytestmark = pytest.mark.usefixtures("in_this_process")


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
    record_files(records(small_pipeline), "Number")  # Otherwise it counts as damaged.
    assert "Never: COMPLETE after" in run_node(small_pipeline, "Never").output
    assert run_node(small_pipeline, "Number", "--again").exit_code == 0  # 20 again.
    for _ in range(2):
        assert run_node(small_pipeline, "Never").exit_code == exit_codes.NODE_SKIPPED
        assert records(small_pipeline).state("Never") == "SKIPPED"
