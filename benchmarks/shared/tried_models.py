"""Layers that the package does not have, for a training only: the exported model lacks them."""

import tensorflow as tf
from tfx_lm.components.trainer.training import TrainableLanguageModel

# Share of the words that a step drops; see `WordDropout`.
DROPPED_WORDS = 0.1
# Sets the seed of the words apart from those of the layers' dropout.
WORDS_SITE = 1000


class WordDropout(TrainableLanguageModel):
    """Drops words of the input, each with all of its embedding."""

    def hidden_of(self, embedded: tf.Tensor, seed: tf.Tensor | None = None) -> tf.Tensor:
        """The states before the projection; see `LanguageModel`."""
        if seed is not None:
            words_seed = tf.random.experimental.stateless_fold_in(seed, WORDS_SITE)
            kept = tf.random.stateless_uniform(tf.shape(embedded)[:2], words_seed) >= DROPPED_WORDS
            embedded *= tf.cast(kept, embedded.dtype)[..., None] / (1 - DROPPED_WORDS)
        return super().hidden_of(embedded, seed)


class LayerNorm(TrainableLanguageModel):
    """Normalises the output of each LSTM layer over its units, without a gain and a bias."""

    def hidden_of(self, embedded: tf.Tensor, seed: tf.Tensor | None = None) -> tf.Tensor:
        """The states before the projection; see `LanguageModel`."""
        states = self._drop(embedded, seed, 0)
        for index, layer in enumerate(self.recurrent, start=1):
            states = layer(states)
            mean, variance = tf.nn.moments(states, axes=[-1], keepdims=True)
            states = self._drop((states - mean) * tf.math.rsqrt(variance + 1e-5), seed, index)
        return states
