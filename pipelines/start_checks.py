"""Checks of the models that a training starts from or is compared with, before a run begins."""

from __future__ import annotations

import os
from pathlib import Path

from ..components.text_example_gen.places import check_place_here
from ..errors import SettingError
from ..exported.damage import visible_damage
from ..exported.token_identity import lowercase_of, normalization_of, other_case, other_normalization
from ..exported.versions import list_versions
from ..remote import is_remote
from ..text_files.errors import InputError
from .config import BASELINE, PipelineConfig
from .errors import ConfigurationError
from .local.terminal import output_to
from .setting_names import in_yaml_terms, yaml_key


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
            from ..exported.damage import is_complete
            from ..exported.exported_model import newest_version
            from ..exported.versions import numbered_folders
        if start is not None and named:
            _check_model(config, newest_version(start))
            return
        for folder in filter(is_complete, numbered_folders(str(serving))):
            if _is_damaged(folder):
                continue  # As the node passes it over.
            try:
                _check_model(config, folder)
            except SettingError:
                if _is_trained_on(folder, config):
                    continue
                raise
            return
    except InputError as error:
        raise ConfigurationError(str(error)) from error
    except ValueError as error:
        raise ConfigurationError(in_yaml_terms(error) or f"trainer.warm_start={error}") from error


def check_served(config: PipelineConfig) -> None:
    """Checks that the served model, which is the baseline, can be compared with the new one.

    Args:
        config: The configuration of a local run.

    Raises:
        ConfigurationError: It reads text in another normalization; or only one of them lower-cases it, and the gate has
            a tolerance.
    """
    serving = Path(config.output_folder()) / "serving"
    try:
        if not serving.is_dir() or not list_versions(serving):
            return
    except OSError:  # No such folder can be; the check of the output says why.
        return
    # As `numbered_folders`, without importing TensorFlow.
    for folder in (str(serving / str(version)) for version in reversed(list_versions(serving))):
        try:
            problem = _comparison_problem(config, folder)
        except ValueError as error:
            raise ConfigurationError(str(error)) from error
        if problem is None:
            return
        if not _is_damaged(folder):
            raise ConfigurationError(problem.with_names(yaml_key))


def _comparison_problem(config: PipelineConfig, folder: str) -> SettingError | None:
    """Returns why the new model cannot be compared with a served one; None if it can."""
    ours, theirs = config.data.normalization, normalization_of(folder)
    if theirs != ours:
        return other_normalization(ours, folder, theirs)
    compared = config.gate.tolerance is not None or config.gate.slice_tolerance is not None
    if compared and lowercase_of(folder) not in (None, config.data.lowercase):
        return other_case(config.data.lowercase, folder)
    return None


def _check_model(config: PipelineConfig, folder: str) -> None:
    """Raises a `SettingError` if the weights or words of a model cannot be those at the start of a training."""
    from ..components.text_transform.vocabulary_of_model import check_tokenizer
    from ..model.starting_model import StartingModel

    if config.trainer.warm_start is None:
        check_tokenizer(folder, config.text_options())
        return
    model, options = StartingModel(folder), config.trainer.options()
    model.check(options, config.data.tokenizer, config.data.lowercase, config.data.normalization)
    model.check_kind(config.vocabulary.kind)
    if config.vocabulary.from_ is not None:
        model.check_growth(options, config.vocabulary.grow)


def _is_damaged(folder: str) -> bool:
    try:
        return visible_damage(folder) is not None
    except OSError:
        return False  # Nobody knows; what reads it next says why it cannot.


def _is_trained_on(folder: str, config: PipelineConfig) -> bool:
    """Returns whether a model was, or may have been, trained on the input of this run, which then does not start there.

    Only the nodes look at files on object storage.
    """
    with output_to(Path(os.devnull)):
        from ..exported.training_origin import read_training_origin
    examples = read_training_origin(folder).examples
    return bool(examples) and (any(map(is_remote, _patterns(config))) or examples == digest_of_input(config))


def _patterns(config: PipelineConfig) -> list[str]:
    return [*config.data.files, *(pattern for of in config.data.splits.values() for pattern in of)]


def digest_of_input(config: PipelineConfig) -> str:
    """Returns the digest of the input of a local run, as StartingModel makes it. Imports TFX."""
    with output_to(Path(os.devnull)):
        from tfx.components.example_gen.utils import FINGERPRINT_PROPERTY_NAME

        from ..components.starting_model.find import input_digest
        from ..components.text_example_gen.content import content_digest, input_name, other_field
        from ..components.text_example_gen.driver import resolve
        from ..components.text_example_gen.input_config import files_of_properties
        from .pipeline import create_example_gen
    properties = resolve(dict(create_example_gen(config).spec.exec_properties))
    files = files_of_properties(properties).files
    digest = content_digest(files) or properties[FINGERPRINT_PROPERTY_NAME]
    return input_digest([input_name(digest, other_field(files, config.data.text_field))])
