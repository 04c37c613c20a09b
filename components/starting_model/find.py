"""The newest served model before a run, to start from or to compare with: not one trained on the input of this run."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Sequence

from tfx import types
from tfx.components.example_gen import utils as example_gen_utils

from ...errors import SettingError, escape
from ...exported.damage import damage, is_complete
from ...exported.exported_model import newest_version
from ...exported.training_origin import read_training_origin
from ...exported.versions import numbered_folders
from ..baseline.served import DamagedVersionsError
from ..text_example_gen.content import CONTENT_DIGEST, TEXT_FIELD, input_name

_log = logging.getLogger(__name__)


def examples_digest(examples: Sequence[types.Artifact]) -> str:
    """Returns 16 hexadecimal digits for the input of a run.

    They are made of the content of the files, so that files that were written again are the same input, and of the
    field that was read. Examples that TextExampleGen did not make, or made of files on an object store, have TFX's
    fingerprint instead of the content: sizes and times.

    Args:
        examples: The `Examples` of an ExampleGen; those of a component without a fingerprint count by their folders.
    """
    keys = CONTENT_DIGEST, example_gen_utils.FINGERPRINT_PROPERTY_NAME
    return input_digest(
        input_name(
            next((artifact.get_string_custom_property(key) for key in keys if artifact.has_custom_property(key)), None)
            or artifact.uri,
            artifact.get_string_custom_property(TEXT_FIELD),
        )
        for artifact in examples
    )


def input_digest(names: Iterable[str]) -> str:
    """Returns 16 hexadecimal digits for what `examples_digest` knows of some Examples, in any order."""
    return hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest()[:16]


def served_start(destination: str, digest: str) -> str:
    """Finds the model to start from.

    After a run that pushed, the newest version *is* that run's model. If the run is repeated, it starts from the same
    model as before, and not from its own result: an unchanged run is taken from the cache.

    | at the destination, trained on | input | found |
    |---|---|---|
    | nothing | X | nothing |
    | 1: X | X | nothing |
    | 1: X | Y | 1 |
    | 1: X, 2: Y | Y | 1 |
    | 1: X, 2: Y | Z | 2 |
    | 2: Y, which started from 1 | Y | 2, since 1 is gone |

    In the last case no run can start from the same model as before. From new weights, and with the vocabulary of the
    text, the ids of the words would move.

    A model that does not say what it was trained on, as one that started from new weights without this component, is
    taken to be trained on another input. A damaged version is passed over, with a warning in the log.

    Args:
        destination: The folder of all pushed versions; it need not exist.
        digest: The digest of the input, from `examples_digest`.

    Returns:
        The version's folder; "" if there is none.

    Raises:
        DamagedVersionsError: Models are served, and all of them are damaged.
        UnreadableError: A served model cannot be read.
    """
    damaged = []
    own: list[tuple[str, bool]] = []
    # One after the other: nothing may depend on whether older ones can be read.
    for version in filter(is_complete, numbered_folders(destination)):
        problem = damage(version)
        if problem is not None:
            damaged.append(f"{version}: {problem}")
            _log.warning("%s; it is passed over", damaged[-1])
            continue
        origin = read_training_origin(version)
        if origin.examples != digest:
            return version
        own.append((version, origin.from_model))
    if damaged and not own:
        raise DamagedVersionsError(
            "every served model is damaged, so that this run has no earlier model to start from or to compare its "
            f"text with ({'; '.join(damaged)}); bring back a copy of one, or remove these folders: the run then counts "
            "as the first"
        )
    return own[0][0] if own and all(from_model for _, from_model in own) else ""


def is_trained_on(version: str, digest: str) -> bool:
    """Returns whether a served model says that it was trained on an input; see `served_start`."""
    return read_training_origin(version).examples == digest


def named_start(path: str) -> str:
    """Returns the folder of a model that a user names.

    Args:
        path: A version's folder, or the folder of all versions, the newest of which is taken.

    Raises:
        SettingError: There is no such model, or it is damaged.
    """
    try:
        version = newest_version(path)
    except ValueError as error:
        raise SettingError(f"{{model_path}}={escape(path)}: {escape(error)}") from error
    problem = damage(version)
    if problem is not None:
        raise SettingError(f"{{model_path}}={escape(path)}: {escape(problem)}; name a model that is whole")
    return version
