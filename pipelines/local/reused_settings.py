"""Settings of the nodes before `--from`: those of this run must be those that their outputs were made with."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import ml_metadata as mlmd
from ml_metadata.proto import metadata_store_pb2
from tfx.proto.orchestration import pipeline_pb2
from tfx.types import standard_component_specs

from ...components.text_example_gen.spans import has_span
from ..code_digest import CODE_DIGEST_KEY
from ..errors import ConfigurationError
from ..metadata.run_records import RunRecords
from ..nodes.earlier_work import chosen_by_driver

# What `add_to_fingerprint` adds, so that a run without `--from` does the node again: no setting, or not its value.
_FINGERPRINT = (CODE_DIGEST_KEY, "precision")
# What a driver replaces if the patterns have `{SPAN}`, by the spans that it has found.
_RESOLVED = (standard_component_specs.INPUT_CONFIG_KEY, standard_component_specs.RANGE_CONFIG_KEY)
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
    deployment = pipeline_pb2.IntermediateDeploymentConfig()
    ir.deployment_config.Unpack(deployment)
    for node in (each.pipeline_node for each in ir.nodes):
        node_id = node.node_info.id
        if not _is_needed(node.execution_options):
            continue
        made_by = _maker(store, [artifact.id for artifact in records.outputs(node_id)])
        if made_by is None:
            continue
        was = {**_values(made_by.properties), **_values(made_by.custom_properties)}
        now = _values(
            {
                name: each.field_value
                for name, each in node.parameters.parameters.items()
                if each.HasField("field_value")
            }
        )
        different = list(_changes(was, now, node_id in deployment.custom_driver_specs))
        if different:
            more = ", …" if len(different) > _SHOWN else ""
            raise ConfigurationError(
                f"--from {', '.join(from_nodes)}: {node_id}, which lies before, is set otherwise than when the latest "
                f"run made its output ({', '.join(different[:_SHOWN])}{more}); run with --from {node_id}, or without "
                "--from: what did not change comes from the cache"
            )


def _is_needed(options: pipeline_pb2.NodeExecutionOptions) -> bool:
    """Returns whether a node lies before those that run; TFX keeps what it can of the others, too."""
    return options.HasField("skip") and (
        options.skip.reuse_artifacts or options.skip.reuse_artifacts_mode == options.Skip.REQUIRED
    )


def _maker(store: mlmd.MetadataStore, artifact_ids: list[int]) -> metadata_store_pb2.Execution | None:
    """Returns the execution that made artifacts, not one that took them from the cache or from a partial run."""
    events = store.get_events_by_artifact_ids(artifact_ids) if artifact_ids else []
    outputs = [event.execution_id for event in events if event.type == metadata_store_pb2.Event.OUTPUT]
    return store.get_executions_by_id([min(outputs)])[0] if outputs else None


def _values(properties: Mapping[str, Any]) -> dict[str, Any]:
    kinds = {name: value.WhichOneof("value") for name, value in properties.items()}
    return {name: getattr(properties[name], kind) for name, kind in kinds.items() if kind}


def _changes(was: Mapping[str, Any], now: Mapping[str, Any], has_driver: bool) -> Iterator[str]:
    """Yields the differences between the recorded properties of a node and those of this run.

    TFX leaves out what is None. So a name of one side alone is None on the other, unless it may be that of another
    release, or a driver's own.
    """
    names = [name for name in now if name in was]
    if CODE_DIGEST_KEY in now and was.get(CODE_DIGEST_KEY) == now[CODE_DIGEST_KEY]:
        names += [name for name in now if name not in was]
        names += [name for name in was if name not in now and not has_driver]
    spans = has_span(str(now.get(standard_component_specs.INPUT_CONFIG_KEY)))
    for name in names:
        then, value = was.get(name), now.get(name)
        by_driver = (spans and name in _RESOLVED) or (then is not None and chosen_by_driver(name, value, then))
        if name not in _FINGERPRINT and not by_driver:
            yield from _differences(name, then, value)


def _differences(name: str, was: Any, now: Any) -> Iterator[str]:
    """Yields `NAME: WAS then, NOW now` for each value that differs; within JSON objects, for each key of both.

    A key of one of them alone is that of another release.
    """
    was, now = _parsed(was), _parsed(now)
    if isinstance(was, dict) and isinstance(now, dict):
        for key in (key for key in was if key in now):
            yield from _differences(f"{name}.{key}", was[key], now[key])
    # TFX records a bool as a number, and compiles it to a text.
    elif was != now and not (was in (0, 1) and now == json.dumps(bool(was))):
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
