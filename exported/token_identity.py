"""Tokenizer and vocabulary metadata, which the Trainer stores next to a SavedModel."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from ..errors import SettingError, escape
from ..transform.pieces import holds_pieces
from ..transform.vocabulary import read_vocabulary

# TensorFlow keeps this folder free for such files; no server reads them.
FILE = "assets.extra/tfx_lm.json"


def write_token_identity(path: str, transform_config: Mapping[str, Any], vocabulary_file: str) -> None:
    """Writes the token identity of a SavedModel.

    Args:
        path: The folder that holds `saved_model.pb`.
        transform_config: The transform's configuration: `tokenizer`, `lowercase`, `context_tokens` if there are any,
            and `max_length` if it is a number; with `auto` it follows from the training examples, up to `auto_limit`.
        vocabulary_file: The vocabulary.
    """
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
        `subwords`; `context_tokens`, the most tokens that are read before a line, if there are any; and `max_length`,
        the most targets of a line. Models of earlier versions do not have it, nor those of `max_length: auto`, which
        have `auto_limit` if there is one.

    Raises:
        ValueError: If there is none, or it cannot be read.
    """
    try:
        with tf.io.gfile.GFile(f"{path}/{FILE}", "r") as file:
            return json.loads(file.read())
    except (tf.errors.OpError, ValueError) as error:
        raise ValueError(f"{path}: has no readable {FILE}; train and export it with this version of tfx_lm") from error


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
    vocabulary = f"a vocabulary of {identity['vocabulary_size']}{subwords} ({identity['vocabulary_sha256'][:12]})"
    return f"{tokenizer} tokens with {vocabulary}"
