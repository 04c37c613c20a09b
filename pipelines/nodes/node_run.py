"""Run of one node of a compiled pipeline by TFX's launcher."""

from __future__ import annotations

import logging
import os
import signal
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import ml_metadata as mlmd
from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration.local import runner_utils
from tfx.orchestration.portable import execution_publish_utils, launcher
from tfx.orchestration.portable.mlmd import context_lib, execution_lib
from tfx.proto.orchestration import execution_result_pb2, pipeline_pb2

from ...components.in_process import stays_in_process
from ..beam.option_views import remember_option_views
from ..beam.plain_pickles import plain_pickles
from ..beam.signatures import remember_signatures
from ..metadata.metadata_store import resolve_connection
from ..metadata.node_metadata import NodeMetadata
from ..metadata.run_records import RunRecords, recorded_failure
from ..setting_names import in_yaml_terms
from ..storage_failure import storage_failure
from .artifact_files import record_files, whole_outputs_only
from .claim import Claim, claimed
from .empty_outputs import empty_outputs
from .node_of_run import NodeOfRun, remove_unfinished
from .node_result import NodeResult


class Terminated(BaseException):
    """The process got SIGTERM. It is not an `Exception`, since libraries swallow these.

    Some libraries swallow this too, or handle the signal themselves. Then the supervisor records the failure.
    """


@contextmanager
def ending_on_sigterm() -> Iterator[None]:
    """Turns the first SIGTERM into `Terminated`; later ones are ignored, so that the failure can be recorded."""

    def terminate(number: int, frame: Any) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise Terminated("ended by SIGTERM")

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def pipeline_connection(ir: pipeline_pb2.Pipeline) -> metadata_store_pb2.ConnectionConfig:
    """Returns a compiled pipeline's connection to ML Metadata, with passwords from the environment."""
    deployment = runner_utils.extract_local_deployment_config(ir)
    kind = deployment.metadata_connection_config.WhichOneof("connection_config")
    compiled = getattr(deployment.metadata_connection_config, kind) if kind else metadata_store_pb2.ConnectionConfig()
    return resolve_connection(compiled)


def node_of_run(ir: pipeline_pb2.Pipeline, node_id: str) -> NodeOfRun:
    """A node of a compiled pipeline with a run's id."""
    return NodeOfRun(
        root=ir.runtime_spec.pipeline_root.field_value.string_value,
        pipeline=ir.pipeline_info.id,
        run_id=ir.runtime_spec.pipeline_run_id.field_value.string_value,
        node_id=node_id,
        connection=pipeline_connection(ir),
    )


def run_node(ir: pipeline_pb2.Pipeline, node_id: str, to_log: bool = True) -> NodeResult:
    """Runs one node in this process, and closes nodes before that were killed.

    Args:
        ir: A compiled pipeline with the run's id and parameters (`compiled_pipeline.set_parameters`).
        node_id: One of its nodes.
        to_log: Whether the output of this process is a log, which keeps the traceback of every failure. In a terminal,
            a failure that the result tells in a sentence has none. ML Metadata keeps all of them.

    Returns:
        The result. A failed node is marked as FAILED in ML Metadata, with its error (settings by their YAML keys), even
        if it failed before its executor ran, and its folders are removed.

    Raises:
        ConfigurationError: If another process runs the same node of the same run now.
    """
    # Otherwise the first of two nodes on one machine allocates all memory of a GPU.
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    with claimed(node_of_run(ir, node_id)) as claim:
        return _run_claimed(ir, node_id, claim, to_log)


def _run_claimed(ir: pipeline_pb2.Pipeline, node_id: str, claim: Claim, to_log: bool) -> NodeResult:
    (node,) = (each.pipeline_node for each in ir.nodes if each.pipeline_node.node_info.id == node_id)
    run_id = ir.runtime_spec.pipeline_run_id.field_value.string_value
    deployment = runner_utils.extract_local_deployment_config(ir)
    connection = pipeline_connection(ir)
    executor_spec = runner_utils.extract_executor_spec(deployment, node_id)
    remember_signatures()
    remember_option_views()
    in_process = stays_in_process(getattr(executor_spec, "beam_pipeline_args", ()))
    begin = time.monotonic()
    with ending_on_sigterm():
        try:
            plain = plain_pickles() if in_process else nullcontext()
            with plain, whole_outputs_only(), empty_outputs(), _failure_told_once():
                launched = launcher.Launcher(
                    pipeline_node=node,
                    mlmd_connection=NodeMetadata(connection),
                    pipeline_info=ir.pipeline_info,
                    pipeline_runtime_spec=ir.runtime_spec,
                    executor_spec=executor_spec,
                    custom_driver_spec=runner_utils.extract_custom_driver_spec(deployment, node_id),
                ).launch()
        except (Exception, Terminated) as error:  # Any failure of a node must be recorded.
            # Ignore further SIGTERMs while the failure is recorded; the process exits right after.
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            translated = in_yaml_terms(error) or storage_failure(error, node_of_run(ir, node_id).places())
            if to_log or translated is None:
                traceback.print_exc()
            shown = f"{type(error).__name__}: {error}" if translated is None else translated
            root = ir.runtime_spec.pipeline_root.field_value.string_value
            claim.stays = not _mark_failed(connection, node, recorded_failure(shown, traceback.format_exc()), root)
            return NodeResult(node_id, "FAILED", time.monotonic() - begin, shown)
    # The launcher returns normally if a node was cached or skipped, or if its inputs could not be resolved.
    with NodeMetadata(connection) as handle:
        records = RunRecords(handle.store, ir.pipeline_info.id, run_id)
        if (launched is None or launched.execution_id is None) and records.newest_id(node_id) is not None:
            _mark_skipped(handle, node)
        state, message = records.state(node_id), records.error(node_id)
        if state == "COMPLETE":
            try:
                record_files(records, node_id, handle.unlocked)
            except (
                OSError,
                UnicodeError,
                mlmd.errors.StatusError,
            ) as error:  # Without the record, damage is not found.
                print(f"The files that {node_id} made could not be recorded: {error}")
    error_text = (message or "ended without output; the log says why") if state == "FAILED" else None
    return NodeResult(node_id, state, time.monotonic() - begin, error_text)


@contextmanager
def _failure_told_once() -> Iterator[None]:
    """Drops the launcher's `Execution 1 failed.`, since the node's result says so with its name and the reason."""

    def is_other(record: logging.LogRecord) -> bool:
        return record.msg != "Execution %d failed."

    logger = logging.getLogger("absl")
    logger.addFilter(is_other)
    try:
        yield
    finally:
        logger.removeFilter(is_other)


def _mark_skipped(handle: NodeMetadata, node: pipeline_pb2.PipelineNode) -> None:
    """Records that a node was skipped, for which the launcher keeps the record of an earlier try."""
    contexts = context_lib.prepare_contexts(metadata_handle=handle, node_contexts=node.contexts)
    skipped = metadata_store_pb2.Execution.CANCELED
    newest = _newest(handle, contexts)
    if newest is None:
        execution_publish_utils.register_execution(handle, node.node_info.type, contexts, last_known_state=skipped)
    else:
        newest.last_known_state = skipped
        execution_lib.put_execution(handle, newest, contexts)


def _newest(handle: NodeMetadata, contexts: list[metadata_store_pb2.Context]) -> metadata_store_pb2.Execution | None:
    executions = execution_lib.get_executions_associated_with_all_contexts(handle, contexts)
    return max(executions, key=lambda execution: execution.id, default=None)


def _mark_failed(
    connection: metadata_store_pb2.ConnectionConfig, node: pipeline_pb2.PipelineNode, message: str, root: str
) -> bool:
    """Records a failure and its message, and removes the node's folders. Returns False if it could not.

    The launcher records no message, and no failure before the executor runs. At SIGTERM it removes no folders.
    """
    output = execution_result_pb2.ExecutorOutput()
    output.execution_result.code = 1
    output.execution_result.result_message = message
    try:
        with NodeMetadata(connection) as handle:
            contexts = context_lib.prepare_contexts(metadata_handle=handle, node_contexts=node.contexts)
            newest = _newest(handle, contexts)
            if newest is None:
                newest = execution_publish_utils.register_execution(handle, node.node_info.type, contexts)
            if execution_lib.is_execution_successful(newest):
                return True  # The node had ended before the failure or the signal.
            execution_publish_utils.publish_failed_execution(handle, contexts, newest.id, output)
            remove_unfinished(root, node.node_info.id, newest)
            return True
    except Exception:  # For example an unreachable database, which may be the reason of the failure.
        print("The failure could not be recorded in ML Metadata:")
        traceback.print_exc()
        return False
