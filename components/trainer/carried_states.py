"""The states of the LSTM layers that go on from one window of a stretch to the next, on each replica its own rows'."""

from __future__ import annotations

import tensorflow as tf


class CarriedStates:
    """Holds the states between two steps. To be made under the strategy that trains.

    They are in no backup: one is saved only where no window of the same rows follows.

    Args:
        rows: Rows of a batch at most, of one replica.
        shape: [layers, 2, units], the state of a row.
    """

    def __init__(self, rows: int, shape: tuple[int, int, int]):
        self._rows = rows
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

    def read(self, rows: tf.Tensor, begins: tf.Tensor) -> tf.Tensor:
        """Returns the states before a window.

        Args:
            rows: int32 scalar, its rows.
            begins: bool scalar, whether it begins its stretches.

        Returns:
            [rows, layers, 2, units] float32; zeros if it begins.
        """
        return tf.where(begins, 0.0, self._states.read_value()[:rows])

    def keep(self, states: tf.Tensor, left: tf.Tensor) -> None:
        """Keeps the states after a window.

        Args:
            states: [rows, layers, 2, units]. If some are not finite, those are zero, so that no other step suffers.
            left: int32 scalar, how many windows of the same rows follow.
        """
        states = tf.where(tf.math.is_finite(states), states, tf.zeros_like(states))
        missing = self._rows - tf.shape(states)[0]
        padded = tf.pad(tf.cast(states, tf.float32), [[0, missing], [0, 0], [0, 0], [0, 0]])
        self._states.assign(tf.ensure_shape(padded, self._states.shape))
        self._left.assign(left)

    @property
    def within_stretches(self) -> bool:
        """Whether the next window goes on from these states."""
        return int(tf.convert_to_tensor(self._left)) > 0
