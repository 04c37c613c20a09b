"""Checks of the model that a training starts from, before a run begins."""

from __future__ import annotations

import os
from pathlib import Path

from ..components.text_example_gen.places import check_place_here
from ..exported.versions import list_versions
from ..text_files.errors import InputError
from .config import BASELINE, PipelineConfig
from .errors import ConfigurationError
from .local.terminal import output_to
from .setting_names import in_yaml_terms


def check_start(config: PipelineConfig) -> None:
    """Checks `trainer.warm_start` and `vocabulary.from`, as far as it is known before the run; the nodes check again.

    Args:
        config: The configuration of a local run.

    Raises:
        ConfigurationError: There is no such model, or no training with this configuration can start from it.
    """
    start, serving = config.trainer.warm_start, Path(config.output_folder()) / "serving"
    named = start not in (None, BASELINE)
    if not config.needs_model() or not (named or (serving.is_dir() and list_versions(serving))):
        return
    try:
        if start is not None and named:
            check_place_here("trainer.warm_start", start)
        # Imports TensorFlow, so only if it is needed, and without its start-up messages.
        with output_to(Path(os.devnull)):
            from ..components.text_transform.vocabulary_of_model import check_tokenizer
            from ..exported.exported_model import newest_version
            from ..exported.versions import complete_versions
            from ..model.starting_model import StartingModel
        if start is None or not named:
            versions = complete_versions(str(serving))
            if not versions:
                return
            folder = versions[0]
        else:
            folder = newest_version(start)
        if start is not None:
            StartingModel(folder).check(config.trainer.options(), config.data.tokenizer, config.data.lowercase)
        else:
            check_tokenizer(folder, config.text_options())
    except InputError as error:
        raise ConfigurationError(str(error)) from error
    except ValueError as error:
        raise ConfigurationError(in_yaml_terms(error) or f"trainer.warm_start={error}") from error
