"""One step of training and of validation: the language model as Keras's `fit` runs it."""

from __future__ import annotations

import tensorflow as tf

from ...transform.padding import PaddedBatch
from . import loss
from .metric import MaskedPerplexity
from .model import LanguageModel


class TrainableLanguageModel(LanguageModel):
    """A `LanguageModel` that trains on the batches of `input_pipeline`.

    The value that is minimised is the loss per real token of the *global* batch; the gradients are summed
    over the replicas and then clipped by their global norm, in this order, so that N replicas take the step
    that one device would.

    Args:
        clip_norm: The largest global norm of the gradients.
        seed: Seed of the dropout. What is dropped depends on it, on the optimizer's step, on the replica and on
            the share.
        shares: Into how many shares of like size a batch's sentences are dealt, which a device computes side by
            side. More than one pays on a processor, whose cores are idle less if each has operations of its own
            than if all work on one operation.
        **model: The arguments of `LanguageModel`.
    """

    def __init__(self, clip_norm: float, seed: int, shares: int = 1, **model):
        super().__init__(**model)
        self.shares = shares
        self.clip_norm = clip_norm
        self.seed = seed
        self.perplexity = MaskedPerplexity()

    @property
    def metrics(self) -> list[MaskedPerplexity]:
        """The metrics that Keras resets at the start of an epoch and of a validation."""
        return [self.perplexity]

    def train_step(self, batch: PaddedBatch) -> dict[str, tf.Tensor]:
        """Takes one optimizer step.

        Args:
            batch: inputs, targets and mask, each [batch, time].

        Returns:
            `loss`, `perplexity` and `tokens` since the start of the epoch.
        """
        inputs, targets, mask = batch
        embedded = self.embedding(inputs)
        with tf.GradientTape() as tape:
            tape.watch(embedded)
            sums = self._sums(embedded, targets, mask, self._dropout_seed())
        variables = self.trainable_variables
        *gradients, by_embedded = tape.gradient(
            sums.nll,
            [*(variable.value for variable in variables), embedded],
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )
        # Into the gradient that the tied matrix has as the projection: on its own it would be as large again.
        embedding = [variable is self.embedding.embeddings for variable in variables].index(True)
        gradients[embedding] = tf.tensor_scatter_nd_add(
            gradients[embedding], inputs[..., None], tf.cast(by_embedded, gradients[embedding].dtype)
        )
        gradients = self._clipped_mean(gradients, sums.tokens)
        # Keras adds the gradients of the replicas up; these are the global ones already.
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        self.optimizer.apply([g / replicas for g in gradients] if replicas > 1 else gradients, variables)
        self.perplexity.update_state(sums)
        return self.perplexity.result()

    def test_step(self, batch: PaddedBatch) -> dict[str, tf.Tensor]:
        """Scores a batch without dropout; arguments and result as in `train_step`."""
        for inputs, targets, mask in self._dealt(*batch):
            nll = self.softmax.nll(self.hidden(inputs), targets, mask)
            self.perplexity.update_state(loss.LossSums(tf.reduce_sum(nll), tf.reduce_sum(mask)))
        return self.perplexity.result()

    def _sums(self, embedded: tf.Tensor, targets: tf.Tensor, mask: tf.Tensor, seed: tf.Tensor | None) -> loss.LossSums:
        """Returns the sums of a batch, from its embedded inputs [batch, time, embedding_units]."""
        sums = loss.LossSums.empty()
        for share, (part, wanted, real) in enumerate(self._dealt(embedded, targets, mask)):
            own_seed = None if seed is None else tf.random.experimental.stateless_fold_in(seed, share)
            hidden = self.hidden_of(part, own_seed)
            sums = sums.merge(self.softmax.loss_sums(hidden, wanted, real))
        return sums

    def _dealt(self, *batch: tf.Tensor) -> list[tuple[tf.Tensor, ...]]:
        """Returns the shares of [batch, ...] tensors; with fewer sentences than shares, some have none."""
        if self.shares == 1:
            return [batch]
        sentences = tf.shape(batch[0])[0]
        cuts = [sentences * index // self.shares for index in range(self.shares + 1)]
        return [tuple(tensor[cuts[i] : cuts[i + 1]] for tensor in batch) for i in range(self.shares)]

    def _clipped_mean(self, gradients: list[tf.Tensor], tokens: tf.Tensor) -> list[tf.Tensor]:
        """Returns the gradients of the loss per token of the global batch, from those of this replica's sum.

        Dividing and clipping are one product: each more would be a pass over all weights.
        """
        *gradients, tokens = loss.all_replicas([*gradients, tokens])
        norm = tf.linalg.global_norm(gradients) / tokens
        scale = tf.minimum(1.0, self.clip_norm / norm) / tokens
        return [gradient * scale for gradient in gradients]

    def _dropout_seed(self) -> tf.Tensor | None:
        if self.dropout == 0.0:
            return None
        context = tf.distribute.get_replica_context()
        replica = context.replica_id_in_sync_group if context is not None else 0
        step = tf.cast(self.optimizer.iterations.value, tf.int32)
        return tf.random.experimental.stateless_fold_in(tf.stack([self.seed, step]), replica)
