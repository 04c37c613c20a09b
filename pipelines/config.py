"""Configuration of a pipeline: a YAML file plus `--set section.key=value` overrides.

Every value is checked before any work is done; an error names the key, the value and what is allowed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import yaml
from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator

from ..components.drift_validator.options import DriftOptions
from ..components.pusher.options import PusherOptions
from ..components.serving_check.options import ServingCheckOptions
from ..components.text_example_gen.options import InputOptions
from ..components.tuner.options import TunerOptions, check_space
from ..errors import SettingError, escape
from ..exported.gate_options import GateOptions, PipelineSlice, as_sequence
from ..exported.plain_path import pattern_letters
from ..exported.vocabulary_beside import vocabulary_beside
from ..home_folder import expand_home
from ..model.options import TrainerOptions
from ..remote import is_remote
from ..settings import Settings, WholeNumber, explain
from ..transform.options import AUTO, MINIMUM_LENGTH, LineOptions, TextOptions, VocabularyOptions, check_kind
from .beam.options import BeamConfig
from .errors import ConfigurationError
from .kubeflow.options import KubeflowConfig
from .metadata.metadata_url import PASSWORD_VARIABLE, parse_metadata_url
from .output_name import make_output_link, output_link
from .setting_names import yaml_key
from .unique_keys import DuplicateKeyError, UnclearValueError, read_yaml

BASELINE = "baseline"
"""The value of `trainer.warm_start` for the served model; a folder of this name is `./baseline`."""


class DataConfig(LineOptions, InputOptions):
    """Settings of the input, its splits and its words; the two bases define them."""

    @model_validator(mode="after")
    def _trains_and_evaluates(self) -> DataConfig:
        if self.splits and set(self.splits) != {"train", "eval"}:
            raise SettingError(f"{{splits}}={escape(sorted(self.splits))}: must name both train and eval")
        return self


class GateConfig(GateOptions):
    """What a model must show before it is pushed."""

    # What to slice the scores by. file: each held-out file is a slice, for example one of older text, so that a warm
    # start does not forget it.
    slices: Annotated[tuple[PipelineSlice, ...], BeforeValidator(as_sequence)] = GateOptions.model_fields[
        "slices"
    ].default


class TrainerConfig(TrainerOptions):
    """The LSTM, how it is trained, and from which weights."""

    # baseline: start from the weights of the served model, which must be of the same kind; the folder of a model: from
    # its weights; null: from new weights.
    warm_start: str | None = Field(None, min_length=1)

    @field_validator("warm_start")
    @classmethod
    def _at_home(cls, value: str | None) -> str | None:
        return value and expand_home(value)

    def options(self) -> TrainerOptions:
        """Returns the options of the Trainer; it gets the model as an input."""
        return TrainerOptions(**self.model_dump(include=set(TrainerOptions.model_fields)))


class PipelineConfig(Settings):
    """All settings of a pipeline."""

    # Name of the pipeline; runs with the same name and output share cache and baseline.
    name: str = Field("tfx-lm", pattern=r"^[A-Za-z][A-Za-z0-9_-]*$", max_length=63)
    # Folder of artifacts, metadata, logs, the pushed models and summary.json.
    output: str = Field("output", min_length=1)
    # How many of the newest runs that ended well keep their artifacts: at the end of a `tfx-lm run`, what older ones
    # made and nothing newer needs is deleted; null: all.
    keep_runs: WholeNumber | None = Field(None, ge=1)
    # URL of ML Metadata: sqlite:///FILE, postgresql://USER@HOST:PORT/DATABASE or mysql://...; null: the file
    # metadata.sqlite of the output folder. TFX_LM_METADATA wins over it; the password is TFX_LM_METADATA_PASSWORD.
    metadata: str | None = None
    beam: BeamConfig = BeamConfig()
    data: DataConfig = DataConfig()
    vocabulary: VocabularyOptions = VocabularyOptions()
    trainer: TrainerConfig = TrainerConfig()
    drift: DriftOptions = DriftOptions()
    tuner: TunerOptions = TunerOptions()
    gate: GateConfig
    serving_check: ServingCheckOptions = ServingCheckOptions()
    pusher: PusherOptions = PusherOptions()
    kubeflow: KubeflowConfig = KubeflowConfig()

    @field_validator("output")
    @classmethod
    def _is_a_path(cls, value: str) -> str:
        if "\0" in value:
            raise ValueError(f"output={value!r}: a path cannot have a NUL")
        return expand_home(value)

    def output_folder(self) -> str:
        """`output` as an absolute path, or unchanged if it is on object storage.

        Links are followed, unless one leads to a name that TFX and Beam would take for a pattern. Such a name itself
        is replaced by its link, which `make_link` makes.
        """
        if is_remote(self.output):
            return self.output.rstrip("/")
        if linked := self.folder_to_link():
            return output_link(linked)
        given, resolved = str(Path(self.output).absolute()), str(Path(self.output).resolve())
        return given if pattern_letters(resolved) else resolved

    def folder_to_link(self) -> str:
        """Returns the folder that `output_folder` names by a link, or an empty string."""
        given, resolved = str(Path(self.output).absolute()), str(Path(self.output).resolve())
        return resolved if not is_remote(self.output) and pattern_letters(given) and pattern_letters(resolved) else ""

    def make_link(self) -> None:
        """Makes the link that `output_folder` names, if it names one.

        Raises:
            ConfigurationError: The link cannot be made.
        """
        if linked := self.folder_to_link():
            make_output_link(f"output={self.output}", linked)

    @model_validator(mode="after")
    def _a_line_fits_into_a_batch(self) -> PipelineConfig:
        length, batch_tokens = self.data.max_length, self.smallest_batch()
        key = "trainer.batch_tokens" if batch_tokens == self.trainer.batch_tokens else "tuner.space.batch_tokens"
        context, least = self.data.context_tokens, MINIMUM_LENGTH if length == AUTO else length
        if context and context + least > batch_tokens:
            raise ValueError(
                f"data.context_tokens={context}: a batch holds only {key}={batch_tokens} tokens, for a line's "
                f"context and its own ({least}); lower data.context_tokens, or raise {key}"
            )
        if length != AUTO and length > batch_tokens:
            raise ValueError(
                f"data.max_length={length}: a batch holds only {key}={batch_tokens} tokens; lower data.max_length, or "
                f"raise {key}"
            )
        return self

    @model_validator(mode="after")
    def _tokenizer_fits_the_vocabulary(self) -> PipelineConfig:
        check_kind(self.data.tokenizer, self.vocabulary)
        return self

    @model_validator(mode="after")
    def _unknown_words_can_rise(self) -> PipelineConfig:
        if self.drift.max_unknown_rise is not None and self.vocabulary.kind == "subwords":
            raise ValueError(
                f"drift.max_unknown_rise={self.drift.max_unknown_rise}: with vocabulary.kind=subwords no word is "
                "unknown, so that it would never find anything; set it to null, and drift.max_tokens_change instead: "
                "unfamiliar words have more pieces"
            )
        return self

    @model_validator(mode="after")
    def _one_starting_model(self) -> PipelineConfig:
        start = self.trainer.warm_start
        if self.vocabulary.from_ is not None and start not in (None, BASELINE):
            raise ValueError(
                f"vocabulary.from={self.vocabulary.from_}: trainer.warm_start={start} names another model; set it to "
                f"baseline, or vocabulary.from to null and vocabulary.file to {vocabulary_beside(start)}"
            )
        keeps_ids = self.vocabulary.from_ is not None or self.vocabulary.file is not None
        if start is not None and self.trainer.output == "adaptive" and not keeps_ids:
            remedy = "from to baseline" if start == BASELINE else f"file to {vocabulary_beside(start)}"
            raise ValueError(
                f"trainer.warm_start={start}: with trainer.output=adaptive the weights belong to ranges of ids, and a "
                f"vocabulary of the text has other ids; set vocabulary.{remedy}"
            )
        return self

    @model_validator(mode="after")
    def _trials_can_be_trained(self) -> PipelineConfig:
        if self.tuner.trials and self.trainer.warm_start is not None:
            raise ValueError(
                f"tuner.trials={self.tuner.trials}: trials start from new weights, and trainer.warm_start="
                f"{self.trainer.warm_start} does not; tune without trainer.warm_start first, or set tuner to null"
            )
        if self.tuner.trials and (self.trainer.workers > 1 or self.trainer.distribution == "multi_worker"):
            raise ValueError(
                f"tuner.trials={self.tuner.trials}: trials train in one process; set trainer.workers=1 and "
                "trainer.distribution=auto, or set tuner to null"
            )
        if self.tuner.trials:
            check_space(self.tuner, self.trainer.options())
        return self

    def smallest_batch(self) -> int:
        """Returns the tokens of a batch that every line must fit into: of the Trainer's, and of every trial's."""
        tried = self.tuner.space.get("batch_tokens", ()) if self.tuner.trials else ()
        return min((self.trainer.batch_tokens, *tried))

    def needs_model(self) -> bool:
        """Returns whether a run takes weights or words from an earlier model."""
        return self.trainer.warm_start is not None or self.vocabulary.from_ is not None

    @field_validator("metadata")
    @classmethod
    def _no_password(cls, value: str | None) -> str | None:
        if value is not None and parse_metadata_url(value, "metadata").password:
            raise ValueError(f"metadata: a configuration holds no password; put it into {PASSWORD_VARIABLE}")
        return value

    def metadata_url(self) -> str:
        """URL of ML Metadata, without a password."""
        return self.metadata or f"sqlite:///{quote(str(Path(self.output).resolve() / 'metadata.sqlite'))}"

    def text_options(self) -> TextOptions:
        """Returns the text options of Transform, Trainer and Tuner."""
        lines = {name: getattr(self.data, name) for name in LineOptions.model_fields}
        # A task of an orchestrator has another working folder.
        file = self.vocabulary.file
        file = str(Path(file).absolute()) if file and not is_remote(file) else file
        # A longer line would be a batch by itself, larger than the memory that was asked for.
        return TextOptions(
            **lines,
            vocabulary=self.vocabulary if file is None else self.vocabulary.model_copy(update={"file": file}),
            auto_limit=self.smallest_batch() - self.data.context_tokens,
            context_tokens=self.data.context_tokens,
            normalization=self.data.normalization,
        )


def load_config(
    path: str | Path | None = None,
    overrides: Iterable[str] = (),
    values: Mapping[str, Any] | None = None,
) -> PipelineConfig:
    """Reads and checks a configuration.

    Args:
        path: A YAML file; None: the defaults.
        overrides: `section.key=value` texts; each value is read as YAML. They win over the file.
        values: Values by dotted key that win over everything (the command line's own options).

    Returns:
        The checked configuration.

    Raises:
        ConfigurationError: Names the key, the value and what is allowed.
    """
    tree = _read_yaml(Path(path)) if path else {}
    for override in overrides:
        key, equals, text = override.partition("=")
        if not equals or not all(key.strip().split(".")):
            raise ConfigurationError(f"--set {override}: must be key=value, such as trainer.epochs=3")
        try:
            value = read_yaml(text)
        except (DuplicateKeyError, UnclearValueError) as error:
            raise ConfigurationError(f"--set {override}: {error}") from error
        except yaml.YAMLError as error:
            raise ConfigurationError(f"--set {override}: the value is not YAML") from error
        _put(tree, key.strip(), value)
    for key, value in (values or {}).items():
        _put(tree, key, value)
    for name, field in PipelineConfig.model_fields.items():
        # A section whose keys are all comments is null in YAML.
        if isinstance(field.annotation, type) and issubclass(field.annotation, Settings) and tree.get(name) is None:
            tree[name] = {}
    try:
        return PipelineConfig.model_validate(tree)
    except ValidationError as error:
        # Each branch of a union reports the same value; one line is enough.
        lines = dict.fromkeys(_explain(item) for item in error.errors())
        raise ConfigurationError("\n".join(lines)) from error


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        tree = read_yaml(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigurationError(f"--config {path}: no such file") from error
    except (DuplicateKeyError, UnclearValueError) as error:
        raise ConfigurationError(f"--config {path}: {error}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"--config {path}: cannot be read as YAML: not UTF-8; save it as UTF-8") from error
    except (OSError, yaml.YAMLError) as error:
        raise ConfigurationError(f"--config {path}: cannot be read as YAML: {error}") from error
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise ConfigurationError(f"--config {path}: must hold `key: value` lines, holds a {type(tree).__name__}")
    return tree


def _put(tree: dict[str, Any], dotted_key: str, value: Any) -> None:
    *sections, last = dotted_key.split(".")
    for section in sections:
        if not isinstance(tree.get(section), dict):
            tree[section] = {}
        tree = tree[section]
    tree[last] = value


def _explain(item: Mapping[str, Any]) -> str:
    """Returns one pydantic error as one line, with YAML keys."""
    key = escape(".".join(map(str, item["loc"])))
    line = SettingError(explain(PipelineConfig, item, key)).with_names(yaml_key)
    # YAML makes numbers, dates and truth values of 12, 2024-01-01 and no.
    quotes = item["type"] == "string_type" and item["input"] is not None
    return f"{line} in quotes, such as '{item['input']}'" if quotes else line
