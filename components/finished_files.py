"""Files of a finished artifact, without what a killed Beam step left beside them."""

from __future__ import annotations

import tensorflow as tf

# Beam writes into a folder of this name beside the files, and a killed step leaves it there.
_TEMPORARY = "/beam-temp-"


def finished_files(pattern: str) -> list[str]:
    """Returns the files that match, sorted.

    Args:
        pattern: A file pattern, such as `ARTIFACT/Split-train/*`. In some object stores `*` also matches what lies in
            folders.
    """
    folder = pattern.rpartition("/")[0]
    return sorted(name for name in tf.io.gfile.glob(pattern) if not is_temporary(name.removeprefix(folder)))


def is_temporary(path: str) -> bool:
    """Returns whether a path within an artifact, such as `/beam-temp-data-1b9e`, is or lies in Beam's folder."""
    return _TEMPORARY in f"/{path}"
