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


def is_quiet() -> bool:
    """Returns whether messages of libraries are unwanted; sets TensorFlow's log level unless the user has done so."""
    return os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") == "3"


def quiet_tensorflow() -> None:
    """Imports TensorFlow without its start-up messages in a terminal that shows results, unless they were asked for.

    TensorFlow imports Keras with itself, but not here: what only reads exported models starts a third sooner without.
    Whoever imports Keras later gets it as always.
    """
    # TensorFlow 2.21 prints some messages at any level; google.api_core tells users of
    # Python 3.10 to upgrade.
    quietly = output_to(Path(os.devnull)) if is_quiet() else contextlib.nullcontext()
    with quietly, _without_keras():
        import_uncollected("tensorflow")


@contextlib.contextmanager
def _without_keras() -> Iterator[None]:
    """Lets TensorFlow's import end without that of Keras.

    TensorFlow tries to import one of two modules at its end, by `TF_USE_LEGACY_KERAS`, and goes on if Keras is not
    installed. Keras brings pandas, scikit-learn, matplotlib and IPython: 1,800 of 4,600 modules.
    """
    modules = [name for name in ("keras.src.optimizers", "tf_keras.src.optimizers") if name not in sys.modules]
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
    quiet_tensorflow()
    # google.api_core tells users of Python 3.10 to upgrade.
    with output_to(Path(os.devnull)) if is_quiet() else contextlib.nullcontext():
        yield
    if is_quiet():
        # It recommends a library that only makes checksums faster.
        logging.getLogger("apache_beam.io.tfrecordio").setLevel(logging.ERROR)
