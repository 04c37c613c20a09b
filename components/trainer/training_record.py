"""Record of a training: the file `training.json` of the artifact `model_run`."""

from __future__ import annotations

import json
from typing import Any


def read_training_record(model_run_uri: str) -> dict[str, Any] | None:
    """Reads what the Trainer recorded.

    Args:
        model_run_uri: Folder of the `model_run` artifact.

    Returns:
        The content of `training.json`; None if there is no such file, as TFX's own Trainer leaves it.
    """
    import tensorflow as tf  # Late: the process of a local run prints what others have read.

    path = f"{model_run_uri}/training.json"
    if not tf.io.gfile.exists(path):
        return None
    with tf.io.gfile.GFile(path) as file:
        record: dict[str, Any] = json.load(file)
    return record
