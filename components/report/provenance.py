"""Sources of a report: the artifacts that its numbers came from."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from tfx import types

from ..artifacts import Artifacts
from ..text_example_gen.span_numbers import spans_in_words
from ..text_example_gen.spans import SPANS_KEY


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


def spans_read(sources: Iterable[Source]) -> str:
    """Returns the spans that Examples among the sources were read from, as text; empty if there are none."""
    texts = [source.properties[SPANS_KEY] for source in sources if SPANS_KEY in source.properties]
    return ", ".join(spans_in_words(json.loads(text)) for text in texts if text.startswith("["))


def _properties(artifact: types.Artifact) -> dict[str, str]:
    message = artifact.mlmd_artifact
    properties = {**message.properties, **message.custom_properties}
    return {name: text for name in sorted(properties) if (text := _text(properties[name]))}


def _text(value: Any) -> str:
    kind = value.WhichOneof("value")
    return "" if kind is None else str(getattr(value, kind)).strip()
