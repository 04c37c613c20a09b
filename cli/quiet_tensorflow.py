"""Imports of TensorFlow and TFX without their messages."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path

from ..pipelines.local.terminal import output_to
from ..pipelines.uncollected import import_uncollected


def is_quiet() -> bool:
    """Returns whether messages of libraries are unwanted; sets TensorFlow's log level unless the user has done so."""
    return os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") == "3"


def quiet_tensorflow() -> None:
    """Imports TensorFlow without its start-up messages in a terminal that shows results, unless they were asked for."""
    if not is_quiet():
        return
    # TensorFlow 2.21 prints some messages at any level; google.api_core tells users of
    # Python 3.10 to upgrade.
    with output_to(Path(os.devnull)):
        import_uncollected("tensorflow")


@contextlib.contextmanager
def quiet_imports() -> Iterator[None]:
    """Drops what is printed while TFX and Beam are imported, and a recommendation of theirs later."""
    # google.api_core tells users of Python 3.10 to upgrade.
    with output_to(Path(os.devnull)) if is_quiet() else contextlib.nullcontext():
        yield
    if is_quiet():
        # It recommends a library that only makes checksums faster.
        logging.getLogger("apache_beam.io.tfrecordio").setLevel(logging.ERROR)
