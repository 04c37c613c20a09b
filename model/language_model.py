"""The language model: embedding, stacked LSTM, projection to the vocabulary."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from .adaptive import AdaptiveSoftmax
from .lstm import ServingLSTM
from .options import TrainerOptions
from .softmax import FullSoftmax

_DEFAULTS = TrainerOptions()


class LanguageModel(keras.Model):
    """Embedding → dropout → (LSTM → dropout) for each layer → projection to the vocabulary.

    **Residual connections.** With `residual`, what enters an LSTM layer is added to what leaves it (He et al. 2015,
    https://arxiv.org/abs/1512.03385; for stacked LSTM layers Wu et al. 2016, https://arxiv.org/abs/1609.08144), if both
    have the same width: of the first layer, only if `embedding_units` is `units`. The worked example: if a layer of 2
    units returns `[0.5, -0.25]` at a step whose input is `[1, 2]`, then `[1.5, 1.75]` goes on. In training, both are
    what dropout has left.

    **Masking.** The model takes no mask. It is causal and its input is padded on the right, so that padding
    cannot reach a real step; only the loss leaves the padded steps out. An LSTM without a mask, with its
    default activations and a bias, without recurrent dropout and not unrolled, runs as one cuDNN kernel on
    a GPU.

    **Tied weights.** With `tied_embedding` the output projection is the embedding matrix transposed, plus a
    separate bias (Press and Wolf 2017, https://arxiv.org/abs/1608.05859). If `embedding_units` differs
    from `units`, a small linear layer without a bias maps the last states to `embedding_units` first.

    **Dropout** depends on the seed given with each call, not on a hidden generator, so a resumed training drops
    the same units as an uninterrupted one.

    Args:
        vocabulary_size: Number of ids, the four reserved ones included.
        embedding_units: Width of the embedding.
        units: Width of each LSTM layer.
        layers: Number of LSTM layers, ≥ 1.
        dropout: Fraction of the units dropped after the embedding and after each LSTM layer, in training
            only.
        variational_dropout: Whether all steps of a sentence drop the same units (Gal and Ghahramani 2016,
            https://arxiv.org/abs/1512.05287, for the connections between layers).
        residual: Whether the input of each LSTM layer is added to its output, if both have the same width.
        tied_embedding: Whether embedding and output projection share their weights.
        adaptive_cutoffs: The ids at which the clusters of an adaptive softmax begin; empty for a softmax over the
            whole vocabulary.
        use_cudnn: "auto" uses cuDNN if there is a GPU; False never does, so that the graph runs anywhere.
        lstm_layer: The class of the LSTM layers.

    Raises:
        ValueError: Keras computes with another library than TensorFlow.

    Call arguments:
        inputs: [batch, time] int32 or int64 ids, right-padded.

    Returns of a call:
        [batch, time, vocabulary_size] float32 logits, normalised: they are log-probabilities. The loss does not
        need them all: see `hidden` and `softmax`.

    Example:
        >>> model = LanguageModel(vocabulary_size=12, embedding_units=4, units=8, layers=2)
        >>> model(tf.constant([[2, 7, 9, 0, 0]])).shape
        TensorShape([1, 5, 12])
    """

    def __init__(
        self,
        vocabulary_size: int,
        embedding_units: int,
        units: int,
        layers: int = _DEFAULTS.layers,
        dropout: float = _DEFAULTS.dropout,
        variational_dropout: bool = _DEFAULTS.variational_dropout,
        residual: bool = _DEFAULTS.residual,
        tied_embedding: bool = _DEFAULTS.tied_embedding,
        adaptive_cutoffs: tuple[int, ...] = (),
        use_cudnn: bool | str = "auto",
        lstm_layer: type[keras.layers.LSTM] = keras.layers.LSTM,
        **kwargs,
    ):
        if keras.config.backend() != "tensorflow":
            raise ValueError(
                f"Keras computes with {keras.config.backend()}, and this model with TensorFlow alone; set "
                "KERAS_BACKEND=tensorflow in the environment before Keras is imported"
            )
        super().__init__(**kwargs)
        self.architecture: dict[str, Any] = {
            "vocabulary_size": vocabulary_size,
            "embedding_units": embedding_units,
            "units": units,
            "layers": layers,
            "residual": residual,
            "tied_embedding": tied_embedding,
            "adaptive_cutoffs": adaptive_cutoffs,
        }
        self.vocabulary_size = vocabulary_size
        self.dropout = dropout
        self.variational_dropout = variational_dropout
        self.residual = residual
        # By layer. Not by the shapes of its tensors, which a graph need not know.
        self.joins = [residual and width == units for width in [embedding_units] + [units] * (layers - 1)]
        self.tied_embedding = tied_embedding
        policy = self.dtype_policy
        # A tied matrix is also the output projection, whose logits should start near 0 for any width.
        self.embedding = keras.layers.Embedding(
            vocabulary_size,
            embedding_units,
            keras.initializers.RandomUniform(-0.1, 0.1),
            dtype=policy,
            name="embedding",
        )
        self.recurrent = [
            lstm_layer(units, return_sequences=True, use_cudnn=use_cudnn, dtype=policy, name=f"lstm_{index}")
            for index in range(layers)
        ]
        self.adapter = None
        if tied_embedding and embedding_units != units:
            self.adapter = keras.layers.Dense(embedding_units, use_bias=False, dtype=policy, name="adapter")
        self._build_all(embedding_units, units)
        self.softmax = self._build_softmax(adaptive_cutoffs)

    def _build_all(self, embedding_units: int, units: int) -> None:
        """Makes every variable now, so that they can be restored and counted before the first batch."""
        self.embedding.build((None, None))
        width = embedding_units
        for layer in self.recurrent:
            layer.build((None, None, width))
            width = units
        if self.adapter is not None:
            self.adapter.build((None, units))
        self.output_kernel: Any = None
        if not self.tied_embedding:
            self.output_kernel = self.add_weight(
                shape=(self.vocabulary_size, units), initializer="glorot_uniform", name="output_kernel"
            )
        self.output_bias = self.add_weight(shape=(self.vocabulary_size,), initializer="zeros", name="output_bias")
        self.built = True

    def _build_softmax(self, cutoffs: tuple[int, ...]) -> FullSoftmax | AdaptiveSoftmax:
        """Returns the layer that turns states into probabilities; it adds variables if it needs some."""
        kernel = self.embedding.embeddings if self.output_kernel is None else self.output_kernel
        if not cutoffs:
            return FullSoftmax(kernel, self.output_bias)
        clusters = len(cutoffs)
        return AdaptiveSoftmax(
            kernel,
            self.output_bias,
            self.add_weight(shape=(clusters, kernel.shape[1]), initializer="zeros", name="cluster_kernel"),
            self.add_weight(shape=(clusters,), initializer="zeros", name="cluster_bias"),
            cutoffs,
        )

    def hidden(self, inputs: tf.Tensor, seed: tf.Tensor | None = None) -> tf.Tensor:
        """The states before the projection.

        Args:
            inputs: [batch, time] int32 or int64 ids, right-padded.
            seed: [2] int32, the seed of this step's dropout; None for no dropout (validation, scoring).

        Returns:
            [batch, time, width] in the compute dtype, the width that `softmax` takes. The state at
            step t depends on inputs 0 … t only.

        Raises:
            ValueError: if `inputs` is not a matrix.
        """
        if inputs.shape.rank != 2:
            raise ValueError(f"inputs has shape {inputs.shape}: must be [batch, time]")
        return self.hidden_of(self.embedding(inputs), seed)

    def hidden_of(self, embedded: tf.Tensor, seed: tf.Tensor | None = None) -> tf.Tensor:
        """The states before the projection, from the embedded inputs [batch, time, embedding_units]; see `hidden`."""
        states = self._drop(embedded, seed, 0)
        for index, layer in enumerate(self.recurrent):
            states = self._joined(index, states, self._drop(layer(states), seed, index + 1))
        return states if self.adapter is None else self.adapter(states)

    def hidden_of_more(
        self, embedded: tf.Tensor, states: tf.Tensor, begins: tf.Tensor, seed: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The states before the projection of rows that go on, for training; no gradient goes back into `states`.

        Only with LSTM layers that have a method `after`, as `ProcessorLSTM` and `GpuLSTM`.

        Args:
            embedded: [batch, time, embedding_units], the embedded inputs.
            states: [batch, layers, 2, units] float32, output and cell of each layer after the steps before.
            begins: [batch, time] bool, True at steps before which the state is set to zero; on a GPU only the first
                steps are looked at.
            seed: As for `hidden`.

        Returns:
            [batch, time, width], as `hidden_of`, and the new [batch, layers, 2, units].
        """
        entering, after = self._drop(embedded, seed, 0), []
        for index, layer in enumerate(self.recurrent):
            outputs, state = layer.after(entering, states[:, index], begins)
            after.append(state)
            entering = self._joined(index, entering, self._drop(outputs, seed, index + 1))
        return entering if self.adapter is None else self.adapter(entering), tf.stack(after, axis=1)

    @property
    def state_shape(self) -> tuple[int, int, int]:
        """[layers, 2, units]: what the LSTM layers carry from step to step, of one row; see `hidden_after`."""
        return self.architecture["layers"], 2, self.architecture["units"]

    def hidden_after(self, inputs: tf.Tensor, states: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The state before the projection after some more steps, without going over those before again.

        `hidden([[2, 7, 9]])[:, -1]` is what `hidden_after([[2, 7, 9]], zeros)` returns, and so does
        `hidden_after([[9]], states)` with the states of `hidden_after([[2, 7]], zeros)`.

        Args:
            inputs: [batch, time] int32 or int64 ids, not padded: every row has `time` real steps, ≥ 1.
            states: [batch, layers, 2, units] float, output and cell of each layer after the steps before; zeros
                before the first.

        Returns:
            [batch, width], the width that `softmax` takes, and the new [batch, layers, 2, units].
        """
        embedded = tf.transpose(self.embedding(inputs), [1, 0, 2])

        def advance(before: tuple[tf.Tensor, tf.Tensor], entering: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            advanced = []
            for index, layer in enumerate(self.recurrent):
                output, (_, cell) = layer.cell(entering, [before[1][:, index, 0], before[1][:, index, 1]])
                advanced.append(tf.stack([output, cell], axis=1))
                entering = self._joined(index, entering, output)
            return tf.ensure_shape(entering, before[0].shape), tf.ensure_shape(tf.stack(advanced, axis=1), states.shape)

        nothing = tf.zeros([tf.shape(states)[0], self.architecture["units"]], embedded.dtype)
        last, states = tf.foldl(advance, embedded, (nothing, states))
        return (last if self.adapter is None else self.adapter(last)), states

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns the log-probabilities at every position; see the class."""
        states = self.hidden(inputs)
        shape = tf.shape(states)
        flat = self.softmax.log_probabilities(tf.reshape(states, [-1, states.shape[-1]]))
        found = tf.reshape(flat, [shape[0], shape[1], self.vocabulary_size])
        return tf.ensure_shape(found, [*inputs.shape, self.vocabulary_size])

    def start_from_frequencies(self, counts: np.ndarray) -> None:
        """Sets the output biases so that the untrained model predicts like a unigram model.

        It spares the first hundreds of steps, in which a model with zero biases learns nothing but this.

        Args:
            counts: [vocabulary_size], how often each id is a target in the training data. One is added to
                each, so that no logit is infinite.
        """
        self.softmax.start_from_frequencies(counts)

    def for_serving(self) -> LanguageModel:
        """Returns a copy in float32 whose graph has no cuDNN kernel, so that it runs on every device."""
        # Keras would number the names within a process, and they are saved.
        copy = LanguageModel(
            **self.architecture, use_cudnn=False, lstm_layer=ServingLSTM, dtype="float32", name="language_model"
        )
        for mine, other in zip(self.weights, copy.weights, strict=True):
            other.assign(tf.cast(mine.value, tf.float32))
        return copy

    def _joined(self, index: int, entering: tf.Tensor, leaving: tf.Tensor) -> tf.Tensor:
        """Returns what goes on from an LSTM layer: its output, with its input added by a residual connection."""
        return entering + leaving if self.joins[index] else leaving

    def _drop(self, states: tf.Tensor, seed: tf.Tensor | None, site: int) -> tf.Tensor:
        if seed is None or self.dropout == 0.0:
            return states
        site_seed = tf.random.experimental.stateless_fold_in(seed, site)
        shape = tf.shape(states)
        if self.variational_dropout:
            shape = tf.stack([shape[0], 1, shape[2]])
        # `tf.nn.experimental.stateless_dropout` takes twice as long: it draws as many bits again and selects, which is
        # slower than a product; and in bfloat16 it draws from 128 numbers only.
        size = tf.reduce_prod(shape)
        drawn = tf.random.stateless_uniform([(size + 1) // 2], site_seed, minval=None, maxval=None, dtype=tf.uint32)
        halves = tf.reshape(tf.reshape(tf.bitcast(drawn, tf.uint16), [-1])[:size], shape)
        dropped = min(round(self.dropout * 2**16), 2**16 - 1)
        kept = tf.cast(halves >= tf.constant(dropped, tf.uint16), states.dtype)
        return states * (kept * tf.constant(1 / (1 - dropped / 2**16), states.dtype))
