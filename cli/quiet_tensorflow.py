"""Imports of TensorFlow and TFX without their messages."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from ..pipelines.local.terminal import output_to
from ..pipelines.uncollected import import_uncollected

# TensorFlow tries to import one of them at its end, by `TF_USE_LEGACY_KERAS`, and goes on if Keras is not installed.
# Keras brings pandas, scikit-learn, matplotlib and IPython: 1,800 of 4,600 modules.
KERAS = ("keras.src.optimizers", "tf_keras.src.optimizers")
# TensorFlow goes on without these as well: a client of Google Cloud, which looks for TPUs and machines of a cluster;
# and two libraries for the inputs of its old copy of Keras.
OPTIONAL = ("googleapiclient", "h5py", "scipy")


def is_quiet() -> bool:
    """Returns whether messages of libraries are unwanted; sets TensorFlow's log level unless the user has done so."""
    return os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") == "3"


def quiet_tensorflow() -> None:
    """Imports TensorFlow without its start-up messages in a terminal that shows results, unless they were asked for.

    TensorFlow imports Keras and other libraries with itself, but not here: what only reads exported models starts a
    third sooner without, with less memory. Whoever imports them later gets them as always.
    """
    _import_tensorflow(*KERAS, *OPTIONAL)


def _import_tensorflow(*left_out: str) -> None:
    # TensorFlow 2.21 prints some messages at any level; google.api_core tells users of
    # Python 3.10 to upgrade.
    quietly = output_to(Path(os.devnull)) if is_quiet() else contextlib.nullcontext()
    with quietly, _without(*left_out):
        import_uncollected("tensorflow")


@contextlib.contextmanager
def _without(*modules: str) -> Iterator[None]:
    """Makes modules look as if they were not installed while the block runs, but for those already imported."""
    modules = tuple(name for name in modules if name not in sys.modules)
    # Python's own way to say that a module cannot be imported.
    sys.modules.update(dict.fromkeys(modules))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in modules:
            del sys.modules[name]


@contextlib.contextmanager
def quiet_imports() -> Iterator[None]:
    """Drops what is printed while TensorFlow, TFX and Beam are imported, and a recommendation of theirs later."""
    # TFX imports the rest, and a Trainer may look for a TPU.
    _import_tensorflow(*KERAS)
    # google.api_core tells users of Python 3.10 to upgrade.
    with output_to(Path(os.devnull)) if is_quiet() else contextlib.nullcontext():
        yield
    if is_quiet():
        # It recommends a library that only makes checksums faster.
        logging.getLogger("apache_beam.io.tfrecordio").setLevel(logging.ERROR)
