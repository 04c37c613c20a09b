"""Earlier work of a run before one of its nodes starts: its parameters, the node's inputs, and the node itself."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from typing import Any

from tfx.orchestration import data_types_utils
from tfx.proto.orchestration import pipeline_pb2

from ...components.text_example_gen.span_numbers import were_asked_for
from ...components.text_example_gen.spans import SPANS_KEY
from ..errors import ConfigurationError
from ..metadata.run_records import RunRecords
from .artifact_files import DamageCheck, is_there

DONE = ("COMPLETE", "CACHED")


def parameter_places(ir: pipeline_pb2.Pipeline) -> list[tuple[str, str, str]]:
    """Returns the uses of runtime parameters in a compiled pipeline: (node, execution property, parameter)."""
    return [
        (node.pipeline_node.node_info.id, name, value.runtime_parameter.name)
        for node in ir.nodes
        for name, value in node.pipeline_node.parameters.parameters.items()
        if value.WhichOneof("value") == "runtime_parameter"
    ]


def check_parameters(
    ir: pipeline_pb2.Pipeline, places: list[tuple[str, str, str]], run_id: str, records: RunRecords
) -> None:
    """Checks that a run's parameters are those of its earlier nodes.

    Args:
        ir: The pipeline with the run's parameters.
        places: `parameter_places` of the pipeline before it had them.
        run_id: The run's id.
        records: The run's records.

    Raises:
        ConfigurationError: Names the parameter and both values.
    """
    nodes = {node.pipeline_node.node_info.id: node.pipeline_node for node in ir.nodes}
    for node_id, name, parameter in places:
        recorded = records.execution_property(node_id, name)
        value = data_types_utils.get_metadata_value(nodes[node_id].parameters.parameters[name].field_value)
        if recorded is not None and recorded != value and not chosen_by_driver(name, value, recorded):
            raise ConfigurationError(
                f"--parameters: {parameter} is {_shown(value)} now, and was {_shown(recorded)} when run {run_id} did "
                f"{node_id}; give all nodes of a run the same parameters, or choose another --run-id"
            )


def chosen_by_driver(name: str, value: Any, recorded: Any) -> bool:
    """Says whether a driver chose the recorded value of a property for the parameter's: spans, which it looks up."""
    return name == SPANS_KEY and recorded.startswith("[{") and were_asked_for(json.loads(recorded), value)


def check_inputs(
    ir: pipeline_pb2.Pipeline, node_id: str, run_id: str, records: RunRecords, damage: DamageCheck
) -> None:
    """Checks that earlier nodes of the run have made the inputs of a node, and that these still exist.

    Args:
        ir: The pipeline.
        node_id: The node to run.
        run_id: The run's id.
        records: The run's records.
        damage: Looks for damaged inputs.

    Raises:
        ConfigurationError: Names the nodes to run first, in their order.
    """
    first = missing_producers(ir, [node_id], records, damage)
    if first:
        artifacts = records.outputs(first[-1])
        damaged = [problem for artifact in artifacts if is_there(artifact) and (problem := damage(artifact))]
        what = f"or it was damaged ({damaged[0]})" if damaged else "or it was deleted"
        raise ConfigurationError(
            f"--node {node_id}: run {run_id} has no output of {first[-1]}, {what}; run "
            f"{' and then '.join(first)} first, with the same --run-id (and with --again, if it has done them)"
        )


def missing_producers(
    ir: pipeline_pb2.Pipeline,
    node_ids: Iterable[str],
    records: RunRecords,
    damage: DamageCheck,
    among: Collection[str] | None = None,
) -> list[str]:
    """Returns the nodes whose outputs are needed and do not exist.

    Args:
        ir: The pipeline.
        node_ids: The nodes to run.
        records: The run's records.
        damage: Looks for damaged outputs.
        among: Only these nodes are checked; None: all nodes.

    Returns:
        The nodes whose output is an input of `node_ids`, or of another returned node, and was not made in this run,
        or was deleted or damaged. In topological order.
    """
    nodes = {node.pipeline_node.node_info.id: node.pipeline_node for node in ir.nodes}
    candidates = nodes if among is None else among
    needed, missing = list(node_ids), set()
    while needed:
        node = nodes[needed.pop()]
        for spec in node.inputs.inputs.values():
            for channel in spec.channels:
                producer = channel.producer_node_query.id
                if producer not in candidates or producer in missing:
                    continue
                # An optional input may be absent, but not damaged.
                if spec.min_count == 0 and not _was_made(records, producer, channel.output_key):
                    continue
                if not _is_whole(records, producer, channel.output_key, damage):
                    missing.add(producer)
                    needed.append(producer)
    return [each for each in nodes if each in missing]


def _was_made(records: RunRecords, node_id: str, key: str) -> bool:
    return records.state(node_id) in DONE and records.output(node_id, key) is not None


def _is_whole(records: RunRecords, node_id: str, key: str, damage: DamageCheck) -> bool:
    artifact = records.output(node_id, key)
    return records.state(node_id) in DONE and artifact is not None and damage(artifact) is None


def _shown(value: Any) -> str:
    return repr(value) if isinstance(value, str) else f"{value}"
