"""Copy of a served model in a run's artifacts: it is the model that was looked up, and whole."""

from __future__ import annotations

import contextlib
import hashlib

import tensorflow as tf
from tfx.utils import io_utils

from ..exported.damage import FILE, damage
from ..transform.vocabulary import VOCABULARY_NAME

# Together they identify a model: the graph, the checksum of every variable, and the words, if it is one of the Trainer.
# The Trainer writes the same graph wherever and whenever it exports; see `model.stable_names`.
IDENTITY = ("saved_model.pb", "variables/variables.index", f"assets/{VOCABULARY_NAME}")


class ChangedModelError(RuntimeError):
    """A model is no longer the one that was looked up."""


def model_digest(path: str) -> str:
    """Returns 16 hexadecimal digits that change with a model; "" for the path "".

    They are made of the file that has the sums of all others, so that little is read; of a model without such a file,
    as other programs export it, of the graph, the checksums of the variables, and the words.

    Args:
        path: The folder that holds `saved_model.pb`; any path that TensorFlow reads.
    """
    if not path:
        return ""
    digest = hashlib.sha256()
    for name in (FILE,) if tf.io.gfile.exists(f"{path}/{FILE}") else IDENTITY:
        if tf.io.gfile.exists(f"{path}/{name}"):
            with tf.io.gfile.GFile(f"{path}/{name}", "rb") as file:
                digest.update(hashlib.sha256(file.read()).digest())
    return digest.hexdigest()[:16]


def copy_model(model: str, copy: str, digest: str) -> None:
    """Copies a model.

    Args:
        model: The version's folder.
        copy: The folder to make.
        digest: The digest of the model when it was looked up.

    Raises:
        ChangedModelError: It was removed or changed since, or while it was copied.
    """
    # Removed by a push, which keeps the newest versions only: the digests differ then.
    with contextlib.suppress(FileNotFoundError, tf.errors.NotFoundError):
        io_utils.copy_dir(model, copy)
    # The cache, and the name of a training's backup, hold for the model that was looked up.
    if model_digest(copy) != digest or damage(copy) is not None:
        raise ChangedModelError(
            f"{model}: was removed or changed while it was copied; run the pipeline again, which looks for the model "
            "again"
        )
