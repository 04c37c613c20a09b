import importlib
import json
import os
import sys

import pytest
from tfx_lm.pipelines.kubeflow import kubeflow_entrypoint as entrypoint

MODEL = {"instanceSchema": "title: tfx.Model\ntype: object\n"}
SPEC = {"artifacts": {"model": {"artifactType": MODEL}}}


def invocation(**artifact) -> dict:
    return {
        "inputs": {"artifacts": {"model": {"artifacts": [{"name": "7", "uri": "gs://bucket/model", **artifact}]}}},
        "outputs": {"artifacts": {}, "outputFile": "/nowhere/output_metadata.json"},
    }


@pytest.mark.parametrize("artifact", [{}, {"type": {}}, {"type": {"instanceSchema": ""}}])
def test_a_missing_type_is_that_of_the_component(artifact):
    given = invocation(**artifact)
    entrypoint.add_types(given, SPEC)
    assert given == invocation(type=MODEL)


def test_a_type_that_is_there_is_left_alone():
    given = invocation(type={"schemaTitle": "tfx.Model"})
    entrypoint.add_types(given, SPEC)
    assert given == invocation(type={"schemaTitle": "tfx.Model"})


def test_a_node_without_inputs_has_no_types():
    given = {"outputs": {"artifacts": {}}}
    entrypoint.add_types(given, {})
    assert given == {"outputs": {"artifacts": {}}}


def test_what_the_driver_noted_reaches_the_executor():
    given = {"outputs": {"artifacts": {"examples": {"artifacts": [{"uri": "x", "metadata": {"span": 0, "a": "b"}}]}}}}
    entrypoint.add_metadata(given, {"artifacts": {"examples": {"artifacts": [{"metadata": {"span": 3}}]}}})
    assert given["outputs"]["artifacts"]["examples"]["artifacts"] == [{"uri": "x", "metadata": {"span": 3, "a": "b"}}]


def test_tfxs_entry_point_takes_over_with_the_types_put_in(monkeypatch):
    commands = []
    monkeypatch.setattr(os, "execv", lambda path, command: commands.append((path, command)))
    # Of the image, which another project may use as well.
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    entrypoint.main(
        [
            "--executor_class_path", "module.Executor",
            "--json_serialized_invocation_args", json.dumps(invocation()),
            "--json_serialized_inputs_spec_args", json.dumps(SPEC),
            "--runner=FlinkRunner",
        ]
    )  # fmt: skip
    ((path, (python, flag, module, *arguments)),) = commands
    assert path == python == sys.executable
    assert (flag, module) == ("-m", entrypoint.EXECUTOR_MODULE)
    assert json.loads(arguments[arguments.index("--json_serialized_invocation_args") + 1]) == invocation(type=MODEL)
    assert arguments[arguments.index("--executor_class_path") + 1] == "module.Executor"
    assert os.environ["KERAS_BACKEND"] == "tensorflow"
    assert arguments[-1] == "--runner=FlinkRunner"


def test_the_driver_is_left_out_where_vertex_has_run_it_and_for_spans(monkeypatch, tmp_path):
    commands = []
    monkeypatch.setattr(os, "execv", lambda path, command: commands.append(command))
    monkeypatch.setattr(entrypoint.subprocess, "run", lambda *a, **k: pytest.fail("the driver ran"))
    written = tmp_path / "output_metadata.json"
    written.write_text("{}")
    for output_file, properties in (
        (str(written), ("input_base", "input_config")),
        ("gs://bucket/output_metadata.json", ("input_base", "input_config")),
        ("/nowhere/output_metadata.json", ("input_base", "input_config", "spans")),
    ):
        given = {"outputs": {"artifacts": {}, "outputFile": output_file}}
        spec = {"parameters": {name: {} for name in properties}}
        entrypoint.main(
            [
                "--json_serialized_invocation_args",
                json.dumps(given),
                "--json_serialized_inputs_spec_args",
                json.dumps(spec),
            ]
        )
    assert len(commands) == 3


def test_a_page_is_a_file_with_the_class_that_writes_it():
    page = {"uri": "gs://bucket/report", "type": {"instanceSchema": "title: system.HTML\ntype: object\n"}}
    model = {"uri": "gs://bucket/model", "type": MODEL}
    given = {"outputs": {"artifacts": {"report": {"artifacts": [page]}, "model": {"artifacts": [model]}}}}
    entrypoint.point_to_pages(given)
    assert given["outputs"]["artifacts"] == {
        "report": {
            "artifacts": [{"uri": "gs://bucket/report/index.html", "type": {"schemaTitle": entrypoint.PAGE_CLASS}}]
        },
        "model": {"artifacts": [{"uri": "gs://bucket/model", "type": MODEL}]},
    }
    module, _, name = entrypoint.PAGE_CLASS.rpartition(".")
    assert getattr(importlib.import_module(module), name).TYPE_NAME == entrypoint.PAGE_TYPE
