"""Damage of an exported model: files that are missing, cut off or changed since they were written.

`assets.extra/SHA256SUMS` has the sums of all files, as the program `sha256sum` writes and checks them:

    cd OUTPUT/serving/1764000000 && sha256sum --check assets.extra/SHA256SUMS
"""

from __future__ import annotations

from ..file_sums import damaged_file, file_sums
from .versions import is_complete

# TensorFlow keeps this folder free for such files; no server reads them.
FILE = "assets.extra/SHA256SUMS"


def write_sums(path: str) -> None:
    """Writes the sums of all files of a SavedModel; again after a file was added.

    Args:
        path: The folder that holds `saved_model.pb`.
    """
    import tensorflow as tf  # Late: to read local ones does without.

    sums = {name: value for name, value in file_sums(path).items() if name != FILE}
    tf.io.gfile.makedirs(f"{path}/{FILE.rpartition('/')[0]}")
    with tf.io.gfile.GFile(f"{path}/{FILE}", "w") as file:
        file.write("".join(f"{value}  {name}\n" for name, value in sums.items()))


def changed_file(path: str) -> str | None:
    """Returns what is wrong with the first file that is not as it was exported; None if all are, or have no sums.

    Args:
        path: The folder that holds `saved_model.pb`; any path that TensorFlow reads.
    """
    import tensorflow as tf

    if not tf.io.gfile.exists(f"{path}/{FILE}"):
        return None
    with tf.io.gfile.GFile(f"{path}/{FILE}", "r") as file:
        lines = [line.partition("  ") for line in file.read().splitlines()]
    return damaged_file(path, {name: value for value, _, name in lines})


def damage(path: str) -> str | None:
    """Finds damage of a SavedModel.

    Models of earlier versions and of other programs have no sums. Of these the graph is read, and all variables, which
    have checksums.

    Args:
        path: The folder that holds `saved_model.pb`; any path that TensorFlow reads.

    Returns:
        What is wrong, such as `variables/variables.index has changed since it was written`; None if all is well.
    """
    import tensorflow as tf

    from .signatures import LOADING_ERRORS, signature_definitions

    try:
        if not is_complete(path):
            return "a file is missing: saved_model.pb, variables.index or a part of the variables"
        if tf.io.gfile.exists(f"{path}/{FILE}"):
            return changed_file(path)
        signature_definitions(path)
        variables = tf.train.load_checkpoint(f"{path}/variables/variables")
        for name in variables.get_variable_to_shape_map():
            variables.get_tensor(name)
    except LOADING_ERRORS as error:
        return f"it cannot be read ({error})"
    return None
