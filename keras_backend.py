"""The library that Keras computes with in our processes."""

from __future__ import annotations

import os


def use_tensorflow() -> None:
    """Has Keras compute with TensorFlow, in this process and all that it starts, before they import Keras.

    Another project may have chosen another library, by the same variable or in `~/.keras/keras.json`.
    """
    os.environ["KERAS_BACKEND"] = "tensorflow"
