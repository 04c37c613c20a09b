"""Vocabulary of an exported model, as the file of another model's Transform."""

from __future__ import annotations

from typing import Any

from ...errors import SettingError, escape
from ...exported.token_identity import read_token_identity
from ...transform.options import TextOptions
from ...transform.vocabulary import VOCABULARY_NAME


def with_vocabulary(custom_config: dict[str, Any], model: str | None) -> dict[str, Any]:
    """Returns the options with a model's vocabulary as that of a file, if `vocabulary.from` asks for it.

    Args:
        custom_config: The options, as TextTransform has them.
        model: The folder of the SavedModel; None if no model is served yet.

    Raises:
        SettingError: The model has another tokenizer, or cannot be read.
    """
    options = TextOptions.from_custom_config(custom_config)
    vocabulary = options.vocabulary
    if vocabulary.from_ is None:
        return custom_config
    changed: dict[str, Any]
    if model is None:
        changed = {"from_": None, "grow": 0}
    else:
        check_tokenizer(model, options)
        changed = {"from_": None, "file": f"{model}/assets/{VOCABULARY_NAME}"}
    return {**custom_config, "vocabulary": {**vocabulary.model_dump(mode="json"), **changed}}


def check_tokenizer(model: str, options: TextOptions) -> None:
    """Checks that a model's vocabulary fits the options of a text.

    Args:
        model: The folder of the SavedModel.
        options: The options.

    Raises:
        SettingError: The tokenizer, the lower case or the normalization differs, or the model does not tell.
    """
    key = f"{{vocabulary_from}}={options.vocabulary.from_}"
    try:
        identity = read_token_identity(model)
    except ValueError as error:
        raise SettingError(f"{key}: {escape(error)}") from error
    pairs = {
        "tokenizer": (identity.get("tokenizer"), options.tokenizer),
        "lowercase": (identity.get("lowercase"), options.lowercase),
        "normalization": (identity.get("normalization", "none"), options.normalization),
        "vocabulary_kind": (identity.get("vocabulary_kind", "words"), options.vocabulary.kind),
    }
    for name, pair in pairs.items():
        theirs, ours = (str(value).lower() for value in pair)
        if theirs != ours:
            raise SettingError(
                f"{key}: {escape(model)} has {{{name}}}={escape(theirs)}, and the new model {{{name}}}={ours}; set "
                f"{{{name}}}={escape(theirs)}, or take {{vocabulary_from}} out"
            )
