"""One step of training and of validation: the language model as Keras's `fit` runs it."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from ...transform.padding import PaddedBatch
from . import loss
from .metric import MaskedPerplexity
from .model import LanguageModel
from .replica_batches import compiles
from .replica_step import apply_reduced, on_all_replicas


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

    # What Keras keeps the functions of the steps in.
    train_function: Any
    test_function: Any

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
            if self.static_shapes:
                sums = loss.reference(self.project(hidden), targets, mask)
            else:
                sums = loss.chunked(hidden, targets, mask, *self.output_weights())
        variables = self.trainable_variables
        gradients = tape.gradient(sums.nll, [variable.value for variable in variables])
        gradients, sums = self._clipped_mean(gradients, sums)
        apply_reduced(self.optimizer, gradients, variables)
        self.perplexity.update_state(sums)
        return self.perplexity.result()

    def test_step(self, batch: PaddedBatch) -> dict[str, tf.Tensor]:
        """Scores a batch without dropout; arguments and result as in `train_step`."""
        inputs, targets, mask = batch
        hidden = self.hidden(inputs)
        if self.static_shapes:
            sums = loss.reference(self.project(hidden), targets, mask)
        else:
            nll = loss.scores(hidden, targets, mask, self.project, self.vocabulary_size)
            sums = loss.LossSums(tf.reduce_sum(nll), tf.reduce_sum(mask))
        self.perplexity.update_state(loss.LossSums(*loss.all_replicas(list(sums))))
        return self.perplexity.result()

    def make_train_function(self, force: bool = False) -> None:
        """Makes what `fit` calls for each training step."""
        if self.distribute_strategy.num_replicas_in_sync == 1:
            super().make_train_function(force)
        elif self.train_function is None or force:
            self.train_function = on_all_replicas(self.distribute_strategy, self.train_step)

    def make_test_function(self, force: bool = False) -> None:
        """Makes what `fit` and `evaluate` call for each validation step."""
        if self.distribute_strategy.num_replicas_in_sync == 1:
            super().make_test_function(force)
        elif self.test_function is None or force:
            self.test_function = on_all_replicas(self.distribute_strategy, self.test_step)

    def _maybe_symbolic_build(self, iterator=None, data_batch=None) -> None:
        """Does nothing: Keras would read a batch to make variables from, which are there, and fail on a worker."""

    @property
    def static_shapes(self) -> bool:
        """Whether XLA compiles the steps: it cannot leave the padding out of the logits."""
        return self.jit_compile or compiles(self.distribute_strategy)

    def _clipped_mean(
        self, gradients: list[tf.Tensor | tf.IndexedSlices], sums: loss.LossSums
    ) -> tuple[list[tf.Tensor], loss.LossSums]:
        """Returns the gradients of the loss per token of the global batch, from those of this replica's sum.

        And the sums of the global batch. Dividing and clipping are one product: each more would be a pass over all
        weights.
        """
        # Dense, since the norm of IndexedSlices is not that of the gradient where an id occurs twice.
        *gradients, nll, tokens = loss.all_replicas([*map(tf.convert_to_tensor, gradients), *sums])
        norm = tf.linalg.global_norm(gradients) / tokens
        scale = tf.minimum(1.0, self.clip_norm / norm) / tokens
        return [gradient * scale for gradient in gradients], loss.LossSums(nll, tokens)

    def _dropout_seed(self) -> tf.Tensor | None:
        if self.dropout == 0.0:
            return None
        context = tf.distribute.get_replica_context()
        replica = context.replica_id_in_sync_group if context is not None else 0
        step = tf.cast(self.optimizer.iterations.value, tf.int32)
        return tf.random.experimental.stateless_fold_in(tf.stack([self.seed, step]), replica)
