"""Sources of a report: the artifacts that its numbers came from."""

from __future__ import annotations

from typing import Any, NamedTuple

from tfx import types

from ..artifacts import Artifacts


class Source(NamedTuple):
    """An input of the report.

    Attributes:
        name: Its key, such as `evaluation`.
        type: The type of the artifact.
        id: Its id in ML Metadata; on Kubeflow, where ids are names, a hash of it.
        uri: Its folder or file.
        properties: Its custom properties by name.
    """

    name: str
    type: str
    id: int
    uri: str
    properties: dict[str, str]


def describe(inputs: Artifacts) -> list[Source]:
    """Lists the artifacts of a report, in the order of their keys.

    Args:
        inputs: The artifacts by key.
    """
    return [
        Source(name, artifact.type_name, artifact.id, artifact.uri, _properties(artifact))
        for name, artifacts in sorted(inputs.items())
        for artifact in artifacts
    ]


def _properties(artifact: types.Artifact) -> dict[str, str]:
    message = artifact.mlmd_artifact
    properties = {**message.properties, **message.custom_properties}
    return {name: text for name in sorted(properties) if (text := _text(properties[name]))}


def _text(value: Any) -> str:
    kind = value.WhichOneof("value")
    return "" if kind is None else str(getattr(value, kind)).strip()
