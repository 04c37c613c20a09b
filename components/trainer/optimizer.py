"""The optimizer and its learning-rate schedule."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from ...errors import SettingError
from ...model.options import TrainerOptions


def build_optimizer(options: TrainerOptions, steps: int) -> keras.optimizers.Optimizer:
    """Returns the optimizer that the options ask for, not yet built.

    Args:
        options: The trainer's options.
        steps: How many steps the whole training takes, all epochs together.

    Returns:
        AdamW (Loshchilov and Hutter 2019, https://arxiv.org/abs/1711.05101) or plain SGD. Its learning rate is a
        variable that `callbacks.Schedule` cuts, or a cosine (https://arxiv.org/abs/1608.03983) of the step.

    Raises:
        SettingError: The warm-up is as long as the training.
    """
    rate: float | keras.optimizers.schedules.LearningRateSchedule = options.learning_rate
    if options.schedule == "cosine":
        if options.warmup_steps >= steps:
            raise SettingError(
                f"{{warmup_steps}}={options.warmup_steps}: must be less than the {steps} steps of the training; "
                "set {warmup_steps}"
            )
        rate = keras.optimizers.schedules.CosineDecay(
            0.0 if options.warmup_steps else options.learning_rate,
            decay_steps=steps - options.warmup_steps,
            warmup_target=options.learning_rate if options.warmup_steps else None,
            warmup_steps=options.warmup_steps,
        )
    # Keras takes no decay at all for None only; 0.0 would cost a pass over the weights.
    decay = options.weight_decay or None
    optimizer = (FusedAdamW if options.optimizer == "adamw" else keras.optimizers.SGD)(rate, weight_decay=decay)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    return optimizer


class FusedAdamW(keras.optimizers.Adam):
    """Adam with decoupled weight decay, and one operation for each variable's step.

    Keras's own step is a dozen operations, each a pass over the weights and what Adam keeps for them. For small
    batches that was an eighth of the training's time on 2 cores, and a third of that with one operation.
    """

    def update_step(self, gradient: tf.Tensor, variable: Any, learning_rate: tf.Tensor) -> None:
        """Updates a variable and its moments; arguments and numbers as in Keras."""
        index = self._get_variable_index(variable)
        dtype = variable.dtype
        step = tf.cast(self.iterations.value + 1, dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=tf.pow(tf.cast(self.beta_1, dtype), step),
            beta2_power=tf.pow(tf.cast(self.beta_2, dtype), step),
            lr=tf.cast(learning_rate, dtype),
            beta1=tf.cast(self.beta_1, dtype),
            beta2=tf.cast(self.beta_2, dtype),
            epsilon=tf.cast(self.epsilon, dtype),
            grad=tf.cast(gradient, dtype),
        )
