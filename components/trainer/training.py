"""One step of training and of validation: the language model as Keras's `fit` runs it."""

from __future__ import annotations

import itertools

import tensorflow as tf

from ...model import loss
from ...model.devices import on_gpu
from ...model.language_model import LanguageModel
from ...transform.padding import PaddedBatch
from .carried_states import CarriedStates
from .compat import BuiltModel
from .metric import MaskedPerplexity
from .replica_batches import compiles
from .replica_step import apply_reduced, on_all_replicas
from .skipped_steps import SkippedSteps
from .windows import Window


class TrainableLanguageModel(BuiltModel, LanguageModel):
    """A `LanguageModel` that trains on the batches of `input_pipeline`.

    It minimises the loss per real token of the *global* batch. The gradients are summed over the replicas and
    then clipped by their global norm, in this order, so that N replicas take the same step as one device.

    Args:
        clip_norm: The largest global norm of the gradients.
        seed: Seed of the dropout. The dropped units depend on it, on the optimizer's step, on the replica and on
            the share.
        shares: Number of equal shares of a batch's sentences that a device computes side by side. More than one pays
            on a processor: its cores are idle less if each works on its own operations than if all work on one.
        **model: The arguments of `LanguageModel`.
    """

    def __init__(self, clip_norm: float, seed: int, shares: int = 1, **model):
        super().__init__(**model)
        self.shares = shares
        self.clip_norm = clip_norm
        self.seed = seed
        self.perplexity = MaskedPerplexity()
        self.skipped = SkippedSteps()
        self.carried: CarriedStates | None = None

    @property
    def metrics(self) -> list[MaskedPerplexity]:
        """The metrics that Keras resets at the start of an epoch and of a validation; not the skipped steps."""
        return [self.perplexity]

    def carry_states(self, rows: int) -> None:
        """Lets the states of the LSTM layers go on from each `Window` to the next; before the first step.

        Args:
            rows: Rows of a batch of one replica.
        """
        self.carried = CarriedStates(rows, self.state_shape)

    def train_step(self, batch: PaddedBatch | Window) -> dict[str, tf.Tensor]:
        """Takes one optimizer step, or skips it if the loss or the gradient is not finite.

        A skipped step has a gradient of zero, so that the weights stay finite. It does not count in the metrics.

        Args:
            batch: inputs, targets and mask, each [batch, time]; a `Window` after `carry_states`.

        Returns:
            `loss`, `perplexity` and `tokens` since the start of the epoch, and `skipped`, the number of skipped steps.
        """
        inputs, targets, mask, *window = batch
        before: tuple[tf.Tensor, ...] = ()
        if self.carried is not None:
            begins, left = window
            before = (self.carried.read(), begins)
        # Not by the layer, which would first cast the whole matrix to the compute dtype.
        embedded = tf.cast(tf.gather(tf.convert_to_tensor(self.embedding.embeddings), inputs), self.compute_dtype)
        with tf.GradientTape() as tape:
            tape.watch(embedded)
            sums, states = self._sums(embedded, targets, mask, self._dropout_seed(), *before)
        variables = self.trainable_variables
        *gradients, by_embedded = tape.gradient(sums.nll, [*(variable.value for variable in variables), embedded])
        embedding = [variable is self.embedding.embeddings for variable in variables].index(True)
        gradients[embedding] = self._with_embedded(gradients[embedding], inputs, by_embedded)
        gradients, sums = self._clipped_mean(gradients, sums)
        apply_reduced(self.optimizer, gradients, variables)
        if self.carried is not None:
            self.carried.keep(states, left)
        self.perplexity.update_state(sums)
        return {**self.perplexity.result(), **self.skipped.result()}

    def test_step(self, batch: PaddedBatch) -> dict[str, tf.Tensor]:
        """Scores a batch without dropout; arguments and result as in `train_step`."""
        sums = loss.LossSums.empty()
        for inputs, targets, mask in self._dealt(*batch):
            hidden = self.hidden(inputs)
            if self.static_shapes:
                sums = sums.merge(loss.reference(self.softmax.log_probabilities(hidden), targets, mask))
            else:
                nll = self.softmax.nll(hidden, targets, mask)
                sums = sums.merge(loss.LossSums(tf.reduce_sum(nll), tf.reduce_sum(mask)))
        self.perplexity.update_state(loss.LossSums(*loss.all_replicas(list(sums))))
        return self.perplexity.result()

    def make_train_function(self, force: bool = False) -> None:
        """Makes what `fit` calls for each training step."""
        if self.distribute_strategy.num_replicas_in_sync == 1:
            super().make_train_function(force)
        elif force or getattr(self, "train_function", None) is None:
            self.train_function = on_all_replicas(self.distribute_strategy, self.train_step)

    def make_test_function(self, force: bool = False) -> None:
        """Makes what `fit` and `evaluate` call for each validation step."""
        if self.distribute_strategy.num_replicas_in_sync == 1:
            super().make_test_function(force)
        elif force or getattr(self, "test_function", None) is None:
            self.test_function = on_all_replicas(self.distribute_strategy, self.test_step)

    @property
    def static_shapes(self) -> bool:
        """Whether XLA compiles the steps: it cannot leave the padding out of the logits."""
        return self.jit_compile or compiles(self.distribute_strategy)

    def _sums(
        self,
        embedded: tf.Tensor,
        targets: tf.Tensor,
        mask: tf.Tensor,
        seed: tf.Tensor | None,
        *before: tf.Tensor,
    ) -> tuple[loss.LossSums, tf.Tensor | None]:
        """Returns the sums of a batch, from its embedded inputs [batch, time, embedding_units], and the new states.

        `before` are the states and beginnings that `hidden_of_more` takes, or nothing.
        """
        hidden, after = [], []
        for share, (part, *of_share) in enumerate(self._dealt(embedded, *before)):
            own_seed = None if seed is None else tf.random.experimental.stateless_fold_in(seed, share)
            if of_share:
                states, begins = of_share
                part, state = self.hidden_of_more(part, states, begins, own_seed)
                after.append(state)
            else:
                part = self.hidden_of(part, own_seed)
            hidden.append(part)
        # One loss, since each would have a gradient as large as the output layer.
        whole = tf.concat(hidden, axis=0)
        if self.static_shapes:
            sums = loss.reference(self.softmax.log_probabilities(whole), targets, mask)
        else:
            sums = self.softmax.loss_sums(whole, targets, mask, shares=self.shares)
        return sums, tf.concat(after, axis=0) if after else None

    def _dealt(self, *batch: tf.Tensor) -> list[tuple[tf.Tensor, ...]]:
        """Returns the shares of [batch, ...] tensors; with fewer sentences than shares, some have none."""
        if self.shares == 1:
            return [batch]
        sentences = tf.shape(batch[0])[0]
        cuts = [sentences * index // self.shares for index in range(self.shares + 1)]
        sizes = tf.stack([end - begin for begin, end in itertools.pairwise(cuts)])
        # Not slices, whose gradients would each be as large as the batch.
        return list(zip(*(tf.split(tensor, sizes, num=self.shares) for tensor in batch), strict=True))

    def _with_embedded(self, gradient: tf.Tensor | None, inputs: tf.Tensor, by_embedded: tf.Tensor) -> tf.Tensor:
        """Adds the gradient by the embedded inputs to the one that a tied matrix has as the projection, in place.

        On its own it would be as large again, most of it zeros.
        """
        shape = self.embedding.embeddings.shape
        rows = tf.cast(tf.reshape(by_embedded, [-1, shape[1]]), tf.float32)
        ids = tf.reshape(tf.cast(inputs, tf.int32), [-1])
        if gradient is None:
            return tf.math.unsorted_segment_sum(rows, ids, shape[0])
        if self.static_shapes:
            return tf.tensor_scatter_nd_add(gradient, ids[:, None], rows)
        if on_gpu():
            # How many ids there are is known on the GPU alone, and the processor would have to wait for it.
            return gradient + tf.math.unsorted_segment_sum(rows, ids, shape[0])
        # Each id once: several threads that added to one row would lose some of it.
        once, index = tf.unique(ids)
        rows = tf.math.unsorted_segment_sum(rows, index, tf.size(once))
        return tf.raw_ops.InplaceAdd(x=gradient, i=once, v=rows)

    def _clipped_mean(self, gradients: list[tf.Tensor], sums: loss.LossSums) -> tuple[list[tf.Tensor], loss.LossSums]:
        """Returns the gradients of the loss per token of the global batch, from those of this replica's sum.

        The sums of the global batch are returned, too. Dividing and clipping are one product: each more would be a
        pass over all weights. All are zero if one of them is not finite, or if there is no real token, as where all
        rows of a window read their context.
        """
        *gradients, nll, tokens = loss.all_replicas([*gradients, *sums])
        # One number that is not finite, in whatever gradient, makes the norm not finite; without tokens it is NaN.
        norm = tf.linalg.global_norm(gradients) / tokens
        taken = tf.math.is_finite(norm + nll)
        self.skipped.update_state(taken | (tokens == 0.0), self.optimizer.iterations.value, tokens, nll)
        scale = tf.where(taken, tf.minimum(1.0, self.clip_norm / norm) / tokens, 0.0)
        nll, tokens = (tf.where(taken, value, tf.zeros_like(value)) for value in (nll, tokens))
        # Not `*`, since NaN * 0 is NaN.
        return [tf.math.multiply_no_nan(gradient, scale) for gradient in gradients], loss.LossSums(nll, tokens)

    def _dropout_seed(self) -> tf.Tensor | None:
        if self.dropout == 0.0:
            return None
        context = tf.distribute.get_replica_context()
        replica = context.replica_id_in_sync_group if context is not None else 0
        step = tf.cast(self.optimizer.iterations.value, tf.int32)
        return tf.random.experimental.stateless_fold_in(tf.stack([self.seed, step]), replica)
