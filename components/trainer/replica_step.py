"""One training step on all replicas.

Replaces Keras's own, which sums the gradients over the replicas a second time and fails with several workers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from .compat import skip_gradient_reduction

Logs = dict[str, tf.Tensor]


def on_all_replicas(strategy: tf.distribute.Strategy, step: Callable[[Any], Logs]) -> Callable[[Any], Logs]:
    """Returns the function that `fit` calls with its iterator for each step.

    Keras's own averages the logs over the replicas, which it cannot with several workers (Keras 3.12 and 3.15:
    `axis=0` of a scalar), and which costs them a reduction for each value. Here the logs are the first replica's.

    Args:
        strategy: The strategy under which the model was built.
        step: `train_step` or `test_step`: a replica's batch to logs, which must be the same on all replicas.
    """

    # AutoGraph would convert all that a step calls, seconds of the start, and finds no control flow in it.
    @tf.function(reduce_retracing=True, autograph=False)
    def one_step(iterator: Any) -> Logs:
        logs = strategy.run(step, args=(iterator.get_next(),))
        return {name: strategy.experimental_local_results(value)[0] for name, value in logs.items()}

    return one_step


def apply_reduced(
    optimizer: keras.optimizers.Optimizer, gradients: list[tf.Tensor], variables: list[keras.Variable]
) -> None:
    """Takes an optimizer step with gradients that are the sums over the replicas already.

    Keras adds the gradients of all replicas up itself. Ours had to be added up before, to be clipped by their
    global norm, and would be sent twice; so Keras's part of it is left out.

    Args:
        optimizer: Built, on these variables.
        gradients: The same on every replica.
        variables: The variable of each gradient.

    Raises:
        SettingError: This Keras adds them up in a way that is not known here.
    """
    if tf.distribute.get_strategy().num_replicas_in_sync > 1:
        skip_gradient_reduction(optimizer)
    optimizer.apply(gradients, variables)
