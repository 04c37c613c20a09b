"""Path of the SavedModel in a `Model` artifact."""

from __future__ import annotations

import tensorflow as tf
from tfx import types
from tfx.utils import path_utils


def model_path(model: types.Artifact) -> str:
    """Returns the folder that holds `saved_model.pb`, in the layout of the TFX version that wrote the artifact."""
    # An Importer's artifact may be a pushed version.
    if tf.io.gfile.exists(f"{model.uri}/saved_model.pb"):
        return str(model.uri)
    return path_utils.serving_model_path(model.uri, path_utils.is_old_model_artifact(model))


def holds_model(model: types.Artifact) -> bool:
    """Returns whether an artifact's folder holds anything; a baseline's is empty if no model is served."""
    return bool(model.uri) and tf.io.gfile.exists(model.uri) and bool(tf.io.gfile.listdir(model.uri))
