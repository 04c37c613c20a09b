"""What ML Metadata recorded of one run."""

from __future__ import annotations

from pathlib import Path

import ml_metadata as mlmd
from ml_metadata.proto import metadata_store_pb2


def open_records(metadata_file: Path, pipeline_name: str, run_id: str) -> RunRecords:
    """Opens the records of a local run.

    Args:
        metadata_file: The SQLite file of ML Metadata.
        pipeline_name: The pipeline's name.
        run_id: The run's id.
    """
    connection = metadata_store_pb2.ConnectionConfig()
    connection.sqlite.filename_uri = str(metadata_file)
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
        execution = self._execution(node_id)
        if execution is None:
            return "SKIPPED"
        states = metadata_store_pb2.Execution
        if execution.last_known_state == states.CACHED:
            return "CACHED"
        return "COMPLETE" if execution.last_known_state == states.COMPLETE else "FAILED"

    def output(self, node_id: str, key: str) -> metadata_store_pb2.Artifact | None:
        """The artifact that a node made, or took from the cache, under an output key; None where there is none."""
        execution = self._execution(node_id)
        if execution is None:
            return None
        ids = [
            event.artifact_id
            for event in self._store.get_events_by_execution_ids([execution.id])
            if event.type == metadata_store_pb2.Event.OUTPUT and event.path.steps[0].key == key
        ]
        artifacts = self._store.get_artifacts_by_id(ids)
        return artifacts[0] if artifacts else None

    def _execution(self, node_id: str) -> metadata_store_pb2.Execution | None:
        """The node's newest execution in this run."""
        run = self._store.get_context_by_type_and_name("pipeline_run", self._run_id)
        node = self._store.get_context_by_type_and_name("node", f"{self._pipeline_name}.{node_id}")
        if run is None or node is None:
            return None
        of_node = {execution.id for execution in self._store.get_executions_by_context(node.id)}
        of_run = [e for e in self._store.get_executions_by_context(run.id) if e.id in of_node]
        return max(of_run, key=lambda execution: execution.id, default=None)
