"""Values that a run gives to the parameters of a compiled pipeline, checked before any work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...components.text_example_gen.places import check_folder
from ...components.trainer.overrides import check_overrides, property_of
from ...errors import SettingError
from ..errors import ConfigurationError

DATA_PATH = "data_path"


def check_run_parameters(values: Mapping[str, Any]) -> None:
    """Checks the data's folder and the options of the trainer.

    Args:
        values: Some parameters by name; those of other names are not checked.

    Raises:
        ConfigurationError: Names the parameters that cannot be used.
    """
    try:
        if DATA_PATH in values:
            check_folder(DATA_PATH, values[DATA_PATH])
        check_overrides(values)
    except SettingError as error:
        lines = error.with_names(property_of).splitlines()
        raise ConfigurationError("\n".join(f"parameter {line}" for line in lines)) from error
