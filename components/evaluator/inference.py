"""Inference inside the Evaluator: bounded batches, both models in one pass, sentences added before TFMA sees them.

TFX hands over up to 1,000 sentences at once, whatever their length. TFX's Evaluator calls `custom_extractors` of
this module, which replaces TFMA's extractors: sentences of similar length go through each model's `evaluate`
signature together, in calls of bounded size, so that memory follows neither the batch nor its longest sentence. Those
of the same slices then stay together as one extract, whose predictions are arrays: TFMA's overhead for one
extract equals the cost of scoring one sentence.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import tensorflow as tf
import tensorflow_model_analysis as tfma
from apache_beam.utils import shared

from ...exported.batches import batches_by_length
from ...exported.calls_at_once import call_for_each, one_thread_for_each_call
from ...exported.signatures import EVALUATE
from ...exported.slices import derived, groups
from ...exported.sums import CONTEXT_TOKENS, MODEL_OUTPUTS
from ...transform.preprocessing import CONTEXT as CONTEXT_FEATURE
from ...transform.preprocessing import TEXT as TEXT_FEATURE
from . import loaded_models
from .metrics import CONTEXT, TEXT


def custom_extractors(
    eval_shared_model: Any, eval_config: Any, tensor_adapter_config: Any = None
) -> list[tfma.extractors.Extractor]:
    """Returns the extractors of the Evaluator; the name and arguments are TFX's.

    Args:
        eval_shared_model: One `tfma.EvalSharedModel`, or the candidate and the baseline.
        eval_config: The `EvalConfig`, which names the features of the slices.
        tensor_adapter_config: Not used.

    Returns:
        The list of extractors.
    """
    del tensor_adapter_config
    models = eval_shared_model if isinstance(eval_shared_model, list) else [eval_shared_model]
    paths = {model.model_name if len(models) > 1 else "": model.model_path for model in models}
    columns = dict.fromkeys(key for spec in eval_config.slicing_specs for key in spec.feature_keys)
    return [
        tfma.extractors.Extractor(
            stage_name="ExtractPredictions", ptransform=beam.ParDo(EvaluateInBatches(paths, list(columns)))
        ),
        tfma.extractors.SliceKeyExtractor(eval_config=eval_config),
    ]


class EvaluateInBatches(beam.DoFn):
    """Turns a batch of raw examples into an extract for each group of its sentences.

    The features of an extract are the values that its sentences have in common. Its predictions are the outputs of the
    `evaluate` signature by name, float32 `[sentences]`, and the raw lines. With several models the predictions are
    such a dictionary for each model.
    """

    def __init__(self, paths: dict[str, str], columns: Sequence[str]) -> None:
        """Makes the DoFn.

        Args:
            paths: SavedModel folder by model name; the name is "" if there is only one; the candidate's is first.
            columns: Derived values or features to group the sentences by.
        """
        self._paths = paths
        self._columns = columns
        self._shared = shared.Shared()
        self._holder = _Holder({})

    def setup(self) -> None:
        """Loads the models once for all workers of a process."""

        def load() -> dict[str, Any]:
            one_thread_for_each_call()
            return {name: loaded_models.load(path) for name, path in self._paths.items()}

        # Beam holds a weak reference: without this one, the next worker would load the models again.
        self._holder = self._shared.acquire(lambda: _Holder(load()), tag=str(sorted(self._paths.items())))

    def process(self, extracts: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Scores one batch."""
        batch = extracts[tfma.ARROW_RECORD_BATCH_KEY]
        examples = np.array([values[0] for values in batch.column(tfma.ARROW_INPUT_COLUMN).to_pylist()], dtype=object)
        texts = np.array([values[0] if values else b"" for values in _column(batch, TEXT_FEATURE)], dtype=object)
        contexts = [values[0] if values else b"" for values in _column(batch, CONTEXT_FEATURE)]
        outputs = {name: evaluate(model, examples) for name, model in self._holder.models.items()}
        in_documents = np.array(contexts, dtype=object) if any(contexts) else None

        def before(rows: Any) -> dict[str, np.ndarray]:
            return {} if in_documents is None else {CONTEXT: in_documents[rows]}

        candidate_outputs = next(iter(outputs.values()))
        columns = {
            name: values.tolist() if (values := derived(name, candidate_outputs)) is not None else _column(batch, name)
            for name in self._columns
        }
        for common, rows in groups(columns, len(examples)):
            predictions = {
                model: {TEXT: texts[rows], **before(rows), **{name: array[rows] for name, array in arrays.items()}}
                for model, arrays in outputs.items()
            }
            yield {
                tfma.FEATURES_KEY: {name: np.array(value).ravel() for name, value in common.items()},
                tfma.PREDICTIONS_KEY: predictions.get("", predictions),
                tfma.LABELS_KEY: None,  # TFMA requires them; the targets are in the model's sums.
            }


class _Holder:
    """Beam's `Shared` keeps weak references, which a dictionary does not allow."""

    def __init__(self, models: dict[str, Any]) -> None:
        self.models = models


def _column(batch: pa.RecordBatch, name: str) -> list[tuple[Any, ...]]:
    """Returns the values of a feature for each example, an empty tuple if it is missing."""
    index = batch.schema.get_field_index(name)
    if index < 0:
        return [()] * batch.num_rows
    return [tuple(values or ()) for values in batch.column(index).to_pylist()]


def evaluate(model: Any, examples: np.ndarray) -> dict[str, np.ndarray]:
    """Calls a loaded model's `evaluate` signature in bounded batches.

    Args:
        model: The object from `tf.saved_model.load`.
        examples: Serialized `tf.Example`s, bytes, `[n]`.

    Returns:
        A float32 array `[n]` for each of `MODEL_OUTPUTS`, in the order of `examples`, and for `CONTEXT_TOKENS` if the
        model reads contexts.
    """
    signature = model.signatures[EVALUATE]
    results = {name: np.zeros(len(examples), np.float32) for name in MODEL_OUTPUTS}

    def outputs_of(rows: np.ndarray) -> dict[str, tf.Tensor]:
        return signature(examples=tf.constant(examples[rows], tf.string))

    for rows, outputs in call_for_each(outputs_of, batches_by_length([len(example) for example in examples])):
        if CONTEXT_TOKENS in outputs:
            results.setdefault(CONTEXT_TOKENS, np.zeros(len(examples), np.float32))
        for name in results:
            results[name][rows] = outputs[name].numpy()
    return results
