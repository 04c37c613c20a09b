"""Reader of `Examples` artifacts: any split, from any ExampleGen, compressed or not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import tensorflow as tf
from tfx import types
from tfx.types import artifact_utils
from tfx.types import standard_component_specs as specs
from tfx.utils import io_utils

from ..errors import SettingError, escape
from .finished_files import finished_files

# The split that components score unless told otherwise; TFX's Evaluator has the same.
EVALUATED_SPLITS = ("eval",)

# The first bytes of a gzip file: its identification, and the only compression method.
_GZIP_MAGIC = b"\x1f\x8b\x08"


def split_names(examples: Sequence[types.Artifact]) -> list[str]:
    """Returns the names of the splits that all artifacts have, in the order of the first one."""
    names = [artifact_utils.decode_split_names(artifact.split_names) for artifact in examples]
    return [name for name in names[0] if all(name in others for others in names)] if names else []


def split_files(examples: Sequence[types.Artifact], splits: Iterable[str]) -> list[str]:
    """Lists the TFRecord files of some splits.

    Args:
        examples: The `Examples` artifacts of an input.
        splits: Names of splits.

    Returns:
        The files, those of each folder sorted.

    Raises:
        SettingError: If a split does not exist.
    """
    known = split_names(examples)
    wanted = list(splits)
    if missing := [name for name in wanted if name not in known]:
        raise SettingError(
            f"{{{specs.EXAMPLE_SPLITS_KEY}}}={escape(missing)}: the examples have no such split; they have: "
            f"{escape(', '.join(known))}"
        )
    uris = [uri for split in wanted for uri in artifact_utils.get_split_uris(list(examples), split)]
    return [file for uri in uris for file in finished_files(io_utils.all_files_pattern(uri))]


def compression(file: str) -> str:
    """Returns the compression of a TFRecord file, `GZIP` or the empty string, by its first bytes."""
    with tf.io.gfile.GFile(file, "rb") as opened:
        return "GZIP" if opened.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC else ""


def read_records(files: Sequence[str]) -> tf.data.Dataset:
    """Reads TFRecord files one after the other.

    Args:
        files: The files; each may be compressed or not.

    Returns:
        A dataset of serialized `tf.train.Example`s, string scalars.
    """
    names, compressions = (
        tf.constant(values, tf.string, [len(files)]) for values in (list(files), [compression(file) for file in files])
    )
    return tf.data.Dataset.from_tensor_slices((names, compressions)).flat_map(tf.data.TFRecordDataset)
