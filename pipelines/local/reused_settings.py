"""Settings of the nodes before `--from`: those of this run must be those that their outputs were made with."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Any

import ml_metadata as mlmd
from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration.portable import partial_run_utils
from tfx.proto.orchestration import pipeline_pb2

from ..errors import ConfigurationError
from ..metadata.run_records import RunRecords

# What `add_to_fingerprint` adds, so that a run without `--from` does the node again: no setting, or not its value.
_FINGERPRINT = ("code_digest", "precision")
# Differences that an error shows.
_SHOWN = 3


def check_reused_settings(
    store: mlmd.MetadataStore, ir: pipeline_pb2.Pipeline, records: RunRecords, from_nodes: Collection[str]
) -> None:
    """Checks that the nodes before `from_nodes` are set as when they made the outputs that this run takes.

    TFX takes the outputs of the latest run whatever the settings are. The model would be another one than the summary
    and the report, which name this run's settings, say.

    Args:
        store: An open store.
        ir: The compiled pipeline, marked as a partial run.
        records: Of this run, to which TFX has added the outputs.
        from_nodes: The first nodes to run.

    Raises:
        ConfigurationError: A setting is another one; names the first node that it concerns.
    """
    for node in (each.pipeline_node for each in ir.nodes):
        node_id = node.node_info.id
        if not partial_run_utils.should_attempt_to_reuse_artifact(node.execution_options):
            continue
        ids = [artifact.id for artifact in records.outputs(node_id)]
        made_by = _maker(store, ids)
        if made_by is None:
            continue
        was = {**made_by.properties, **made_by.custom_properties}
        different = [
            text
            for name, value in node.parameters.parameters.items()
            if name not in _FINGERPRINT and name in was and value.HasField("field_value")
            for text in _differences(name, _value(was[name]), _value(value.field_value))
        ]
        if different:
            more = ", …" if len(different) > _SHOWN else ""
            raise ConfigurationError(
                f"--from {', '.join(from_nodes)}: {node_id}, which lies before, is set otherwise than when the latest "
                f"run made its output ({', '.join(different[:_SHOWN])}{more}); run with --from {node_id}, or without "
                "--from: what did not change comes from the cache"
            )


def _maker(store: mlmd.MetadataStore, artifact_ids: list[int]) -> metadata_store_pb2.Execution | None:
    """Returns the execution that made artifacts; those that took them from the cache have no properties."""
    events = store.get_events_by_artifact_ids(artifact_ids) if artifact_ids else []
    outputs = [event.execution_id for event in events if event.type == metadata_store_pb2.Event.OUTPUT]
    return store.get_executions_by_id([min(outputs)])[0] if outputs else None


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    return getattr(value, kind) if kind else None


def _differences(name: str, was: Any, now: Any) -> Iterator[str]:
    """Yields `NAME: WAS then, NOW now` for each value that differs; within JSON objects, for each key of both.

    A key of one of them alone is that of another release.
    """
    was, now = _parsed(was), _parsed(now)
    if isinstance(was, dict) and isinstance(now, dict):
        for key in (key for key in was if key in now):
            yield from _differences(f"{name}.{key}", was[key], now[key])
    elif was != now:
        yield f"{name}: {_shown(was)} then, {_shown(now)} now"


def _parsed(value: Any) -> Any:
    """Returns the object that a text of JSON holds; otherwise the value."""
    if isinstance(value, str) and value.startswith("{"):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
