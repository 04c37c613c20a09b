"""Records of one run in ML Metadata."""

from __future__ import annotations

import itertools
import json
import re

import ml_metadata as mlmd
from ml_metadata.proto import metadata_store_pb2

from .metadata_store import SerialSqlite, connection_config, open_store, resolve_connection

# TFX's property with the error of an execution.
ERROR_PROPERTY = "__execution_result__"
# The type of the context of an execution that repeats a node within its run.
REPETITION_CONTEXT = "tfx_lm_repetition"

_TRACEBACK = re.compile(r"^Traceback \(most recent call last\):\n", re.MULTILINE)


def recorded_failure(message: str, traceback: str) -> str:
    """Returns the record of a failure, from which `failure_message` reads the message."""
    return f"{message}\n\n{traceback}"


def failure_message(recorded: str) -> str:
    r"""Returns the message of a failure, all its lines, without the Python traceback.

    Worked example: from `"a\nb\n\nTraceback (most recent call last):\n..."`, ours, `"a\nb"`; from
    `"Traceback (most recent call last):\n  File ...\nValueError: a\nb"`, which TFX records, `"ValueError: a\nb"`.

    Args:
        recorded: From `recorded_failure`, or what TFX recorded.
    """
    before, *after = _TRACEBACK.split(recorded.strip())
    if before or not after:
        return before.strip()
    # The frames are indented; the first line that is not begins the message.
    lines = itertools.dropwhile(lambda line: line.startswith(" "), after[-1].splitlines())
    return "\n".join(lines).strip()


def open_records(metadata_url: str, pipeline_name: str, run_id: str) -> RunRecords:
    """Opens the records of a run.

    Args:
        metadata_url: URL of ML Metadata; the environment's wins.
        pipeline_name: The pipeline's name.
        run_id: The run's id.

    Raises:
        ConfigurationError: If the store cannot be opened.
    """
    connection = resolve_connection(connection_config(metadata_url))
    return RunRecords(open_store(connection), pipeline_name, run_id)


def fail_unfinished(
    connection: metadata_store_pb2.ConnectionConfig, pipeline_name: str, run_id: str, node_id: str, message: str
) -> list[metadata_store_pb2.Execution]:
    """Marks the unfinished execution of a node as FAILED, for a node whose process was killed.

    Args:
        connection: A resolved connection.
        pipeline_name: The pipeline's name.
        run_id: The run's id.
        node_id: The node.
        message: The reason, one line.

    Returns:
        The node's execution, if it ended without success, now or before.

    Raises:
        ConfigurationError: If the store cannot be opened.
        ml_metadata.errors.StatusError: If it cannot be read or written.
    """
    with SerialSqlite(connection):
        return RunRecords(open_store(connection), pipeline_name, run_id).fail_unfinished(node_id, message)


def is_in_context(
    store: mlmd.MetadataStore, execution: metadata_store_pb2.Execution, context: metadata_store_pb2.Context
) -> bool:
    """Returns whether an execution belongs to a context, without reading the context's other executions."""
    return any(each.id == context.id for each in store.get_contexts_by_execution(execution.id))


class RunRecords:
    """Looks up a run's executions and artifacts by node."""

    def __init__(self, store: mlmd.MetadataStore, pipeline_name: str, run_id: str) -> None:
        """Args: store: An open store. pipeline_name: The pipeline's name. run_id: The run's id."""
        self._store = store
        self._pipeline_name = pipeline_name
        self._run_id = run_id

    def is_known(self) -> bool:
        """Returns whether the store has a record of the run."""
        return self._store.get_context_by_type_and_name("pipeline_run", self._run_id) is not None

    def state(self, node_id: str) -> str:
        """Returns how a launched node ended: COMPLETE, CACHED, FAILED or SKIPPED (also without records)."""
        execution = self._newest(node_id)
        if execution is None:
            return "SKIPPED"
        states = metadata_store_pb2.Execution
        if execution.last_known_state == states.CANCELED:
            return "SKIPPED"
        if execution.last_known_state == states.CACHED:
            return "CACHED"
        if execution.last_known_state != states.COMPLETE:
            return "FAILED"
        return "COMPLETE"

    def error(self, node_id: str) -> str | None:
        """Returns the recorded message of a failed node, all its lines, without the Python traceback."""
        execution = self._newest(node_id)
        if execution is None:
            return None
        recorded = execution.custom_properties[ERROR_PROPERTY].string_value
        message = failure_message(json.loads(recorded).get("resultMessage", "")) if recorded else ""
        return message or None

    def newest_id(self, node_id: str) -> int | None:
        """Returns the id of the node's newest execution in the run; None if it has none."""
        execution = self._newest(node_id)
        return None if execution is None else execution.id

    def repetition(self, node_id: str) -> str | None:
        """Returns the name of the repetition that the node's newest execution belongs to; None for the first one."""
        newest = self.newest_id(node_id)
        contexts = [] if newest is None else self._store.get_contexts_by_execution(newest)
        types = self._store.get_context_types_by_id([context.type_id for context in contexts]) if contexts else []
        repetitions = {each.id for each in types if each.name == REPETITION_CONTEXT}
        return next((context.name for context in contexts if context.type_id in repetitions), None)

    def execution_property(self, node_id: str, name: str) -> int | float | str | None:
        """Returns the value of an execution property of a node in the run; None if the node has not run."""
        states = metadata_store_pb2.Execution
        execution = self._newest(node_id)
        if execution is None or execution.last_known_state not in (states.COMPLETE, states.CACHED):
            return None
        for properties in (execution.properties, execution.custom_properties):
            if name in properties:
                value = properties[name]
                return getattr(value, value.WhichOneof("value"))
        return None

    def fail_unfinished(self, node_id: str, message: str) -> list[metadata_store_pb2.Execution]:
        """Marks the node's execution as FAILED, with the reason, unless it ended; returns it if it made nothing."""
        states = metadata_store_pb2.Execution
        execution = self._newest(node_id)
        if execution is None or execution.last_known_state in (states.COMPLETE, states.CACHED):
            return []
        if execution.last_known_state in (states.NEW, states.RUNNING):
            execution.last_known_state = states.FAILED
            result = json.dumps({"resultMessage": message, "code": 1})
            execution.custom_properties[ERROR_PROPERTY].string_value = result
            self._store.put_executions([execution])
        return [execution]

    def output(self, node_id: str, key: str) -> metadata_store_pb2.Artifact | None:
        """Returns the artifact of a node, made or cached, under an output key; None if there is none."""
        execution = self._newest(node_id)
        if execution is None:
            return None
        artifacts = self._store.get_artifacts_by_id(self._output_ids(execution).get(key, []))
        return artifacts[0] if artifacts else None

    def outputs(self, node_id: str) -> list[metadata_store_pb2.Artifact]:
        """Returns all artifacts of a node, made or cached."""
        execution = self._newest(node_id)
        ids = [] if execution is None else [each for group in self._output_ids(execution).values() for each in group]
        return list(self._store.get_artifacts_by_id(ids)) if ids else []

    def update(self, artifact: metadata_store_pb2.Artifact) -> None:
        """Writes the changed custom properties of an artifact."""
        self._store.put_artifacts([artifact])

    def _output_ids(self, execution: metadata_store_pb2.Execution) -> dict[str, list[int]]:
        """Returns the ids of an execution's output artifacts, by output key."""
        ids: dict[str, list[int]] = {}
        for event in self._store.get_events_by_execution_ids([execution.id]):
            if event.type == metadata_store_pb2.Event.OUTPUT:
                ids.setdefault(event.path.steps[0].key, []).append(event.artifact_id)
        return ids

    def _newest(self, node_id: str) -> metadata_store_pb2.Execution | None:
        """Returns the node's newest execution in the run; None if it has none."""
        run = self._store.get_context_by_type_and_name("pipeline_run", self._run_id)
        node = self._store.get_context_by_type_and_name("node", f"{self._pipeline_name}.{node_id}")
        if run is None or node is None:
            return None
        # A run has few executions; a node has those of all runs.
        of_run = sorted(self._store.get_executions_by_context(run.id), key=lambda execution: execution.id, reverse=True)
        return next((execution for execution in of_run if is_in_context(self._store, execution, node)), None)
