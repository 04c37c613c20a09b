"""A compiled pipeline on disk: TFX's intermediate representation (IR) as JSON, and its graph beside it.

The graph, `dag.json`, is for an orchestrator without TFX: it has the nodes, and for each the nodes that it waits for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from tfx.dsl.compiler import compiler
from tfx.dsl.compiler import constants as compiler_constants
from tfx.orchestration import data_types_utils
from tfx.orchestration import pipeline as tfx_pipeline
from tfx.orchestration.portable import runtime_parameter_utils
from tfx.proto.orchestration import pipeline_pb2

from ... import atomic_file
from ..errors import ConfigurationError
from ..metadata.metadata_store import REMEDY
from .run_parameters import check_run_parameters

RUN_ID_PARAMETER = compiler_constants.PIPELINE_RUN_ID_PARAMETER_NAME
DAG_SCHEMA = 1


def compile_pipeline(
    pipeline: tfx_pipeline.Pipeline, defaults: Mapping[str, Any] | None = None
) -> pipeline_pb2.Pipeline:
    """Compiles a pipeline to TFX's intermediate representation.

    Args:
        pipeline: From `create_pipeline`.
        defaults: The result of `add_runtime_parameters`. TFX's compiler drops defaults that are 0.
    """
    ir = compiler.Compiler().compile(pipeline)
    for node in ir.nodes:
        for value in node.pipeline_node.parameters.parameters.values():
            name = value.runtime_parameter.name
            if name in (defaults or {}) and not value.runtime_parameter.HasField("default_value"):
                data_types_utils.set_metadata_value(value.runtime_parameter.default_value, (defaults or {})[name])
    return ir


def graph(ir: pipeline_pb2.Pipeline) -> dict[str, list[str]]:
    """Returns the ids of the nodes that each node waits for, in topological order."""
    return {node.pipeline_node.node_info.id: list(node.pipeline_node.upstream_nodes) for node in ir.nodes}


def runtime_parameters(ir: pipeline_pb2.Pipeline) -> dict[str, Any]:
    """Returns the parameters of a run by name, without its id. The values are the defaults; None: it must be given."""
    copy = pipeline_pb2.Pipeline()
    copy.CopyFrom(ir)
    names = dict(runtime_parameter_utils.substitute_runtime_parameter(copy, {RUN_ID_PARAMETER: ""}))
    del names[RUN_ID_PARAMETER]
    return names


def set_parameters(ir: pipeline_pb2.Pipeline, run_id: str, values: Mapping[str, Any]) -> None:
    """Puts a run's id and its parameters into a pipeline.

    Args:
        ir: Changed in place.
        run_id: The run's id.
        values: Values of some of `runtime_parameters`. A float may be given as a whole number.

    Raises:
        ConfigurationError: Names a parameter that the pipeline does not have, that has another type or a value out
            of range, or that has neither a value nor a default.
    """
    defaults = runtime_parameters(ir)
    bindings: dict[str, Any] = {RUN_ID_PARAMETER: run_id}
    for name, value in values.items():
        if name not in defaults:
            known = ", ".join(sorted(defaults)) or "none"
            raise ConfigurationError(f"parameter {name}: the pipeline has no such parameter; it has {known}")
        default = defaults[name]
        if isinstance(default, float) and type(value) is int:
            value = float(value)
        if default is not None and type(value) is not type(default):
            raise ConfigurationError(f"parameter {name}={value!r}: must be like its default, {default!r}")
        bindings[name] = value
    for name, default in defaults.items():
        if default is None and name not in bindings:
            raise ConfigurationError(f"parameter {name}: has no default; give it a value")
    check_run_parameters(values)
    runtime_parameter_utils.substitute_runtime_parameter(ir, bindings)


def dag_file(pipeline_file: Path) -> Path:
    """Returns the path of a compiled pipeline's graph: `my.dag.json` beside `my.json`."""
    return pipeline_file.with_suffix(".dag.json")


def write_compiled(ir: pipeline_pb2.Pipeline, output: Path) -> None:
    """Writes a compiled pipeline, and its graph beside it.

    Args:
        ir: From `compile_pipeline`.
        output: The JSON file; its folder is created if it does not exist.

    Raises:
        ConfigurationError: It cannot be written.
    """
    dag = {
        "schema": DAG_SCHEMA,
        "pipeline": ir.pipeline_info.id,
        "nodes": [{"id": node, "upstream": upstream} for node, upstream in graph(ir).items()],
        "parameters": runtime_parameters(ir),
    }
    # The graph last: an orchestrator that finds it also finds the pipeline.
    for path, text in (
        (output, json_format.MessageToJson(ir, sort_keys=True)),
        (dag_file(output), json.dumps(dag, indent=2)),
    ):
        try:
            atomic_file.write_text(path, f"{text}\n")
        except OSError as error:
            raise ConfigurationError(f"--output {path}: cannot be written ({error.strerror or error})") from error


def read_compiled(path: Path) -> pipeline_pb2.Pipeline:
    """Reads a file of `write_compiled`.

    Raises:
        ConfigurationError: There is no such file, or it holds no compiled pipeline.
    """
    try:
        return json_format.Parse(path.read_text(encoding="utf-8"), pipeline_pb2.Pipeline())
    except (OSError, UnicodeDecodeError, json_format.ParseError) as error:
        raise ConfigurationError(f"--pipeline {path}: no compiled pipeline ({error}); {REMEDY}") from error
