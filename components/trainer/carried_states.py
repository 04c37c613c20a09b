"""The states of the LSTM layers that go on from one window of a row to the next, on each replica its own rows'."""

from __future__ import annotations

import tensorflow as tf


class CarriedStates:
    """Holds the states between two steps. To be made under the strategy that trains.

    They are in no backup: one is saved only where no window of the same rows follows.

    Args:
        rows: Rows of a batch of one replica.
        shape: [layers, 2, units], the state of a row.
    """

    def __init__(self, rows: int, shape: tuple[int, int, int]):
        # Of each replica its own; nobody reads them together.
        self._states = tf.Variable(
            tf.zeros([rows, *shape]),
            trainable=False,
            synchronization=tf.VariableSynchronization.ON_READ,
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        )
        self._left = tf.Variable(
            0,
            trainable=False,
            synchronization=tf.VariableSynchronization.ON_READ,
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        )

    def read(self) -> tf.Tensor:
        """Returns the states after the window before, [rows, layers, 2, units] float32."""
        return self._states.read_value()

    def keep(self, states: tf.Tensor, left: tf.Tensor) -> None:
        """Keeps the states after a window.

        Args:
            states: [rows, layers, 2, units]. If some are not finite, those are zero, so that no other step suffers.
            left: int32 scalar, how many windows of the same rows follow.
        """
        states = tf.where(tf.math.is_finite(states), states, tf.zeros_like(states))
        self._states.assign(tf.ensure_shape(tf.cast(states, tf.float32), self._states.shape))
        self._left.assign(left)

    @property
    def within_rows(self) -> bool:
        """Whether the next window goes on from these states."""
        return int(tf.convert_to_tensor(self._left)) > 0
