"""Checks before the first node runs, so that a run that cannot succeed ends immediately."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from ..components.text_example_gen.inputs import check_inputs
from ..components.text_example_gen.places import check_place_here
from ..components.trainer.cluster import check_workers_here, cluster_of
from ..errors import SettingError, escape
from ..exported.token_identity import normalization_of
from ..model.options import TrainerOptions
from ..remote import is_remote
from ..text_files.errors import InputError
from .beam.checks import check_beam
from .config import PipelineConfig
from .errors import ConfigurationError
from .local.terminal import output_to
from .output_name import check_output_name
from .setting_names import in_yaml_terms
from .start_checks import check_served, check_start


def check_run(config: PipelineConfig) -> None:
    """Checks the input files and the output folder of a configuration.

    Args:
        config: A checked configuration.

    Raises:
        ConfigurationError: Names what is wrong and the remedy.
    """
    _check_data_given(config)
    check_output_is_here(config)
    _check_not_made_here(check_data(config), Path(config.output_folder()))
    check_vocabulary(config)
    check_served(config)
    check_start(config)
    check_workers(config.trainer)
    check_beam(config.beam)
    _check_writable(Path(config.output))
    config.make_link()


def check_data(config: PipelineConfig) -> list[str]:
    """Checks that the input files of a configuration can be read; see `check_inputs`.

    Returns:
        The files of this machine that will be read.

    Raises:
        ConfigurationError: Names what is wrong and the remedy.
    """
    try:
        return check_inputs(
            files=config.data.files or None,
            splits=config.data.splits or None,
            hash_buckets=config.data.hash_buckets(),
            options=config.data,
            wanted=config.data.wanted_spans(),
        )
    except InputError as error:
        raise ConfigurationError(in_yaml_terms(error) or str(error)) from error


def check_airflow(config: PipelineConfig) -> None:
    """Checks the needs of compilation for Airflow; the tasks check the input files.

    Args:
        config: A checked configuration.

    Raises:
        ConfigurationError: Names what is wrong and the remedy.
    """
    _check_data_given(config)
    if is_remote(config.output) and config.metadata is None:
        raise ConfigurationError(
            f"output={config.output}: ML Metadata cannot be a file there; set metadata to a database, such as "
            "postgresql://USER@HOST/DATABASE"
        )
    if config.beam.runner == "dataflow" and not is_remote(config.output):
        raise ConfigurationError(
            f"output={config.output}: the workers of beam.runner=dataflow see no folder of this machine; set output to "
            "object storage, such as gs://BUCKET/FOLDER, and metadata to a database"
        )
    if config.keep_runs is not None:
        raise ConfigurationError(
            f"keep_runs={config.keep_runs}: no task of Airflow's comes after all others to prune; compile with --set "
            "keep_runs=null, and schedule `tfx-lm prune` with the same configuration and keep_runs"
        )
    check_vocabulary(config)
    check_output_name(f"output={config.output}", config.folder_to_link())


def _check_data_given(config: PipelineConfig) -> None:
    """Raises a `ConfigurationError` if no input is named."""
    if not config.data.files and not config.data.splits:
        raise ConfigurationError("data: no input; give --data FILE, or set data.files or data.splits")


def check_vocabulary(config: PipelineConfig) -> None:
    """Raises a `ConfigurationError` if `vocabulary.file` cannot be used."""
    file = config.vocabulary.file
    if file is None:
        return
    try:
        check_place_here("vocabulary.file", file)
    except InputError as error:
        raise ConfigurationError(str(error)) from error
    # Imports TensorFlow, so only if it is needed, and without its start-up messages.
    with output_to(Path(os.devnull)):
        import tensorflow as tf

        from ..transform.normalized_words import check_normalized
        from ..transform.pieces import check_kind_of_pinned
        from ..transform.reachable_words import check_reachable
        from ..transform.vocabulary import check_pinned_vocabulary, read_vocabulary
    try:
        check_pinned_vocabulary(file)
        words = read_vocabulary(file)
        check_kind_of_pinned(file, words, config.vocabulary.kind)
        check_normalized(file, words, config.data.normalization)
        _check_model_of_vocabulary(file, config.data.normalization)
        check_reachable(words, config.data.tokenizer, config.data.lowercase)
    except ValueError as error:
        raise ConfigurationError(in_yaml_terms(error) or str(error)) from error
    except tf.errors.OpError as error:
        raise ConfigurationError(f"vocabulary.file={file}: cannot be read ({error.message})") from error


def _check_model_of_vocabulary(file: str, ours: str) -> None:
    """Raises a `SettingError` if the vocabulary is that of a model that wants text normalized, and ours is not."""
    model, folder, _ = file.rsplit("/", 2) if file.count("/") > 1 else ("", "", "")
    theirs = normalization_of(model) if folder == "assets" else ours
    # The other way round, words that are in no normalized text were found above.
    if ours == "none" and theirs != ours:
        raise SettingError(
            f"vocabulary file {escape(file)}: its model reads text with {{normalization}}={theirs}; set "
            f"{{normalization}} to {theirs}, or {{vocabulary_file}} to another file"
        )


def _check_not_made_here(paths: Iterable[str], output: Path) -> None:
    """Raises a `ConfigurationError` if a pattern matches what an earlier run wrote: a run would train on it."""
    folders = ("artifacts", "logs", "serving", "training_backup", "tuning_backup")
    made = [output.resolve() / name for name in (*folders, "summary.json", "tuned.yaml")]
    for path in paths:
        resolved = Path(path).resolve()
        if any(resolved.is_relative_to(place) for place in made):
            raise ConfigurationError(
                f"data: {path} would be read, which a run with output={output} wrote; name the files more narrowly, or "
                "set --output to a folder that no pattern matches"
            )


def check_output_is_here(config: PipelineConfig) -> None:
    """Checks that the output folder of a local run is on this machine.

    Raises:
        ConfigurationError: It is not.
    """
    if is_remote(config.output):
        raise ConfigurationError(f"output={config.output}: a local run needs a folder of this machine; set --output")


def check_workers(trainer: TrainerOptions) -> None:
    """Raises a `ConfigurationError` if this machine cannot have the workers, or a local run does not start them."""
    try:
        check_workers_here(trainer)
        workers = cluster_of(trainer).workers
    except ValueError as error:
        raise ConfigurationError(in_yaml_terms(error) or str(error)) from error
    if trainer.workers > 1 or (len(workers) < 2 and trainer.distribution != "multi_worker"):
        return
    named = (
        f"TF_CONFIG names {len(workers)} workers ({', '.join(workers)})"
        if len(workers) > 1
        else "trainer.distribution=multi_worker"
    )
    raise ConfigurationError(
        f"{named}, and `tfx-lm run` starts no workers on other hosts: the Trainer would wait for them. Unset TF_CONFIG "
        "and set trainer.distribution=auto to train on this machine alone (with trainer.workers processes); for "
        "several hosts, give each of them the compiled pipeline and `tfx-lm train-worker` "
        "(docs/guide/training.md, Several workers)"
    )


def _check_writable(output: Path) -> None:
    try:
        output.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=output):
            pass
    except OSError as error:
        reason = error.strerror or error
        raise ConfigurationError(f"output={output}: cannot be written ({reason}); set --output") from error
