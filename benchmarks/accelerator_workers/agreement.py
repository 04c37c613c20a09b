"""Loss and gradients of one training step from given weights, and how far they are from the processor's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tfx_lm.components.trainer.training import TrainableLanguageModel

# So large that rounding of the weights takes nothing from the gradient.
RATE = 1024.0


def differences(
    model: TrainableLanguageModel,
    compile_model: Callable[[keras.optimizers.Optimizer], None],
    batch: tf.data.Dataset,
    reference: Path,
) -> dict[str, float] | None:
    """Takes a step of plain gradient descent, and compares it with the one that the processor took.

    Args:
        model: The model, without dropout and with no bound to the gradient.
        compile_model: Compiles it with an optimizer, as it is trained.
        batch: A dataset of one batch.
        reference: The file of the processor's loss and gradients; it is written if it does not exist.

    Returns:
        The relative differences of the `loss` and of the `gradient`, which is that of the variable whose gradient
        differs the most, by its norm; None if this is the processor.
    """
    # Not by an initializer, whose random numbers depend on the device.
    chance = np.random.default_rng(1)
    before = [chance.normal(0.0, 0.1, variable.shape).astype(np.float32) for variable in model.trainable_variables]
    for variable, value in zip(model.trainable_variables, before, strict=True):
        variable.assign(value)
    compile_model(keras.optimizers.SGD(RATE))
    logs = model.fit(batch, epochs=1, steps_per_epoch=1, shuffle=False, verbose=0).history
    after = [np.asarray(variable.numpy()) for variable in model.trainable_variables]
    own = {f"{number:03d}": (old - new) / RATE for number, (old, new) in enumerate(zip(before, after, strict=True))}
    own["loss"] = np.asarray(logs["loss"][-1])
    if not reference.exists():
        np.savez(reference, **own)
        return None
    with np.load(reference) as known:
        found = {name: float(np.linalg.norm(own[name] - known[name]) / np.linalg.norm(known[name])) for name in known}
    loss = found.pop("loss")
    return {"loss": loss, "gradient": max(found.values())}
