"""Values that a run gives to the parameters of a compiled pipeline, checked before any work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...components.text_example_gen.places import check_folder
from ...components.text_example_gen.span_numbers import read_spans
from ...components.trainer.overrides import check_overrides, property_of
from ...errors import SettingError
from ..errors import ConfigurationError
from ..output_name import check_output_name

DATA_PATH = "data_path"
DATA_SPANS = "data_spans"
# TFX's own.
PIPELINE_ROOT = "pipeline-root"


def check_run_parameters(values: Mapping[str, Any]) -> None:
    """Checks the folders of the data and of the artifacts, the spans, and the options of the trainer.

    Args:
        values: Some parameters by name; those of other names are not checked.

    Raises:
        ConfigurationError: Names the parameters that cannot be used.
    """
    try:
        for name in (DATA_PATH, PIPELINE_ROOT):
            if name in values:
                check_folder(name, values[name])
        read_spans(values.get(DATA_SPANS))
        check_overrides(values)
    except SettingError as error:
        lines = error.with_names(lambda name: DATA_SPANS if name == "spans" else property_of(name)).splitlines()
        raise ConfigurationError("\n".join(f"parameter {line}" for line in lines)) from error
    if PIPELINE_ROOT in values:
        check_output_name(f"parameter {PIPELINE_ROOT}", values[PIPELINE_ROOT])
