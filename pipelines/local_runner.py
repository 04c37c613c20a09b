"""Runs a pipeline on this machine, one node after the other, as TFX's LocalDagRunner does.

LocalDagRunner says nothing while it works and loses which node was cached. This runner launches the same nodes
through the same launcher, in the same order, and reports each.
"""

from __future__ import annotations

import datetime
import time
import traceback
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Protocol

from tfx import v1 as tfx
from tfx.dsl.compiler import compiler
from tfx.dsl.compiler import constants as compiler_constants
from tfx.orchestration import metadata
from tfx.orchestration.local import runner_utils
from tfx.orchestration.portable import launcher, partial_run_utils, runtime_parameter_utils

from .errors import ConfigurationError
from .run_records import RunRecords


class Observer(Protocol):
    """Who is told what the run does."""

    def started(self, node_id: str) -> None:
        """A node begins to work."""

    def ended(self, node_id: str, state: str, seconds: float) -> None:
        """A node ended."""


@dataclass(frozen=True)
class NodeResult:
    """How one node ended.

    Attributes:
        id: The node's id in the pipeline.
        state: COMPLETE, CACHED, FAILED or SKIPPED (not asked for, or behind a node that failed).
        seconds: Wall time.
        error: What went wrong, where the state is FAILED.
    """

    id: str
    state: str
    seconds: float
    error: str | None = None


def run_pipeline(
    pipeline: tfx.dsl.Pipeline,
    observer: Observer,
    from_nodes: Collection[str] = (),
    to_nodes: Collection[str] = (),
) -> tuple[str, list[NodeResult]]:
    """Runs the nodes in topological order; the first failure ends the run.

    Args:
        pipeline: From `create_pipeline`.
        observer: Told when each node starts and ends.
        from_nodes: Where to start; what lies before is taken from the latest run that made it. Empty: at the roots.
        to_nodes: Where to end. Empty: at the leaves.

    Returns:
        The run's id, and a result for every node of the pipeline.

    Raises:
        ConfigurationError: A node of that name does not exist, or there is no earlier run to start from.
    """
    ir = compiler.Compiler().compile(pipeline)
    nodes = [node.pipeline_node for node in ir.nodes]
    known = [node.node_info.id for node in nodes]
    for option, names in (("--from", from_nodes), ("--to", to_nodes)):
        for name in names:
            if name not in known:
                raise ConfigurationError(f"{option} {name}: no such node; the nodes are {', '.join(known)}")

    run_id = datetime.datetime.now().isoformat()
    runtime_parameter_utils.substitute_runtime_parameter(
        ir, {compiler_constants.PIPELINE_RUN_ID_PARAMETER_NAME: run_id}
    )
    deployment = runner_utils.extract_local_deployment_config(ir)
    connection_kind = deployment.metadata_connection_config.WhichOneof("connection_config")
    connection = getattr(deployment.metadata_connection_config, connection_kind)
    if from_nodes or to_nodes:
        partial_run_utils.mark_pipeline(ir, from_nodes=from_nodes or None, to_nodes=to_nodes or None)

    results: list[NodeResult] = []
    failed = False
    for node in nodes:
        node_id = node.node_info.id
        if failed or node.execution_options.HasField("skip"):
            result = NodeResult(node_id, "SKIPPED", 0.0)
        else:
            observer.started(node_id)
            result = _run_node(ir, node, deployment, connection, run_id)
            failed = result.state == "FAILED"
        results.append(result)
        observer.ended(node_id, result.state, result.seconds)
    return run_id, results


def _run_node(ir: Any, node: Any, deployment: Any, connection: Any, run_id: str) -> NodeResult:
    node_id = node.node_info.id
    begin = time.monotonic()
    try:
        if node.execution_options.run.perform_snapshot:
            with metadata.Metadata(connection) as handle:
                partial_run_utils.snapshot(handle, ir)
        launcher.Launcher(
            pipeline_node=node,
            mlmd_connection=metadata.Metadata(connection),
            pipeline_info=ir.pipeline_info,
            pipeline_runtime_spec=ir.runtime_spec,
            executor_spec=runner_utils.extract_executor_spec(deployment, node_id),
            custom_driver_spec=runner_utils.extract_custom_driver_spec(deployment, node_id),
        ).launch()
    except Exception as error:  # A node may fail with anything; the run must still be summed up.
        traceback.print_exc()
        return NodeResult(node_id, "FAILED", time.monotonic() - begin, f"{type(error).__name__}: {error}")
    # The launcher returns normally where a node was cached, or where its inputs could not be resolved.
    with metadata.Metadata(connection) as handle:
        state = RunRecords(handle.store, ir.pipeline_info.id, run_id).state(node_id)
    message = f"{node_id} ended without output; the log says why" if state == "FAILED" else None
    return NodeResult(node_id, state, time.monotonic() - begin, message)
