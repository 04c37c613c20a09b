"""Signatures of a SavedModel, read without loading it."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2

from .damage import changed_file

EVALUATE = "evaluate"
SCORE = "score"
# Only of a model that reads a context.
SCORE_IN_CONTEXT = "score_in_context"
NEXT_WORD = "next_word"
# Only of a model that reads a context.
NEXT_WORD_IN_CONTEXT = "next_word_in_context"
NEXT_WORDS = (NEXT_WORD, NEXT_WORD_IN_CONTEXT)
TOKENIZE = "tokenize"
STEP = "step"

# Exceptions of TensorFlow for damaged files; IndexError: a checkpoint that is too short.
LOADING_ERRORS = (OSError, ValueError, TypeError, IndexError, RuntimeError, tf.errors.OpError)

_REMEDIES = {
    "model": "train and export it with this version of tfx_lm",
    "baseline": "start without it: remove its blessing, or run with another output folder or name",
}


def signature_names(path: str) -> list[str]:
    """Lists the signatures of a SavedModel, sorted; see `signature_definitions`."""
    return sorted(signature_definitions(path))


def signature_definitions(path: str) -> dict[str, meta_graph_pb2.SignatureDef]:
    """Reads the definition of each signature of a SavedModel, by name.

    Args:
        path: The folder that holds `saved_model.pb`.

    Raises:
        ValueError: If there is no readable SavedModel.
    """
    file = f"{path}/saved_model.pb"
    saved_model = saved_model_pb2.SavedModel()
    try:
        with tf.io.gfile.GFile(file, "rb") as stream:
            saved_model.ParseFromString(stream.read())
    except tf.errors.OpError as error:
        raise ValueError(f"{path}: no SavedModel here (saved_model.pb cannot be read)") from error
    except DecodeError as error:
        raise ValueError(f"{file}: damaged, not a SavedModel; export or push the model again") from error
    definitions = {name: value for graph in saved_model.meta_graphs for name, value in graph.signature_def.items()}
    return {name: value for name, value in definitions.items() if not name.startswith("__")}


def check_signature(path: str, signature: str, role: str = "model") -> None:
    """Makes sure that a SavedModel has a signature.

    Args:
        path: The folder that holds `saved_model.pb`.
        signature: The signature's name.
        role: Name of the model in the message: `model` or `baseline`.

    Raises:
        ValueError: Names the model, the signature and the remedy.
    """
    try:
        names = signature_names(path)
    except ValueError as error:
        raise ValueError(f"{role} {error}; {_REMEDIES[role]}") from error
    if signature not in names:
        present = ", ".join(names) or "none"
        raise ValueError(f"{role} {path}: has no signature `{signature}` (there are: {present}); {_REMEDIES[role]}")


def check_evaluation(path: str, role: str, example: bytes | None) -> Any:
    """Loads a SavedModel and makes sure that it scores an example.

    Args:
        path: The folder that holds `saved_model.pb`.
        role: `model` or `baseline`.
        example: A serialized `tf.train.Example`; None: the model is only loaded.

    Returns:
        The object from `tf.saved_model.load`.

    Raises:
        ValueError: Names the model, what is wrong and the remedy.
    """
    check_signature(path, EVALUATE, role)
    try:
        if problem := changed_file(path):
            raise ValueError(problem)
        model = tf.saved_model.load(path)
        if example is not None:
            model.signatures[EVALUATE](examples=tf.constant([example]))
    except LOADING_ERRORS as error:
        raise ValueError(f"{role} {path}: cannot be loaded and used ({error}); {_REMEDIES[role]}") from error
    return model
