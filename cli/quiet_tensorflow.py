"""Import of TensorFlow without its messages."""

from __future__ import annotations

import os
from pathlib import Path

from ..pipelines.local.terminal import output_to


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
        import tensorflow  # noqa: F401
