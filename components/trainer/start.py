"""Start of a training: from new weights, or from those of an exported model."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from ...errors import SettingError, escape
from ...model.options import TrainerOptions
from ...model.starting_model import StartingModel
from ...transform.options import TextOptions
from ...transform.vocabulary import read_vocabulary
from .started_from import StartedFrom
from .training import TrainableLanguageModel

# Entries of the Trainer's `custom_config` that its executor makes of the artifact `base_model`: the model's name for
# readers, the folder of a pushed version; the digest of the input that the training is told to be on; and whether
# weights or vocabulary come from a model.
STARTED_FROM, EXAMPLES, FROM_MODEL = "started_from", "examples_digest", "from_model"


class Start:
    """What a training starts from.

    Args:
        model: The model; None for new weights.
        asked: Whether there should be a model, if one is served.
        name: The model's name for readers.
        examples: The digest of the input; see `TrainingOrigin`.
        from_model: Whether the weights or the vocabulary come from a model.
    """

    def __init__(self, model: StartingModel | None, asked: bool, name: str, examples: str, from_model: bool):
        self._model = model
        self._asked = asked
        self._name = name
        self._words: list[bytes] = []
        self.examples = examples
        self.from_model = from_model

    @classmethod
    def of_task(cls, task: Mapping[str, Any], options: TrainerOptions, text: TextOptions) -> Start:
        """Reads the model of a training, and checks it.

        Args:
            task: With the entry `start`, from `start_of_run`.
            options: The options of the training.
            text: The options of its text.

        Raises:
            SettingError: The model cannot be used.
        """
        start = task["start"]
        model = StartingModel(start["path"]) if start["path"] else None
        if model is not None:
            model.check(options, text.tokenizer, text.lowercase, text.normalization)
        return cls(model, start["asked"], start["name"], start["examples"], start["from_model"])

    def check_words(self, options: TrainerOptions, vocabulary_path: str) -> None:
        """Reads the words of the new model, and checks that the weights fit them; see `StartingModel.check_words`."""
        if self._model is not None:
            self._words = read_vocabulary(vocabulary_path)
            self._model.check_words(options, self._words)

    def identity(self) -> dict[str, str]:
        """Returns what decides about the weights at the start, for the name of the backup."""
        return {} if self._model is None else {"base_model": self._model.digest()}

    def assign(self, model: TrainableLanguageModel) -> dict[str, Any] | None:
        """Sets the weights of a model.

        Returns:
            The entry `started_from` of `training.json`; None if no start was asked for.
        """
        if self._model is None:
            return StartedFrom("")._asdict() if self._asked else None
        return StartedFrom(self._name, self._model.assign(model, self._words))._asdict()


def start_of_run(fn_args: Any) -> dict[str, Any]:
    """Returns what a run of the Trainer starts from, JSON types.

    Args:
        fn_args: TFX's `FnArgs`.

    Raises:
        SettingError: `base_model` names no model.
    """
    path, config = fn_args.base_model, fn_args.custom_config
    start = {
        "path": path or "",
        "asked": bool(path) or STARTED_FROM in config,
        "name": config.get(STARTED_FROM) or path or "",
        "examples": config.get(EXAMPLES, ""),
        "from_model": config.get(FROM_MODEL, bool(path)),
    }
    if path and not tf.io.gfile.exists(f"{path}/saved_model.pb"):
        # TFX asks for the model's folder within that of the artifact. An Importer's artifact may be the model's.
        artifact = posixpath.dirname(path)
        if tf.io.gfile.exists(f"{artifact}/saved_model.pb"):
            start["path"] = artifact
            start["name"] = config.get(STARTED_FROM) or artifact
            return start
        if not tf.io.gfile.isdir(artifact) or tf.io.gfile.listdir(artifact):
            raise SettingError(f"{{base_model}}={escape(path)}: holds no model; give an artifact that has one")
        start["path"] = start["name"] = ""
        start["from_model"] = False
    return start
