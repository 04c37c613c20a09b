"""Answers of an exported model, and the same model computed in numpy."""

import numpy as np
import tensorflow as tf
from helpers.examples import text_example

LINES = [
    "The cat sees the sun.",
    "",
    "A dog likes a zebra and a giraffe",
    "my sister eats bread and butter. My sister eats bread and butter. My sister eats.",
    "a literal <pad> and </s> and <unk>",
]


def answers(model, name, **inputs):
    """Calls a signature; returns its outputs as arrays."""
    found = model.signatures[name](**{key: tf.constant(value) for key, value in inputs.items()})
    return {key: value.numpy() for key, value in found.items()}


def examples(lines):
    """Returns serialized examples with these lines."""
    return [text_example(line) for line in lines]


def numpy_projected(parameters, inputs, residual=False):
    """[time, width]: the states before the projection in numpy, from the exported variables, for one line of ids.

    The first layer, whose input has another width, has no residual connection.
    """

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    states = parameters["embedding/embeddings"][inputs]
    for layer in ("lstm_0", "lstm_1"):
        kernel, recurrent, bias = (
            parameters[f"{layer}/lstm_cell/{name}"] for name in ("kernel", "recurrent_kernel", "bias")
        )
        h = c = np.zeros(recurrent.shape[0])
        outputs = []
        for step in states:
            i, f, g, o = np.split(step @ kernel + h @ recurrent + bias, 4)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
            outputs.append(h)
        states = np.array(outputs) + (states if residual and layer == "lstm_1" else 0)
    return states @ parameters["adapter/kernel"]


def numpy_log_softmax(logits):
    logits = logits - logits.max(axis=1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def numpy_log_probabilities(parameters, inputs):
    """[time, vocabulary]: the whole model in numpy, for one line of input ids."""
    projected = numpy_projected(parameters, inputs) @ parameters["embedding/embeddings"].T
    return numpy_log_softmax(projected + parameters["output_bias"])
