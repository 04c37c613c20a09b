"""Repetitions of nodes that a run has done already.

TFX's launcher looks up a node's execution by its contexts (pipeline, run, node), and does nothing if it succeeded. A
repetition is one more context, in which the launcher finds no execution yet. The nodes that read the output ask for
that context, too. All executions stay in ML Metadata, and no artifact changes: other runs may use it from the cache.
"""

from __future__ import annotations

from tfx.proto.orchestration import pipeline_pb2

from ..metadata.run_records import REPETITION_CONTEXT, RunRecords
from .earlier_work import DONE

_RUN_CONTEXT = "pipeline_run"


def must_repeat(ir: pipeline_pb2.Pipeline, node_id: str, records: RunRecords) -> bool:
    """Returns True if a node whose output this node reads was done again since the run did, or tried, this node."""
    newest = records.newest_id(node_id)
    producers = [records.newest_id(channel.producer_node_query.id) for channel in _channels_of_run(ir, node_id)]
    return newest is not None and any(each is not None and each > newest for each in producers)


def prepare(ir: pipeline_pb2.Pipeline, node_id: str, run_id: str, records: RunRecords) -> None:
    """Makes a node read the outputs of the newest repetitions, and repeat itself if the run has done it.

    A failed node goes on in the same execution, unless its inputs have changed, which the launcher would not record.
    A repetition never ends with a result from the cache.

    Args:
        ir: A pipeline with the run's id; its node is changed in place.
        node_id: The node to run.
        run_id: The run's id.
        records: The run's records.
    """
    for channel in _channels_of_run(ir, node_id):
        made_in = records.repetition(channel.producer_node_query.id)
        if made_in is not None:
            query = channel.context_queries.add()
            query.type.name = REPETITION_CONTEXT
            query.name.field_value.string_value = made_in
    name = records.repetition(node_id)
    if records.state(node_id) in DONE or must_repeat(ir, node_id, records):
        name = f"{ir.pipeline_info.id}.{run_id}.{node_id}.after-{records.newest_id(node_id)}"
    if name is None:
        return
    node = _node(ir, node_id)
    context = node.contexts.contexts.add()
    context.type.name = REPETITION_CONTEXT
    context.name.field_value.string_value = name
    node.execution_options.caching_options.enable_cache = False


def _node(ir: pipeline_pb2.Pipeline, node_id: str) -> pipeline_pb2.PipelineNode:
    (node,) = (each.pipeline_node for each in ir.nodes if each.pipeline_node.node_info.id == node_id)
    return node


def _channels_of_run(ir: pipeline_pb2.Pipeline, node_id: str) -> list[pipeline_pb2.InputSpec.Channel]:
    """Returns the channels of a node's inputs that come from the same run; a Resolver also reads other runs."""
    return [
        channel
        for spec in _node(ir, node_id).inputs.inputs.values()
        for channel in spec.channels
        if any(query.type.name == _RUN_CONTEXT for query in channel.context_queries)
    ]
