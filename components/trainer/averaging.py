"""Weight averaging: an exponential moving average of the weights, which validation and export use."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from .backup import TrainingState

# Steps between two updates of the average, since each is a pass over all weights.
EVERY = 8
# A larger number shortens the part of a young training that is averaged.
RAMP = 20


class WeightAverage:
    """Exponential moving average of a model's weights, in float32.

    In each step it keeps a share of itself, and takes the rest from the weights. The share is the momentum, but at most
    (1 + step) / (20 + step), so that the average of a short training is one over its last twentieth or so, and
    holds little of its beginnings.

    With a momentum of 0.5, a weight that is 1, 2 and 3 after the steps 100, 101 and 102 has the averages 1, 1.5 and
    2.25 if the average begins at step 100. If it is 1 after step 1 and 2 after step 2, the average is 2 - 3/22.

    Its variables belong to the optimizer, so that the backup has them. Keras's own `use_ema` takes a dozen passes over
    the weights in each step, and writes the average over the weights whenever `fit` ends: a training that
    is resumed within an epoch, which calls `fit` twice, would go on from other weights.

    Args:
        model: Compiled, with its optimizer built; under the strategy that it is trained under.
        momentum: Share that the average keeps in each step, 0 ≤ momentum < 1.
    """

    def __init__(self, model: keras.Model, momentum: float):
        self._momentum = momentum
        self._strategy = tf.distribute.get_strategy()
        self._weights = [weight.value for weight in model.weights]
        self._averages = [
            model.optimizer.add_variable_from_reference(weight, name="average").value for weight in model.weights
        ]

    def rate(self, step: int, last: int) -> float:
        """Returns how far the average moves towards the weights.

        Args:
            step: Steps so far.
            last: Steps at the last update; 0 before the first, which makes the average equal to the weights.
        """
        kept = min(self._momentum, (1 + step) / (RAMP + step))
        return 1.0 - kept ** (step - last) if last else 1.0

    def update(self, step: int, last: int) -> None:
        """Moves the average towards the weights; arguments as those of `rate`."""
        self._move(tf.constant(self.rate(step, last), tf.float32))

    @tf.function(autograph=False)
    def swap(self) -> None:
        """Exchanges the weights and their averages, bit for bit."""

        def exchange(average: tf.Variable, weight: tf.Variable) -> None:
            kept = tf.identity(average)
            average.assign(weight)
            weight.assign(kept)

        for average, weight in zip(self._averages, self._weights, strict=True):
            self._strategy.extended.update(average, exchange, args=(weight,), group=False)

    def values(self) -> list[np.ndarray]:
        """Returns the averages, in the order of `model.weights`."""
        return [average.numpy() for average in self._averages]

    @tf.function(autograph=False)
    def _move(self, rate: tf.Tensor) -> None:
        def move(average: tf.Variable, weight: tf.Variable) -> None:
            # In place, and a third of the time of `assign_add` of a product.
            tf.raw_ops.ResourceApplyGradientDescent(var=average.handle, alpha=rate, delta=average - weight)

        for average, weight in zip(self._averages, self._weights, strict=True):
            self._strategy.extended.update(average, move, args=(weight,), group=False)


class Averaging(keras.callbacks.Callback):
    """Updates the average while the model trains, and validates with it.

    The average depends on the position in the training alone, so that a resumed training has the same. A step that was
    skipped counts with the weights that it left.

    Args:
        average: The average.
        batches: Batches of an epoch.
        state: Tells which epoch and batch it is; `Position`, an earlier callback, counts.
    """

    def __init__(self, average: WeightAverage, batches: int, state: TrainingState):
        super().__init__()
        self.average = average
        self.batches = batches
        self.state = state

    def on_train_batch_end(self, batch: int, logs: dict[str, object]) -> None:
        """Updates the average, every `EVERY` batches of an epoch and after its last, which the validation follows."""
        done = self.state.batches_done
        if done % EVERY == 0 or done == self.batches:
            before = self.state.epochs_done * self.batches
            self.average.update(before + done, before + (done - 1) // EVERY * EVERY)

    def on_test_begin(self, logs: dict[str, object]) -> None:
        """Gives the model the averages."""
        self.average.swap()

    def on_test_end(self, logs: dict[str, object]) -> None:
        """Gives it back the weights that are trained."""
        self.average.swap()
