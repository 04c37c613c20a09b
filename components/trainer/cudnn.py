"""cuDNN's LSTM kernel: whether the model's layers could use it, and whether their graph does."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from .compat import kernel_dtypes
from .training import TrainableLanguageModel

OPERATION = "CudnnRNNV3"


def cudnn_obstacles(model: TrainableLanguageModel) -> list[str]:
    """Returns what keeps cuDNN's kernel from the LSTM layers on a GPU; empty if nothing does.

    The conditions on a layer are those that Keras documents for `keras.layers.LSTM`.

    Args:
        model: From `untrained_model.build_model`.
    """
    found = []
    for layer in model.recurrent:
        conditions = {
            "the activation is not tanh": layer.activation is keras.activations.tanh,
            "the recurrent activation is not sigmoid": layer.recurrent_activation is keras.activations.sigmoid,
            "the recurrent dropout is not 0": layer.recurrent_dropout == 0,
            "the layer is unrolled": not layer.unroll,
            "the layer has no bias": layer.use_bias,
            "the layer is told not to use it": layer.use_cudnn is not False,
        }
        found += [f"{layer.name}: {name}" for name, met in conditions.items() if not met]
    dtypes = kernel_dtypes(OPERATION, "GPU")
    computed = model.recurrent[0].compute_dtype
    if computed not in dtypes:
        known = ", ".join(sorted(dtypes)) or "no dtype"
        found.append(f"this TensorFlow has the kernel for {known}, and the layers compute in {computed}")
    return found


def run_states(model: TrainableLanguageModel, ids: Any) -> bool:
    """Computes the states of some sentences, as a training step does.

    Args:
        model: From `untrained_model.build_model`.
        ids: [batch, time] int32.

    Returns:
        Whether the graph that was run has cuDNN's kernel.

    Raises:
        tf.errors.OpError: The device cannot run it.
    """
    states = tf.function(model.hidden).get_concrete_function(tf.TensorSpec([None, None], tf.int32))
    # Copied from the device, so that it has run.
    states(tf.constant(ids, tf.int32)).numpy()
    return any(operation.type == OPERATION for operation in states.graph.get_operations())
