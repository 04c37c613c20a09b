"""Private parts of Keras and TensorFlow that the trainer needs; each function names the versions it was seen in."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from ...errors import SettingError


def skip_gradient_reduction(optimizer: keras.optimizers.Optimizer) -> None:
    """Makes an optimizer take gradients as they are, instead of summing them over the replicas first.

    Keras has no public option for it. `Optimizer._all_reduce_sum_gradients` was seen in Keras 3.12.4 and 3.15.1.

    Args:
        optimizer: Changed in place; built under the strategy that it is used under.

    Raises:
        SettingError: This Keras has no such method.
    """
    if not hasattr(optimizer, "_all_reduce_sum_gradients"):
        raise SettingError(
            f"keras=={keras.__version__}: no way is known to tell its optimizers that the gradients are added up; "
            "use Keras 3.12 to 3.15, or set {distribution}=one_device"
        )
    optimizer._all_reduce_sum_gradients = list  # the pairs of gradient and variable as they are


class BuiltModel(keras.Model):
    """A model whose variables exist before `fit`, so that Keras reads no batch to make them.

    Keras would read one on every worker, and fail on those that have none. It has no public option for it.
    `Trainer._maybe_symbolic_build` was seen in Keras 3.12.4 and 3.15.1; a Keras without it reads no batch.
    """

    def _maybe_symbolic_build(self, iterator: Any = None, data_batch: Any = None) -> None:
        """Does nothing."""


def kernel_dtypes(operation: str, device: str) -> set[str]:
    """Returns the dtypes for which this TensorFlow has a kernel of an operation, also if it sees no such device.

    TensorFlow has no public list of its kernels. `tensorflow.python.framework.kernels` was seen in TensorFlow 2.16
    and 2.21.

    Args:
        operation: Its name in a graph.
        device: `GPU` or `CPU`.

    Returns:
        Names of dtypes that the operation's attribute `T` may have.
    """
    from tensorflow.python.framework import kernels

    return {
        tf.dtypes.as_dtype(dtype).name
        for kernel in kernels.get_registered_kernels_for_op(operation).kernel
        if kernel.device_type == device
        for constraint in kernel.constraint
        if constraint.name == "T"
        for dtype in constraint.allowed_values.list.type
    }
