"""LSTM layers for CPUs: their pass over all steps, as fast as TensorFlow's operations allow."""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf

from .loss import precise


class ProcessorLSTM(keras.layers.LSTM):
    """`keras.layers.LSTM(units, return_sequences=True)`, computed by `lstm`; for training on a CPU.

    Call arguments:
        sequences: [batch, time, features] float.

    Returns of a call:
        [batch, time, units], the output of each step.
    """

    def call(self, sequences: tf.Tensor) -> tf.Tensor:
        """Runs the layer; see the class."""
        return tf.transpose(self._outputs(tf.transpose(sequences, [1, 0, 2]), *self._weights()), [1, 0, 2])

    def after(self, sequences: tf.Tensor, state: tf.Tensor, begins: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Runs the layer over sequences that go on; see `lstm_after`.

        Args:
            sequences: [batch, time, features] float.
            state: [batch, 2, units] float, output and cell after the steps before.
            begins: [batch, time] bool, True at steps before which the state is set to zero.

        Returns:
            [batch, time, units], the output of each step, and the new state, at least float32.
        """
        start = precise(tf.transpose(state, [1, 0, 2]))
        kept = tf.cast(~tf.transpose(begins)[:, :, tf.newaxis], start.dtype)
        outputs, state = lstm_after(start, kept, tf.transpose(sequences, [1, 0, 2]), *self._weights())
        return tf.transpose(outputs, [1, 0, 2]), tf.transpose(state, [1, 0, 2])

    def _weights(self) -> list[tf.Tensor]:
        return [tf.convert_to_tensor(w) for w in (self.cell.kernel, self.cell.recurrent_kernel, self.cell.bias)]

    def _outputs(self, inputs: tf.Tensor, *weights: tf.Tensor) -> tf.Tensor:
        return lstm(inputs, *weights)


class ServingLSTM(ProcessorLSTM):
    """The same, computed by `outputs_without_gradients`; for exported models.

    Keras's own loop also multiplies the inputs in each step.
    """

    def _outputs(self, inputs: tf.Tensor, *weights: tf.Tensor) -> tf.Tensor:
        return outputs_without_gradients(inputs, *weights)


def outputs_without_gradients(
    inputs: tf.Tensor, kernel: tf.Tensor, recurrent_kernel: tf.Tensor, bias: tf.Tensor
) -> tf.Tensor:
    """Returns what `lstm` returns, without its gradients and so without keeping what they need; see there."""
    steps, batch, units = tf.shape(inputs)[0], tf.shape(inputs)[1], recurrent_kernel.shape[0]
    from_inputs, half_recurrent = _products(inputs, kernel, recurrent_kernel, bias)

    def forward(step, output, cell, outputs):
        *_, output, cell = _next(from_inputs[step], half_recurrent, output, cell)
        return step + 1, output, cell, outputs.write(step, tf.cast(output, inputs.dtype))

    zeros = tf.zeros([batch, units], from_inputs.dtype)
    *_, outputs = tf.while_loop(
        lambda step, *_: step < steps,
        forward,
        (tf.constant(0), zeros, zeros, _rows(inputs.dtype, steps, units)),
    )
    return tf.ensure_shape(outputs.stack(), [inputs.shape[0], inputs.shape[1], units])


@tf.custom_gradient
def lstm(inputs: tf.Tensor, kernel: tf.Tensor, recurrent_kernel: tf.Tensor, bias: tf.Tensor):
    """Runs an LSTM (Hochreiter and Schmidhuber 1997) over sequences, from states of zero.

    It computes the same as `keras.layers.LSTM(units, return_sequences=True)` with its default activations, from the
    same weights. On a GPU that layer is one cuDNN kernel, which is much faster. On a CPU it is a loop: each step
    multiplies by both kernels and, in the backward pass, adds to both gradients. Here the loop keeps only what
    depends on the previous step; the products with the inputs and the gradients of the weights are one product
    each over all steps. Measured for two layers of 200 units on 2 cores, forward and backward: 20 µs per token
    against 26 for 100 sentences of 20 words, 25 against 35 for 32 sentences.

    With inputs in bfloat16, the products are in bfloat16 and all else is in float32: a processor has no other
    operations in bfloat16, so that rounding to it takes longer than what it saves. Measured forward and backward, on
    one core with AMX: 20.9 ms instead of 25.6 (200 units, 45 sentences of 22 words), 17.4 instead of 18.6 (256, 22) and
    59 instead of 65 (512, 16 rows of 32), with gradients of half the error.

    Args:
        inputs: [time, batch, features] float, time first.
        kernel: [features, 4 * units], gates in Keras's order: input, forget, candidate, output.
        recurrent_kernel: [units, 4 * units].
        bias: [4 * units].

    Returns:
        [time, batch, units], the output of each step, in the dtype of `inputs`; and, for
        `tf.custom_gradient`, the function of the first gradients.
    """
    outputs, _, gradients = _run(None, None, inputs, kernel, recurrent_kernel, bias)
    return outputs, gradients


@tf.custom_gradient
def lstm_after(
    state: tf.Tensor,
    kept: tf.Tensor,
    inputs: tf.Tensor,
    kernel: tf.Tensor,
    recurrent_kernel: tf.Tensor,
    bias: tf.Tensor,
):
    """Runs an LSTM over sequences that go on, from the state in which an earlier run has left it.

    Two runs, each over half of the steps, return what `lstm` returns of all of them. The gradients differ: none goes
    back into the earlier run (truncated backpropagation through time, Williams and Peng 1990). A row may also hold
    several sequences, one behind the other.

    Args:
        state: [2, batch, units] float32 (float64 for float64), output and cell after the steps before.
        kept: [time, batch, 1] of the same dtype, 0 where a sequence begins, before which the state is zero, else 1.
        inputs: As for `lstm`, like the other arguments.
        kernel: See there.
        recurrent_kernel: See there.
        bias: See there.

    Returns:
        [time, batch, units], the output of each step, in the dtype of `inputs`, and [2, batch, units], the state after
        the last, in that of `state`; and the function of the first gradients.
    """
    outputs, cell, gradients = _run(state, kept, inputs, kernel, recurrent_kernel, bias)
    # By the state after the last step nothing has a gradient.
    return (outputs, tf.stack([precise(outputs[-1]), cell])), lambda upstream, _: (None, None, *gradients(upstream))


def _run(
    state: tf.Tensor | None,
    kept: tf.Tensor | None,
    inputs: tf.Tensor,
    kernel: tf.Tensor,
    recurrent_kernel: tf.Tensor,
    bias: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor, Callable[[tf.Tensor], tuple[tf.Tensor, ...]]]:
    """Returns all outputs, the last cell and the function of the gradients; without a state, from states of zero."""
    steps, batch = tf.shape(inputs)[0], tf.shape(inputs)[1]
    features, units = inputs.shape[2], recurrent_kernel.shape[0]
    from_inputs, half_recurrent = _products(inputs, kernel, recurrent_kernel, bias)
    exact = from_inputs.dtype
    zeros = tf.zeros([batch, units], exact)
    start = [zeros, zeros]
    if state is not None:
        # As many rows as the inputs have in a graph, too: a loop may not lose what is known of its shapes.
        start = tf.unstack(tf.ensure_shape(state[:, :batch], [2, inputs.shape[1], units]))

    def forward(step, output, cell, *history):
        if kept is not None:
            output, cell = (value * kept[step] for value in (output, cell))
        before = cell
        *gates, squashed, output, cell = _next(from_inputs[step], half_recurrent, output, cell)
        values = (*gates, before, squashed, tf.cast(output, inputs.dtype))
        return step + 1, output, cell, *(rows.write(step, value) for rows, value in zip(history, values, strict=True))

    _, _, last, *history, outputs = tf.while_loop(
        lambda step, *_: step < steps,
        forward,
        (
            tf.constant(0),
            *start,
            *(_rows(exact, steps, units) for _ in range(6)),
            _rows(inputs.dtype, steps, units),
        ),
    )
    outputs = tf.ensure_shape(outputs.stack(), [inputs.shape[0], inputs.shape[1], units])

    def gradients(upstream):
        flat, upstream = tf.reshape(inputs, [-1, features]), precise(upstream)
        thin = [tf.cast(weight, inputs.dtype) for weight in (kernel, recurrent_kernel)]

        def backward(step, by_output, by_cell, by_gates):
            enter, forget, candidate, leave, before, squashed = (rows.read(step) for rows in history)
            by_output = by_output + upstream[step]
            by_cell = by_cell + tf.raw_ops.TanhGrad(y=squashed, dy=by_output * leave)
            of_step = tf.concat(
                [
                    tf.raw_ops.SigmoidGrad(y=enter, dy=by_cell * candidate),
                    tf.raw_ops.SigmoidGrad(y=forget, dy=by_cell * before),
                    tf.raw_ops.TanhGrad(y=candidate, dy=by_cell * enter),
                    tf.raw_ops.SigmoidGrad(y=leave, dy=by_output * squashed),
                ],
                axis=1,
            )
            of_step = tf.cast(of_step, inputs.dtype)
            by_output, by_cell = precise(tf.matmul(of_step, thin[1], transpose_b=True)), by_cell * forget
            if kept is not None:
                by_output, by_cell = (value * kept[step] for value in (by_output, by_cell))
            return step - 1, by_output, by_cell, by_gates.write(step, of_step)

        _, _, _, by_gates = tf.while_loop(
            lambda step, *_: step >= 0,
            backward,
            (steps - 1, zeros, zeros, _rows(inputs.dtype, steps, 4 * units)),
        )
        by_gates = tf.reshape(by_gates.stack(), [-1, 4 * units])
        by_inputs = tf.reshape(tf.matmul(by_gates, thin[0], transpose_b=True), tf.shape(inputs))
        if kept is None:
            # The first step's states are zero, so it adds nothing.
            before, by_later = outputs[:-1], by_gates[batch:]
        else:
            first = tf.cast(start[0], inputs.dtype)[tf.newaxis]
            before, by_later = tf.concat([first, outputs[:-1]], axis=0) * tf.cast(kept, inputs.dtype), by_gates
        by_weights = (
            tf.matmul(flat, by_gates, transpose_a=True),
            tf.matmul(tf.reshape(before, [-1, units]), by_later, transpose_a=True),
            # A product with ones, since a sum over rows takes several times as long.
            tf.matmul(tf.ones([1, steps * batch], inputs.dtype), by_gates)[0],
        )
        weights = (kernel, recurrent_kernel, bias)
        return by_inputs, *(tf.cast(value, of.dtype) for value, of in zip(by_weights, weights, strict=True))

    return outputs, last, gradients


def _products(
    inputs: tf.Tensor, kernel: tf.Tensor, recurrent_kernel: tf.Tensor, bias: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns what the gates of all steps get from the inputs, [time, batch, 4 * units], and the recurrent kernel.

    The former is float32 (float64 for float64), the latter has the dtype of the inputs.

    Both are halved for the gates that are sigmoids: sigmoid(x) = tanh(x / 2) / 2 + 1 / 2, and one tanh for all gates
    takes half the time of three sigmoids.
    """
    thin = [tf.cast(weight, inputs.dtype) for weight in (kernel, recurrent_kernel)]
    features, units = inputs.shape[2], recurrent_kernel.shape[0]
    halves = tf.constant([0.5] * units + [0.5] * units + [1.0] * units + [0.5] * units, inputs.dtype)
    products = precise(tf.matmul(tf.reshape(inputs, [-1, features]), thin[0] * halves))
    flat = tf.nn.bias_add(products, tf.cast(bias, products.dtype) * tf.cast(halves, products.dtype))
    return tf.reshape(flat, [tf.shape(inputs)[0], tf.shape(inputs)[1], 4 * units]), thin[1] * halves


def _next(
    from_inputs: tf.Tensor, half_recurrent: tf.Tensor, output: tf.Tensor, cell: tf.Tensor
) -> tuple[tf.Tensor, ...]:
    """Returns the four gates, tanh(cell), the output and the cell of a step, from those of the step before."""
    products = tf.matmul(tf.cast(output, half_recurrent.dtype), half_recurrent)
    gates = tf.tanh(from_inputs + tf.cast(products, from_inputs.dtype))
    enter, forget, candidate, leave = tf.split(gates, 4, axis=1)
    enter, forget, leave = (0.5 * gate + 0.5 for gate in (enter, forget, leave))
    cell = forget * cell + enter * candidate
    squashed = tf.tanh(cell)
    return enter, forget, candidate, leave, squashed, leave * squashed, cell


def _rows(dtype: tf.DType, steps: tf.Tensor, width: int) -> tf.TensorArray:
    """Returns an array of [batch, width] values, one for each step."""
    return tf.TensorArray(dtype, steps, element_shape=[None, width])
