"""Plan of a local run: compiles the pipeline and chooses its nodes."""

from __future__ import annotations

import datetime
import os
from collections.abc import Collection
from pathlib import Path

import ml_metadata as mlmd
from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration import pipeline as tfx_pipeline
from tfx.orchestration.portable import partial_run_utils
from tfx.proto.orchestration import pipeline_pb2

from ...components.trainer.precision import choose_precision
from ..config import PipelineConfig
from ..errors import ConfigurationError
from ..metadata.metadata_store import initialize_store
from ..metadata.node_metadata import NodeMetadata
from ..metadata.run_records import RunRecords, is_in_context
from ..nodes.artifact_files import DamageCheck
from ..nodes.compiled_pipeline import compile_pipeline, graph, set_parameters
from ..nodes.earlier_work import missing_producers
from ..nodes.node_run import pipeline_connection
from ..pipeline import add_to_fingerprint, create_pipeline
from .reused_settings import check_reused_settings
from .run_plan import Plan


def plan_run(config: PipelineConfig, from_nodes: Collection[str], to_nodes: Collection[str]) -> Plan:
    """Plans a run of a configuration's pipeline; see `plan_pipeline`."""
    pipeline = create_pipeline(config)
    if config.trainer.precision == "auto":
        # On this machine: a run on another one may train in another precision, and must not take this model from the
        # cache. (A training that another kind of machine began keeps its precision, and counts as this machine's.)
        for node in pipeline.components:
            if node.id in ("Tuner", "Trainer"):
                add_to_fingerprint(node, "precision", choose_precision(config.trainer.options()).value)
    return plan_pipeline(pipeline, from_nodes, to_nodes)


def plan_pipeline(
    pipeline: tfx_pipeline.Pipeline, from_nodes: Collection[str] = (), to_nodes: Collection[str] = ()
) -> Plan:
    """Compiles a pipeline and makes its store of ML Metadata ready.

    Args:
        pipeline: The pipeline.
        from_nodes: The first nodes to run, with the newest outputs of the nodes before them. Empty: the roots.
        to_nodes: The last nodes to run. Empty: the leaves.

    Raises:
        ConfigurationError: There is no node of that name, or the latest run has no outputs of the nodes before
            `from_nodes`, or those of another output folder or of other settings.
    """
    ir = compile_pipeline(pipeline)
    upstream = graph(ir)
    for option, names in (("--from", from_nodes), ("--to", to_nodes)):
        for name in names:
            if name not in upstream:
                raise ConfigurationError(f"{option} {name}: no such node; the nodes are {', '.join(upstream)}")

    run_id = datetime.datetime.now().isoformat()
    set_parameters(ir, run_id, {})
    connection = pipeline_connection(ir)
    initialize_store(connection)
    if from_nodes or to_nodes:
        partial_run_utils.mark_pipeline(ir, from_nodes=from_nodes or None, to_nodes=to_nodes or None)
        # Otherwise TFX does this in one of the nodes, for which the others have to wait.
        with NodeMetadata(connection) as handle:
            _check_latest_run(handle.store, ir, from_nodes)
            try:
                partial_run_utils.snapshot(handle, ir)
            except LookupError as error:
                raise ConfigurationError(
                    f"--from {', '.join(from_nodes)}: the latest run did not make what lies before "
                    f"({str(error).rstrip('.')}); run without --from, or from an earlier node"
                ) from error
            records = RunRecords(handle.store, ir.pipeline_info.id, run_id)
            check_reused_settings(handle.store, ir, records, from_nodes)
            _check_inputs(ir, records, DamageCheck(handle.unlocked))
    skipped = _skipped(ir)
    return Plan(run_id, ir.SerializeToString(), upstream, frozenset(skipped))


def _skipped(ir: pipeline_pb2.Pipeline) -> list[str]:
    nodes = (node.pipeline_node for node in ir.nodes)
    return [node.node_info.id for node in nodes if node.execution_options.HasField("skip")]


def _check_latest_run(store: mlmd.MetadataStore, ir: pipeline_pb2.Pipeline, from_nodes: Collection[str]) -> None:
    """Raises a `ConfigurationError` if the run whose outputs TFX would take is that of another output folder.

    TFX takes the latest run of the pipeline's name, and a database may have runs of several output folders. What a run
    made itself lies in its own folder; what it took from the cache, in any. A run that made nothing tells no folder:
    then all that it took must lie in this one.
    """
    nodes = [node.pipeline_node for node in ir.nodes]
    pipeline = store.get_context_by_type_and_name("pipeline", ir.pipeline_info.id)
    if pipeline is None or not any(map(_is_taken, nodes)):
        return
    run_type = store.get_context_type("pipeline_run").id
    runs = [each for each in store.get_children_contexts_by_context(pipeline.id) if each.type_id == run_type]
    latest = max(runs, key=lambda run: run.create_time_since_epoch, default=None)
    of_latest = store.get_executions_by_context(latest.id) if latest else []
    # A run's id may be that of another pipeline's run, too.
    executions = [each for each in of_latest if is_in_context(store, each, pipeline)]
    events = store.get_events_by_execution_ids([each.id for each in executions]) if executions else []
    outputs = [each for each in events if each.type == metadata_store_pb2.Event.OUTPUT]
    complete = {each.id for each in executions if each.last_known_state == metadata_store_pb2.Execution.COMPLETE}
    made = [each for each in outputs if each.execution_id in complete]
    artifacts = store.get_artifacts_by_id([each.artifact_id for each in made or outputs])
    root = os.path.realpath(ir.runtime_spec.pipeline_root.field_value.string_value)
    elsewhere = [each.uri for each in artifacts if not Path(os.path.realpath(each.uri)).is_relative_to(root)]
    if elsewhere:
        raise ConfigurationError(
            f"--from {', '.join(from_nodes)}: the latest run of name={ir.pipeline_info.id} worked in another output "
            f"folder, or only took from one: {elsewhere[0]}; run without --from, which takes what did not change from "
            "the cache, or give each output folder a name of its own"
        )


def _is_taken(node: pipeline_pb2.PipelineNode) -> bool:
    return bool(partial_run_utils.should_attempt_to_reuse_artifact(node.execution_options))


def _check_inputs(ir: pipeline_pb2.Pipeline, records: RunRecords, damage: DamageCheck) -> None:
    """Raises a `ConfigurationError` if an output of a skipped node that another node reads was deleted."""
    skipped = _skipped(ir)
    running = [node_id for node_id in graph(ir) if node_id not in skipped]
    if missing := missing_producers(ir, running, records, damage, skipped):
        raise ConfigurationError(
            f"--from: the output of {', '.join(missing)} was deleted or damaged since the latest run; run with --from "
            f"{missing[0]}"
        )
