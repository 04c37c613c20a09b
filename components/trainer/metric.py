"""The Keras metric of the training loop: sums first, one division, `exp` last."""

from __future__ import annotations

import keras
import tensorflow as tf

from ...model.loss import LossSums


class MaskedPerplexity(keras.metrics.Metric):
    """Mean loss and perplexity per real token, over all batches since the last reset.

    The state is two sums in float64, so that batches of any size weigh by their real tokens, and adding
    billions of tokens loses none. The loss has already applied the mask: `LossSums` hold nothing of the padding.
    Under a distribution strategy every replica must add the sums of the *global* batch: the result is then the
    same on all replicas, never that of a replica without a token, and needs no communication.

    `result()` is a mapping, which Keras takes into its logs as it is:
        `loss`: Σ nll / Σ tokens, nats per token.
        `perplexity`: exp(loss); not clipped, since whoever decides by it must see a blow-up.
        `tokens`: Σ tokens.
    `loss` and `perplexity` of no tokens are NaN.

    Example:
        >>> metric = MaskedPerplexity()
        >>> metric.update_state(LossSums(tf.constant(6.0), tf.constant(3.0)))
        >>> metric.update_state(LossSums(tf.constant(1.0), tf.constant(1.0)))
        >>> float(metric.result()["loss"])
        1.75
    """

    def __init__(self, name: str = "masked_perplexity"):
        super().__init__(name=name, dtype="float64")
        self.nll = self.add_variable((), "zeros", dtype="float64", aggregation="only_first_replica", name="nll")
        self.tokens = self.add_variable((), "zeros", dtype="float64", aggregation="only_first_replica", name="tokens")

    def update_state(self, sums: LossSums) -> None:
        """Adds the sums of a batch."""
        self.nll.assign_add(tf.cast(sums.nll, tf.float64))
        self.tokens.assign_add(tf.cast(sums.tokens, tf.float64))

    def result(self) -> dict[str, tf.Tensor]:
        """Returns the mapping described in the class."""
        nll, tokens = tf.convert_to_tensor(self.nll), tf.convert_to_tensor(self.tokens)
        loss = nll / tokens
        return {"loss": loss, "perplexity": tf.exp(loss), "tokens": tokens}
