"""The losses of a sentence's tokens, added in the exported model."""

import math

import numpy as np
import tensorflow as tf
from tfx_lm.model.serving_signatures import sum_of_tokens


def test_a_sentence_has_the_same_sum_however_far_its_batch_is_padded():
    nll = np.random.default_rng(1).uniform(0, 12, (200, 37)).astype(np.float32)
    exact = [np.float32(math.fsum(row)) for row in nll.tolist()]
    in_float32 = []
    for padding in (0, 1, 27, 219):
        padded = tf.constant(np.pad(nll, [(0, 0), (0, padding)]))
        sums = sum_of_tokens(padded)
        assert sums.dtype == tf.float32
        assert sums.numpy().tolist() == exact
        in_float32.append(tf.reduce_sum(padded, axis=1).numpy().tolist())
    # What it is for.
    assert in_float32[0] != in_float32[-1]
