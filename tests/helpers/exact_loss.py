"""The loss of each token in float64, by its definition."""

import numpy as np


def numpy_nll(logits, targets):
    """Minus log softmax(logits)[target], [...], for logits [..., vocabulary]."""
    logits = np.asarray(logits, np.float64)
    log_sums = np.log(np.sum(np.exp(logits - logits.max(-1, keepdims=True)), -1)) + logits.max(-1)
    return log_sums - np.take_along_axis(logits, np.asarray(targets)[..., None], -1)[..., 0]
