"""What ML Metadata recorded of one run."""

from __future__ import annotations

import json

import ml_metadata as mlmd
from ml_metadata.proto import metadata_store_pb2

from .metadata_store import connection_config, resolve_connection

# Where TFX keeps the error of an execution.
ERROR_PROPERTY = "__execution_result__"


def open_records(metadata_url: str, pipeline_name: str, run_id: str) -> RunRecords:
    """Opens the records of a run.

    Args:
        metadata_url: Where ML Metadata is kept, unless the environment says otherwise.
        pipeline_name: The pipeline's name.
        run_id: The run's id.
    """
    connection = resolve_connection(connection_config(metadata_url))
    return RunRecords(mlmd.MetadataStore(connection), pipeline_name, run_id)


class RunRecords:
    """Looks up a run's executions and artifacts by node."""

    def __init__(self, store: mlmd.MetadataStore, pipeline_name: str, run_id: str) -> None:
        """Args: store: An open store. pipeline_name: The pipeline's name. run_id: The run's id."""
        self._store = store
        self._pipeline_name = pipeline_name
        self._run_id = run_id

    def state(self, node_id: str) -> str:
        """How a node that was launched ended: COMPLETE, CACHED, FAILED or SKIPPED (it recorded nothing)."""
        executions = self._executions(node_id)
        if not executions:
            return "SKIPPED"
        execution = executions[-1]
        states = metadata_store_pb2.Execution
        if execution.last_known_state == states.CACHED:
            return "CACHED"
        if execution.last_known_state != states.COMPLETE:
            return "FAILED"
        return "COMPLETE"

    def error(self, node_id: str) -> str | None:
        """The error that was recorded of a node that failed, its last line without the Python traceback before it."""
        executions = self._executions(node_id)
        if not executions:
            return None
        recorded = executions[-1].custom_properties[ERROR_PROPERTY].string_value
        message = json.loads(recorded).get("resultMessage", "").strip() if recorded else ""
        return message.splitlines()[-1] if message else None

    def output(self, node_id: str, key: str) -> metadata_store_pb2.Artifact | None:
        """The artifact that a node made, or took from the cache, under an output key; None where there is none."""
        executions = self._executions(node_id)
        if not executions:
            return None
        artifacts = self._store.get_artifacts_by_id(self._output_ids(executions[-1]).get(key, []))
        return artifacts[0] if artifacts else None

    def _output_ids(self, execution: metadata_store_pb2.Execution) -> dict[str, list[int]]:
        """The ids of an execution's output artifacts, by output key."""
        ids: dict[str, list[int]] = {}
        for event in self._store.get_events_by_execution_ids([execution.id]):
            if event.type == metadata_store_pb2.Event.OUTPUT:
                ids.setdefault(event.path.steps[0].key, []).append(event.artifact_id)
        return ids

    def _executions(self, node_id: str) -> list[metadata_store_pb2.Execution]:
        """The node's executions up to its newest of this run, the oldest first; none if it has none in this run."""
        run = self._store.get_context_by_type_and_name("pipeline_run", self._run_id)
        node = self._store.get_context_by_type_and_name("node", f"{self._pipeline_name}.{node_id}")
        if run is None or node is None:
            return []
        of_run = {execution.id for execution in self._store.get_executions_by_context(run.id)}
        executions = sorted(self._store.get_executions_by_context(node.id), key=lambda execution: execution.id)
        while executions and executions[-1].id not in of_run:
            executions.pop()
        return executions
