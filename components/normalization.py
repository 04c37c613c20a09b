"""Normalization of the text of Examples, kept as a custom property of the artifact."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tfx import types

from ..errors import SettingError, escape
from ..exported.token_identity import normalization_of
from ..transform.options import TextOptions

NORMALIZATION = "normalization"
"""Custom property of Examples and transformed Examples: how their lines were read."""


def record_normalization(examples: Iterable[types.Artifact], normalization: str) -> None:
    """Records how the lines of some Examples were read."""
    for artifact in examples:
        artifact.set_string_custom_property(NORMALIZATION, normalization)


def check_normalization(examples: Iterable[types.Artifact], told: str) -> None:
    """Refuses Examples whose lines were read in another normalization than a component was told.

    Examples that do not tell are not checked: those of other components, and of earlier versions.

    Args:
        examples: Examples, raw or transformed.
        told: The option `normalization` of the component.

    Raises:
        SettingError: They were read in another one.
    """
    for uri, read in _read(examples):
        if read != told:
            raise SettingError(
                f"{{normalization}}={told}: the Examples {escape(uri)} were read with {{normalization}}={escape(read)};"
                " give the same to TextExampleGen, Transform and Trainer"
            )


def check_as_model_reads(examples: Iterable[types.Artifact], model: str) -> None:
    """Refuses Examples whose lines were read in another normalization than a model's, which scores them as they are.

    Args:
        examples: Raw Examples; those that do not tell are not checked.
        model: The folder of a SavedModel.

    Raises:
        SettingError: They were read in another one.
    """
    for uri, read in _read(examples):
        told = normalization_of(model)
        if read != told:
            raise SettingError(
                f"the Examples {escape(uri)} were read with {{normalization}}={escape(read)}, and the model "
                f"{escape(model)} reads text with {{normalization}}={told}; give {{normalization}}={told} to the "
                "TextExampleGen that reads them"
            )


def check_transformed(examples: Iterable[types.Artifact], custom_config: Mapping[str, Any]) -> None:
    """Refuses transformed Examples that were read in another normalization than a Trainer or Tuner was told.

    Args:
        examples: Transformed Examples.
        custom_config: The component's, with the options `transform`.

    Raises:
        SettingError: They were read in another one.
    """
    telling = [artifact for artifact in examples if artifact.has_custom_property(NORMALIZATION)]
    if telling:
        check_normalization(telling, TextOptions.from_custom_config(custom_config["transform"]).normalization)


def _read(examples: Iterable[types.Artifact]) -> list[tuple[str, str]]:
    """Returns the folder and the normalization of the Examples that tell theirs."""
    telling = (artifact for artifact in examples if artifact.has_custom_property(NORMALIZATION))
    return [(artifact.uri, artifact.get_string_custom_property(NORMALIZATION)) for artifact in telling]
