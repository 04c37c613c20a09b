"""Loader of pushed models."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..text_files.normalization import Normalization
from ..transform.vocabulary import VOCABULARY_NAME, read_vocabulary
from .damage import changed_file, is_complete
from .normalized_inputs import normalized_inputs
from .plain_path import plain_path
from .signatures import LOADING_ERRORS, NEXT_WORD, SCORE, SCORE_IN_CONTEXT, check_signature, signature_names
from .token_identity import context_tokens, normalization_of
from .versions import numbered_folders


@dataclasses.dataclass(frozen=True)
class ExportedModel:
    """A loaded SavedModel.

    Attributes:
        path: The version's folder.
        loaded: The object from `tf.saved_model.load`; it keeps the variables alive.
    """

    path: str
    loaded: Any

    @functools.cached_property
    def context_tokens(self) -> int:
        """The most tokens that the model reads before a line; 0: each line stands alone."""
        return context_tokens(self.path) if SCORE_IN_CONTEXT in self.loaded.signatures else 0

    @functools.cached_property
    def normalization(self) -> Normalization:
        """The normalization of the text that the model was trained on, in which `call` gives it all text."""
        return normalization_of(self.path)

    @functools.cached_property
    def words(self) -> list[bytes]:
        """The vocabulary, in the order of the ids."""
        return read_vocabulary(f"{self.path}/assets/{VOCABULARY_NAME}")

    def inputs(self, signature: str) -> dict[str, tf.TensorSpec]:
        """Returns the inputs of a signature by name.

        Args:
            signature: Its name.

        Raises:
            ValueError: If the model does not have it.
        """
        if signature not in self.loaded.signatures:
            check_signature(self.path, signature)
        return dict(self.loaded.signatures[signature].structured_input_signature[1])

    def call(self, signature: str, **inputs: tf.Tensor) -> dict[str, np.ndarray]:
        """Calls a signature. A text comes to the model in the normalization of its training.

        Args:
            signature: Its name.
            **inputs: Its inputs by name.

        Returns:
            Its outputs by name.

        Raises:
            ValueError: If the model does not have it.
        """
        if signature not in self.loaded.signatures:
            check_signature(self.path, signature)
        outputs = self.loaded.signatures[signature](**normalized_inputs(inputs, self.normalization))
        return {name: value.numpy() for name, value in outputs.items()}


def load_model(path: str | os.PathLike[str], signatures: Sequence[str] = (SCORE, NEXT_WORD)) -> ExportedModel:
    """Loads a pushed model.

    Args:
        path: A version's folder, or the folder of all versions, then the newest complete one is loaded; any path
            that TensorFlow reads.
        signatures: Signatures that it must have.

    Raises:
        ValueError: If there is no complete SavedModel, it lacks a signature, or it cannot be loaded.
    """
    folder = newest_version(os.fspath(path))
    for signature in signatures:
        check_signature(folder, signature)
    try:
        if problem := changed_file(folder):
            raise ValueError(problem)
        normalization_of(folder)
        with plain_path(folder) as plain:
            return ExportedModel(folder, tf.saved_model.load(plain))
    except LOADING_ERRORS as error:
        raise ValueError(f"{folder}: cannot be loaded ({error}); push the model again") from error


def context_tokens_of(path: str) -> int:
    """Returns `ExportedModel.context_tokens` of a version's folder without loading it."""
    return context_tokens(path) if SCORE_IN_CONTEXT in signature_names(path) else 0


def newest_version(path: str) -> str:
    """Finds the folder of the newest complete version.

    Args:
        path: The folder of all versions, or a version's folder, which is returned as it is.

    Raises:
        ValueError: If there is no complete SavedModel, or the path or a newer version cannot be read.
    """
    # Older versions are not looked at, since nothing may depend on whether they can be read.
    return _versions(path, is_complete, most=1)[0]


def versions_to_serve(path: str) -> list[str]:
    """Lists the folders of the versions that a server tries, the newest first; at least one.

    These are the complete ones, and those that cannot be read now: one of them must not hide the others, and may be the
    one that is served.

    Args:
        path: The folder of all versions, or a version's folder, which is then the only one.

    Raises:
        ValueError: If there is no such version, or the path cannot be read.
    """
    return _versions(path, _may_be_complete)


def _may_be_complete(folder: str) -> bool:
    try:
        return is_complete(folder)
    except (OSError, tf.errors.OpError):
        return True


def _versions(path: str, is_wanted: Callable[[str], bool], most: int | None = None) -> list[str]:
    """Lists the newest wanted versions, at least one; see `newest_version`."""
    try:
        if is_complete(path):
            return [path]
        is_folder = tf.io.gfile.isdir(path)
        versions = list(itertools.islice(filter(is_wanted, numbered_folders(path)), most))
    except UnicodeEncodeError as error:
        raise ValueError(f"{path!a}: the name is not UTF-8, which TensorFlow cannot open; rename it") from error
    except tf.errors.OpError as error:
        raise ValueError(
            f"{path}: cannot be read ({error.message}); give a folder that TensorFlow reads, such as a local copy"
        ) from error
    except OSError as error:  # Such as a folder of another user, or a text in the place of the model.
        raise ValueError(
            f"{error.filename or path}: cannot be read ({error.strerror or error}); make it readable, or give another "
            "folder: a pushed version's or that of all versions"
        ) from error
    if not is_folder:
        raise ValueError(f"{path}: no such folder; give a pushed version's folder or the folder of all versions")
    if versions:
        return versions
    raise ValueError(
        f"{path}: no SavedModel here, neither saved_model.pb with its variables nor a numbered version that has "
        "them; give a pushed version's folder or the folder of all versions"
    )
