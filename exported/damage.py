"""Damage of an exported model: files that are missing, cut off or changed since they were written.

`assets.extra/SHA256SUMS` has the sums of all files, as the program `sha256sum` writes and checks them:

    cd OUTPUT/serving/1764000000 && sha256sum --check assets.extra/SHA256SUMS
"""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

from ..file_sums import damaged_file, file_names, file_sums
from ..remote import is_remote

# TensorFlow keeps this folder free for such files; no server reads them.
FILE = "assets.extra/SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")

# A part of the variables, such as `variables.data-00000-of-00002`; not what a copy or a killed writer left beside it.
_PART = re.compile(r"variables\.data-\d+-of-(\d+)")
_INCOMPLETE = "a file is missing: saved_model.pb, variables.index or a part of the variables"
# Errors of the system that say that a file is damaged; others, such as no permission, say nothing about it.
_DAMAGE = (errno.EIO, errno.ENOENT, errno.ENOTDIR)


class UnreadableError(RuntimeError):
    """A model cannot be read now, which does not tell whether it is damaged."""


def is_complete(path: str) -> bool:
    """Returns whether no file of the SavedModel in a folder is missing, as in an unfinished copy; see also `damage`."""
    if not all(_exists(f"{path}/{name}") for name in ("saved_model.pb", "variables/variables.index")):
        return False
    names = _names(f"{path}/variables")
    if not names:  # It was removed meanwhile.
        return False
    # For each part, the number of all parts. A model without variables has none.
    totals = [int(part[1]) for part in map(_PART.fullmatch, names) if part]
    return not totals or any(totals.count(total) == total for total in totals)


def _exists(file: str) -> bool:
    if not is_remote(file):
        return Path(file).exists()
    import tensorflow as tf  # Late: local folders do without, and so does `tfx-lm rollback`.

    return bool(tf.io.gfile.exists(file))


def _names(folder: str) -> list[str]:
    """Lists a folder; nothing if it does not exist."""
    if not is_remote(folder):
        try:
            return os.listdir(folder)  # noqa: PTH208
        except (FileNotFoundError, NotADirectoryError):
            return []
    import tensorflow as tf

    try:
        return list(tf.io.gfile.listdir(folder))
    except tf.errors.NotFoundError:
        return []


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
    text = _read_sums(path)
    if text is None:
        return None
    lines = [_LINE.fullmatch(line) for line in text.splitlines()]
    if not lines or None in lines:
        return f"{FILE} has changed since it was written"
    return damaged_file(path, {line[2]: line[1] for line in lines if line})


def _read_sums(path: str) -> str | None:
    if not _exists(f"{path}/{FILE}"):
        return None
    if not is_remote(path):
        return Path(path, FILE).read_text(encoding="utf-8", errors="replace")
    import tensorflow as tf

    with tf.io.gfile.GFile(f"{path}/{FILE}", "r") as file:
        return str(file.read())


def visible_damage(path: str) -> str | None:
    """Finds damage that the files show without being loaded: one is missing, or is not as its sum says.

    Args:
        path: The folder that holds `saved_model.pb`; any path that TensorFlow reads.

    Returns:
        What is wrong; None if nothing is. Of a model without sums, only missing files are found; see `damage`.

    Raises:
        OSError: A file on this machine cannot be read.
    """
    return changed_file(path) if is_complete(path) else _INCOMPLETE


def damage(path: str) -> str | None:
    """Finds damage of a SavedModel.

    Models of earlier versions and of other programs have no sums. Of these the graph is read, and all variables, which
    have checksums.

    Args:
        path: The folder that holds `saved_model.pb`; any path that TensorFlow reads.

    Returns:
        What is wrong, such as `variables/variables.index has changed since it was written`; None if all is well.

    Raises:
        UnreadableError: The files cannot be read: no permission, or the file system does not answer.
    """
    import tensorflow as tf

    from .signatures import LOADING_ERRORS, signature_definitions

    try:
        if not is_complete(path):
            return _INCOMPLETE
        if tf.io.gfile.exists(f"{path}/{FILE}"):
            return changed_file(path)
        # What reads variables does not tell damage from a lack of permission.
        for name in ("saved_model.pb", *(f"variables/{part}" for part in file_names(f"{path}/variables"))):
            with tf.io.gfile.GFile(f"{path}/{name}", "rb") as file:
                file.read(1)
        signature_definitions(path)
        variables = tf.train.load_checkpoint(f"{path}/variables/variables")
        for name in variables.get_variable_to_shape_map():
            variables.get_tensor(name)
    except LOADING_ERRORS as error:
        if _says_nothing(error):
            raise UnreadableError(f"{path}: cannot be read ({error}); make it readable, then try again") from error
        return f"it cannot be read ({error})"
    return None


def _says_nothing(error: Exception) -> bool:
    """Returns whether an error says nothing about the files themselves, and another try may succeed."""
    import tensorflow as tf

    if isinstance(error, OSError):
        return error.errno is not None and error.errno not in _DAMAGE
    return isinstance(
        error,
        (
            tf.errors.AbortedError,
            tf.errors.CancelledError,
            tf.errors.DeadlineExceededError,
            tf.errors.PermissionDeniedError,
            tf.errors.ResourceExhaustedError,
            tf.errors.UnauthenticatedError,
            tf.errors.UnavailableError,
        ),
    )
