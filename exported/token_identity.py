"""Tokenizer and vocabulary metadata, which the Trainer stores next to a SavedModel."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast, get_args

from ..errors import SettingError, escape
from ..remote import is_remote
from ..text_files.normalization import Normalization

# TensorFlow keeps this folder free for such files; no server reads them.
FILE = "assets.extra/tfx_lm.json"


def write_token_identity(path: str, transform_config: Mapping[str, Any], vocabulary_file: str) -> None:
    """Writes the token identity of a SavedModel.

    Args:
        path: The folder that holds `saved_model.pb`.
        transform_config: The transform's configuration: `tokenizer`, `lowercase`, `normalization` and
            `context_tokens` if there are any, and `max_length` if it is a number; with `auto` it follows from the
            training examples, up to `auto_limit`.
        vocabulary_file: The vocabulary.
    """
    import tensorflow as tf  # Late: to read local ones does without.

    from ..transform.pieces import holds_pieces
    from ..transform.vocabulary import read_vocabulary

    words = read_vocabulary(vocabulary_file)
    with tf.io.gfile.GFile(vocabulary_file, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    identity = {
        "tokenizer": transform_config["tokenizer"],
        "lowercase": transform_config["lowercase"],
        "vocabulary_size": len(words),
        "vocabulary_sha256": digest,
    }
    if holds_pieces(words):
        identity["vocabulary_kind"] = "subwords"
    if transform_config.get("normalization", "none") != "none":
        identity["normalization"] = transform_config["normalization"]
    if isinstance(transform_config.get("max_length"), int):
        identity["max_length"] = transform_config["max_length"]
    elif transform_config.get("auto_limit") is not None:
        identity["auto_limit"] = transform_config["auto_limit"]
    if transform_config.get("context_tokens"):
        identity["context_tokens"] = transform_config["context_tokens"]
    tf.io.gfile.makedirs(f"{path}/{FILE.rpartition('/')[0]}")
    with tf.io.gfile.GFile(f"{path}/{FILE}", "w") as file:
        file.write(json.dumps(identity, indent=2) + "\n")


def read_token_identity(path: str) -> dict[str, Any]:
    """Reads the token identity of a SavedModel.

    Args:
        path: The folder that holds `saved_model.pb`.

    Returns:
        `{"tokenizer": .., "lowercase": .., "vocabulary_size": .., "vocabulary_sha256": ..}`; `vocabulary_kind` if it is
        `subwords`; `normalization` if it is not `none`; `context_tokens`, the most tokens that are read before a line,
        if there are any; and `max_length`, the most targets of a line. Models of earlier versions do not have it, nor
        those of `max_length: auto`, which have `auto_limit` if there is one.

    Raises:
        ValueError: If there is none, or it cannot be read.
    """
    try:
        identity: dict[str, Any] = json.loads(_content(f"{path}/{FILE}"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: has no readable {FILE}; train and export it with this version of tfx_lm") from error
    return identity


def _content(file: str) -> str:
    """Returns the text of a file.

    Raises:
        OSError: It cannot be read.
    """
    if not is_remote(file):
        return Path(file).read_text(encoding="utf-8")
    import tensorflow as tf

    try:
        with tf.io.gfile.GFile(file, "r") as opened:
            return str(opened.read())
    except tf.errors.OpError as error:
        raise OSError(error.message) from error


def reads_pieces(path: str) -> bool:
    """Returns whether the tokens of a SavedModel are pieces of words: False if it has no token identity."""
    try:
        return read_token_identity(path).get("vocabulary_kind") == "subwords"
    except ValueError:
        return False


def context_tokens(path: str) -> int:
    """Returns how many tokens a SavedModel reads before a line; 0 for none, also if it has no token identity."""
    try:
        return int(read_token_identity(path).get("context_tokens", 0))
    except ValueError:
        return 0


def normalization_of(path: str) -> Normalization:
    """Returns the normalization of the text that a SavedModel reads; `none` if it has no token identity.

    Raises:
        ValueError: It is one that this version does not know.
    """
    try:
        found = read_token_identity(path).get("normalization", "none")
    except ValueError:
        return "none"
    if found not in get_args(Normalization):
        raise ValueError(f"{path}: reads text in the normalization {found!r}; use the version of tfx_lm that made it")
    return cast(Normalization, found)


def check_same_normalization(candidate: str, baseline: str) -> None:
    """Makes sure that two models can read the same text.

    Args:
        candidate: The candidate's SavedModel.
        baseline: The baseline's.

    Raises:
        SettingError: They read text in different normalizations.
    """
    ours, theirs = normalization_of(candidate), normalization_of(baseline)
    if ours != theirs:
        raise other_normalization(ours, baseline, theirs)


def other_normalization(ours: str, baseline: str, theirs: str) -> SettingError:
    """Returns the error about a baseline whose text has another normalization."""
    return SettingError(
        f"{{normalization}}={ours}: the baseline {escape(baseline)} reads text with {{normalization}}={theirs}, and "
        f"no text is right for both models; set {{normalization}} to {theirs}, or {{push_destination}} to another "
        "folder, where no model is served yet"
    )


def lowercase_of(path: str) -> bool | None:
    """Returns whether a SavedModel lower-cases its text; None if it has no token identity."""
    try:
        found = read_token_identity(path).get("lowercase")
    except ValueError:
        return None
    return None if found is None else bool(found)


def check_same_case(candidate: str, baseline: str) -> None:
    """Makes sure that a tolerance between two models means something.

    Bits per byte charge a model that lower-cases nothing for the case of letters, and one that does not all of it.

    Args:
        candidate: The candidate's SavedModel.
        baseline: The baseline's.

    Raises:
        SettingError: One of them lower-cases its text, and the other does not.
    """
    ours, theirs = lowercase_of(candidate), lowercase_of(baseline)
    if ours is not None and theirs is not None and ours != theirs:
        raise other_case(ours, baseline)


def other_case(ours: bool, baseline: str) -> SettingError:
    """Returns the error about a baseline that lower-cases its text if the candidate does not, or the other way."""
    values = {True: "true", False: "false"}
    return SettingError(
        f"{{lowercase}}={values[ours]}: the baseline {escape(baseline)} reads text with {{lowercase}}="
        f"{values[not ours]}, and only the model that keeps capitals is charged for them, so that no tolerance is "
        f"right; set {{lowercase}} to {values[not ours]}, or {{tolerance}} and {{slice_tolerance}} to null, and "
        f"back for the next text once a model with {{lowercase}}={values[ours]} is served"
    )


def case_warning(
    candidate: str, baseline: str, names: tuple[str, str] = ("the model", "the baseline")
) -> SettingError | None:
    """Returns a warning about two models that differ in lower case, to be shown and not raised; None if all is well.

    Args:
        candidate: The candidate's SavedModel.
        baseline: The baseline's.
        names: What the warning calls them.
    """
    ours, theirs = lowercase_of(candidate), lowercase_of(baseline)
    if ours is None or theirs is None or ours == theirs:
        return None
    lower, other = names if ours else reversed(names)
    return SettingError(
        f"{lower} reads text with {{lowercase}}=true and {other} with {{lowercase}}=false: only {other} is charged for "
        f"capitals, so that {lower} seems better than it is; compare models with the same {{lowercase}}"
    )


def same_tokens(candidate: str, baseline: str) -> bool:
    """Returns whether two SavedModels read the same tokens: False if one of them has no token identity."""
    try:
        return _tokens(read_token_identity(candidate)) == _tokens(read_token_identity(baseline))
    except ValueError:
        return False


def check_same_tokens(candidate: str, baseline: str) -> None:
    """Makes sure that the perplexities of two models can be compared.

    Args:
        candidate: The candidate's SavedModel.
        baseline: The baseline's.

    Raises:
        SettingError: If tokenizer or vocabulary differ; the message names both and the setting `criterion`.
        ValueError: If a token identity cannot be read.
    """
    ours, theirs = read_token_identity(candidate), read_token_identity(baseline)
    if _tokens(ours) != _tokens(theirs):
        models = f"the candidate {candidate} reads {_words(ours)}, the baseline {baseline} {_words(theirs)}"
        raise SettingError(
            f"{{criterion}}=perplexity: {escape(models)}: perplexities per token cannot be compared; set {{criterion}} "
            "to bits_per_byte, or pin the baseline's vocabulary and tokenizer"
        )


def _tokens(identity: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the part that decides into which tokens a text is split, without lengths."""
    lengths = ("max_length", "auto_limit", "context_tokens")
    return {name: value for name, value in identity.items() if name not in lengths}


def _words(identity: Mapping[str, Any]) -> str:
    tokenizer = f"{identity['tokenizer']}{' (lower-cased)' if identity['lowercase'] else ''}"
    subwords = " pieces" if identity.get("vocabulary_kind") == "subwords" else ""
    normalized = f", {identity['normalization'].upper()}" if "normalization" in identity else ""
    vocabulary = f"a vocabulary of {identity['vocabulary_size']}{subwords} ({identity['vocabulary_sha256'][:12]})"
    return f"{tokenizer}{normalized} tokens with {vocabulary}"
