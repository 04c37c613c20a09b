"""`--from`: what is taken from the latest run must have been made with the settings of this one."""

import json
import re

import pytest
from tfx.proto.orchestration import pipeline_pb2
from tfx_lm.pipelines.errors import ConfigurationError
from tfx_lm.pipelines.local.local_plan import plan_pipeline
from tfx_lm.pipelines.local.reused_settings import _changes, _differences
from tfx_lm.pipelines.metadata.metadata_store import connection_config
from tfx_lm.pipelines.nodes.node_run import run_node


def test_a_changed_setting_of_a_node_before_is_refused(small_nodes, tmp_path):
    connection = connection_config(f"sqlite:///{tmp_path}/metadata.sqlite")

    def waiting(seconds):
        def make(number, folder):
            wait = small_nodes.Wait(number=number, seconds=seconds, started=str(folder / "started"))
            # Nothing that comes after Wait reads it.
            aside = small_nodes.Shards(number=number, count=1 + int(10 * seconds))
            return wait, small_nodes.Double(number=wait.outputs["made"]), aside

        return make

    def run(seconds, **partial):
        plan = plan_pipeline(small_nodes.pipeline_of(tmp_path, connection, waiting(seconds)), **partial)
        ir = pipeline_pb2.Pipeline.FromString(plan.pipeline)
        return [run_node(ir, node).state for node in plan.upstream if node not in plan.skipped]

    assert run(0.0) == ["COMPLETE"] * 4
    # From the cache, and then from a partial run, whose executions have no settings.
    assert run(0.0) == ["CACHED"] * 4
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


def test_a_setting_that_is_none_on_one_side():
    """TFX leaves it out, as it does a setting that one of two releases does not have."""
    was, now = {"code_digest": "a", "tolerance": 0.1, "span": 3}, {"code_digest": "a", "max_perplexity": 9.0}
    assert list(_changes(was, now, has_driver=True)) == ["max_perplexity: null then, 9.0 now"]
    del was["span"]
    expected = ["max_perplexity: null then, 9.0 now", "tolerance: 0.1 then, null now"]
    assert list(_changes(was, now, has_driver=False)) == expected
    assert list(_changes({**was, "code_digest": "b"}, now, has_driver=False)) == []
    # Components of a user's own tell no digest.
    assert list(_changes({"a": 1}, {"b": 2}, has_driver=False)) == []


def test_a_bool_which_tfx_records_as_a_number():
    assert list(_differences("flag", 1, "true")) == list(_differences("flag", 0, "false")) == []
    assert list(_differences("flag", "true", "true")) == []
    assert list(_differences("flag", 1, "false")) == ["flag: 1 then, false now"]


def test_spans_that_the_driver_has_found():
    patterns = json.dumps({"splits": [{"name": "train", "pattern": "span-{SPAN}/*"}]})
    now = {"input_config": patterns, "range_config": "{}", "spans": "", "input_base": "/a"}
    found = json.dumps([{"span": 7, "version": None, "date": None}])
    was = {"input_config": patterns.replace("{SPAN}", "7"), "range_config": "", "spans": found, "input_base": "/a"}
    assert list(_changes(was, now, has_driver=True)) == []
    assert list(_changes(was, {**now, "spans": "7"}, has_driver=True)) == []
    assert list(_changes(was, {**now, "spans": "8"}, has_driver=True)) == [f"spans: {found} then, 8 now"]
    assert list(_changes(was, {**now, "input_base": "/b"}, has_driver=True)) == ["input_base: /a then, /b now"]
