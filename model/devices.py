"""Devices that TensorFlow computes on."""

from __future__ import annotations

import tensorflow as tf


def on_gpu() -> bool:
    """Returns whether TensorFlow sees a GPU, and so places the operations of a step there."""
    return bool(tf.config.get_visible_devices("GPU"))
