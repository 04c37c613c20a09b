"""Plans of partial runs, with ML Metadata that two output folders share."""

import re

import pytest
from helpers.counted_executions import CountedExecutions
from tfx.orchestration.portable import partial_run_utils
from tfx.proto.orchestration import pipeline_pb2
from tfx_lm.pipelines.errors import ConfigurationError
from tfx_lm.pipelines.local import local_plan
from tfx_lm.pipelines.local.local_plan import plan_pipeline
from tfx_lm.pipelines.metadata.metadata_store import connection_config
from tfx_lm.pipelines.nodes.compiled_pipeline import compile_pipeline
from tfx_lm.pipelines.nodes.node_run import run_node


def test_a_part_takes_nothing_of_another_output_folder(small_nodes, tmp_path):
    """Number and Two, which both folders have from the first one's cache, decide nothing."""
    connection = connection_config(f"sqlite:///{tmp_path}/metadata.sqlite")

    def run(output, **partial):
        makers = (
            small_nodes.shards(2 if output == "theirs" else 1),
            small_nodes.waiting("One", 0.0),
            lambda number, folder: [small_nodes.Double(number=number).with_id("Two")],
        )
        (tmp_path / output).mkdir(exist_ok=True)
        plan = plan_pipeline(small_nodes.pipeline_of(tmp_path / output, connection, *makers), **partial)
        ir = pipeline_pb2.Pipeline.FromString(plan.pipeline)
        return [run_node(ir, node).state for node in plan.upstream if node not in plan.skipped]

    assert run("ours") == ["COMPLETE", "COMPLETE", "COMPLETE", "COMPLETE"]
    assert run("ours", from_nodes=["One"]) == ["CACHED"]
    assert run("theirs") == ["CACHED", "COMPLETE", "COMPLETE", "CACHED"]
    expected = "--from One: the latest run of name=small worked in another output folder, or only took from one: "
    with pytest.raises(ConfigurationError, match=re.escape(f"{expected}{tmp_path}/theirs/")):
        run("ours", from_nodes=["One"])
    # Where nothing was made, no output may be theirs.
    assert run("theirs") == ["CACHED", "CACHED", "CACHED", "CACHED"]
    with pytest.raises(ConfigurationError, match=re.escape(f"{expected}{tmp_path}/theirs/")):
        run("ours", from_nodes=["One"])
    # These take nothing.
    assert run("theirs", from_nodes=["Number"], to_nodes=["Number"]) == ["CACHED"]
    assert run("ours", to_nodes=["Number"]) == ["CACHED"]
    # As the message says.
    assert run("ours") == ["CACHED", "CACHED", "CACHED", "CACHED"]
    assert run("ours", from_nodes=["One"]) == ["CACHED"]


def test_what_is_read_of_the_latest_run_does_not_grow_with_the_others(small_nodes, tmp_path):
    connection = connection_config(f"sqlite:///{tmp_path}/metadata.sqlite")
    ir = compile_pipeline(small_nodes.pipeline_of(tmp_path, connection, small_nodes.waiting("One", 0.0)))
    partial_run_utils.mark_pipeline(ir, from_nodes=["One"])
    store = CountedExecutions(connection)
    for run in range(20):
        store.add("Number", str(run))
        store.add("One", str(run))
    local_plan._check_latest_run(store, ir, ["One"])
    assert store.read == 2
