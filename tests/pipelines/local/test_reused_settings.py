"""`--from`: what is taken from the latest run must have been made with the settings of this one."""

import json
import re

import pytest
from tfx.proto.orchestration import pipeline_pb2
from tfx_lm.pipelines.errors import ConfigurationError
from tfx_lm.pipelines.local.local_plan import plan_pipeline
from tfx_lm.pipelines.local.reused_settings import _differences
from tfx_lm.pipelines.metadata.metadata_store import connection_config
from tfx_lm.pipelines.nodes.node_run import run_node


def test_a_changed_setting_of_a_node_before_is_refused(small_nodes, tmp_path):
    connection = connection_config(f"sqlite:///{tmp_path}/metadata.sqlite")

    def waiting(seconds):
        def make(number, folder):
            wait = small_nodes.Wait(number=number, seconds=seconds, started=str(folder / "started"))
            return wait, small_nodes.Double(number=wait.outputs["made"])

        return make

    def run(seconds, **partial):
        plan = plan_pipeline(small_nodes.pipeline_of(tmp_path, connection, waiting(seconds)), **partial)
        ir = pipeline_pb2.Pipeline.FromString(plan.pipeline)
        return [run_node(ir, node).state for node in plan.upstream if node not in plan.skipped]

    assert run(0.0) == ["COMPLETE"] * 3
    # From the cache, whose executions have no settings.
    assert run(0.0) == ["CACHED"] * 3
    assert run(0.0, from_nodes=["Double"]) == ["CACHED"]
    expected = (
        "--from Double: Wait, which lies before, is set otherwise than when the latest run made its output (seconds: "
        "0.0 then, 0.25 now); run with --from Wait, or without --from: what did not change comes from the cache"
    )
    with pytest.raises(ConfigurationError, match=re.escape(expected)):
        run(0.25, from_nodes=["Double"])
    # As the message says; --to takes nothing.
    assert run(0.25, to_nodes=["Number"]) == ["CACHED"]
    assert run(0.25, from_nodes=["Wait"]) == ["COMPLETE", "COMPLETE"]
    assert run(0.25, from_nodes=["Double"]) == ["CACHED"]


def test_settings_within_json_are_compared_one_by_one():
    def differences(was, now):
        return list(_differences("custom_config", json.dumps(was), json.dumps(now)))

    was = {"lowercase": True, "vocabulary": {"size": 8000, "file": None}, "backup": 1}
    now = {"lowercase": False, "vocabulary": {"size": 20_000, "file": None}, "of_a_later_release": 1}
    assert differences(was, now) == [
        "custom_config.lowercase: true then, false now",
        "custom_config.vocabulary.size: 8000 then, 20000 now",
    ]
    assert differences(was, was) == []
    assert list(_differences("input_base", "/data", "{DATA}")) == ["input_base: /data then, {DATA} now"]
    assert list(_differences("name", "a" * 61, "b")) == [f"name: {'a' * 60}… then, b now"]
