"""The Transform graph at serving time: raw text to the very ids that the model was trained on."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf
import tensorflow_transform as tft

from ..transform.pieces import holds_pieces
from ..transform.preprocessing import CONTEXT, CONTEXT_IDS, IDS, TEXT
from ..transform.vocabulary import VOCABULARY_NAME, read_vocabulary

_REMEDY = "set the Transform component's preprocessing_fn to tfx_lm.transform.preprocessing.preprocessing_fn"


class TransformGraph:
    """A Transform graph, loaded to be traced into other graphs.

    Args:
        directory: The output folder of TFX's Transform (`fn_args.transform_output`).

    Attributes:
        vocabulary_path: The vocabulary file.
        vocabulary_size: The number of ids, the reserved ones included.
        subwords: Whether the vocabulary is one of pieces of words.
        has_context: Whether the graph makes ids of a context as well.
        trackable: The tables and files that a SavedModel must hold for the graph to work.

    Raises:
        ValueError: if the graph has no vocabulary or no input `text`.
    """

    def __init__(self, directory: str):
        output = tft.TFTransformOutput(directory)
        vocabulary_path = output.vocabulary_file_by_name(VOCABULARY_NAME)
        if vocabulary_path is None:
            raise ValueError(f"the transform graph in {directory} has no vocabulary {VOCABULARY_NAME!r}: {_REMEDY}")
        self.vocabulary_path = vocabulary_path
        words = read_vocabulary(self.vocabulary_path)
        self.vocabulary_size = len(words)
        self.subwords = holds_pieces(words)
        self.trackable = tf.saved_model.load(output.transform_savedmodel_dir)
        (self._inputs,), _ = self.trackable.transform_fn.structured_input_signature
        if TEXT not in self._inputs:
            there = sorted(self._inputs)
            raise ValueError(f"the transform graph in {directory} has no input {TEXT!r}, but {there}: {_REMEDY}")
        self.has_context = CONTEXT_IDS in output.transformed_feature_spec()

    def ids(self, text: tf.Tensor) -> tf.RaggedTensor:
        """Applies the graph.

        Args:
            text: string [batch], raw lines.

        Returns:
            int64 [batch, None], the targets of each line, cut to `max_length`.
        """
        return self._transformed({TEXT: text})[IDS]

    def ids_and_context(self, text: tf.Tensor, context: tf.Tensor) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
        """Applies a graph that has a context.

        Args:
            text: string [batch], raw lines.
            context: string [batch], the lines before each; see `transform.context`.

        Returns:
            int64 [batch, None], the targets of each line, and what is read before it.
        """
        transformed = self._transformed({TEXT: text, CONTEXT: context})
        return transformed[IDS], transformed[CONTEXT_IDS]

    def _transformed(self, texts: Mapping[str, tf.Tensor]) -> dict[str, tf.RaggedTensor]:
        batch = tf.shape(texts[TEXT], tf.int64)[0]
        inputs = {
            # Other columns of the corpus are inputs of the graph too, though nothing depends on them.
            name: _as(spec, texts[name]) if name in texts else _nothing(spec, batch)
            for name, spec in self._inputs.items()
        }
        return {name: tf.RaggedTensor.from_sparse(ids) for name, ids in self.trackable.transform_fn(inputs).items()}


def _as(spec: tf.TypeSpec, text: tf.Tensor) -> tf.Tensor | tf.SparseTensor | tf.RaggedTensor:
    """Returns `text` in the form that the raw schema asks for."""
    if isinstance(spec, tf.SparseTensorSpec):
        return tf.sparse.from_dense(text[:, None])
    if isinstance(spec, tf.RaggedTensorSpec):
        return tf.RaggedTensor.from_tensor(text[:, None], row_splits_dtype=spec.row_splits_dtype)
    return text if spec.shape.rank == 1 else text[:, None]


def _nothing(spec: tf.TypeSpec, batch: tf.Tensor) -> tf.Tensor | tf.SparseTensor | tf.RaggedTensor:
    """Returns a batch of the feature without values, or with zeros if each row must have one."""
    if isinstance(spec, tf.SparseTensorSpec):
        width = tf.zeros([spec.shape.rank - 1], tf.int64)
        return tf.SparseTensor(
            tf.zeros([0, spec.shape.rank], tf.int64), tf.zeros([0], spec.dtype), tf.concat([[batch], width], 0)
        )
    if isinstance(spec, tf.RaggedTensorSpec):
        return tf.RaggedTensor.from_row_lengths(
            tf.zeros([0], spec.dtype), tf.cast(tf.zeros([batch]), spec.row_splits_dtype)
        )
    return tf.zeros([batch, *spec.shape[1:]], spec.dtype)
