"""Text of a call in the normalization that the model was trained on, since no graph of TensorFlow normalizes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import tensorflow as tf
from google.protobuf.message import DecodeError

from ..text_files.normalization import Normalization, normalized_bytes

# Inputs of signatures, and features of the Examples that `evaluate` takes.
_TEXTS = ("text", "context")
_EXAMPLES = "examples"


def normalized_inputs(inputs: Mapping[str, tf.Tensor], normalization: Normalization) -> dict[str, tf.Tensor]:
    """Returns the inputs of a signature with their texts normalized, also those within serialized `tf.Example`s.

    Args:
        inputs: Tensors by name.
        normalization: That of the model.
    """
    if normalization == "none":
        return dict(inputs)
    changed = {name: _mapped(inputs[name], normalization, normalized_bytes) for name in _TEXTS if name in inputs}
    if _EXAMPLES in inputs:
        changed[_EXAMPLES] = _mapped(inputs[_EXAMPLES], normalization, _normalized_example)
    return {**inputs, **changed}


def _mapped(
    tensor: tf.Tensor, normalization: Normalization, change: Callable[[bytes, Normalization], bytes]
) -> tf.Tensor:
    values = [change(value, normalization) for value in tensor.numpy().ravel().tolist()]
    return tf.constant(values, tf.string, tensor.shape)


def _normalized_example(serialized: bytes, normalization: Normalization) -> bytes:
    try:
        example = tf.train.Example.FromString(serialized)
    except DecodeError:
        return serialized  # The model refuses it.
    features = example.features.feature
    for name in _TEXTS:
        if name in features:
            values = features[name].bytes_list.value
            values[:] = [normalized_bytes(value, normalization) for value in values]
    return example.SerializeToString()
