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
        seed: Seed of the dropout. What is dropped depends on it, on the optimizer's step and on the replica.
        **model: The arguments of `LanguageModel`.
    """

    def __init__(self, clip_norm: float, seed: int, **model):
        super().__init__(**model)
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
        with tf.GradientTape() as tape:
            hidden = self.hidden(inputs, seed=self._dropout_seed())
            sums = self.softmax.loss_sums(hidden, targets, mask)
            objective = loss.objective(sums)
        variables = self.trainable_variables
        # Dense, since the norm of IndexedSlices is not that of the gradient where an id occurs twice.
        gradients = [tf.convert_to_tensor(g) for g in tape.gradient(objective, [v.value for v in variables])]
        gradients, _ = tf.clip_by_global_norm(loss.all_replicas(gradients), self.clip_norm)
        # Keras adds the gradients of the replicas up; these are the global ones already.
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        self.optimizer.apply([g / replicas for g in gradients] if replicas > 1 else gradients, variables)
        self.perplexity.update_state(sums)
        return self.perplexity.result()

    def test_step(self, batch: PaddedBatch) -> dict[str, tf.Tensor]:
        """Scores a batch without dropout; arguments and result as in `train_step`."""
        inputs, targets, mask = batch
        hidden = self.hidden(inputs)
        nll = self.softmax.nll(hidden, targets, mask)
        self.perplexity.update_state(loss.LossSums(tf.reduce_sum(nll), tf.reduce_sum(mask)))
        return self.perplexity.result()

    def _dropout_seed(self) -> tf.Tensor | None:
        if self.dropout == 0.0:
            return None
        context = tf.distribute.get_replica_context()
        replica = context.replica_id_in_sync_group if context is not None else 0
        step = tf.cast(self.optimizer.iterations.value, tf.int32)
        return tf.random.experimental.stateless_fold_in(tf.stack([self.seed, step]), replica)
