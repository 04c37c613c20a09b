"""Inference inside the Evaluator: batches bounded by bytes, and models checked before any work.

TFX hands over up to 1,000 sentences at once, whatever their length. TFX's Evaluator calls `custom_extractors` of
this module, which replaces only TFMA's prediction step: sentences of similar length go through the model's
`evaluate` signature together, in calls of bounded size, so that memory follows neither the batch nor its
longest sentence.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow as tf
import tensorflow_model_analysis as tfma
from apache_beam.utils import shared

from .batches import batches_by_length
from .signatures import EVALUATE, check_signature
from .sums import MODEL_OUTPUTS


def custom_extractors(
    eval_shared_model: Any, eval_config: Any, tensor_adapter_config: Any = None
) -> list[tfma.extractors.Extractor]:
    """TFMA's extractors with this module's prediction step; the name and arguments are TFX's.

    Args:
        eval_shared_model: One `tfma.EvalSharedModel`, or the candidate and the baseline.
        eval_config: The `EvalConfig`.
        tensor_adapter_config: Passed on.

    Returns:
        The list of extractors.

    Raises:
        ValueError: If a model has no `evaluate` signature; the message names the model and the remedy.
    """
    models = eval_shared_model if isinstance(eval_shared_model, list) else [eval_shared_model]
    for model in models:
        check_signature(model.model_path, EVALUATE, tfma.BASELINE_KEY if model.is_baseline else "model")
    paths = {model.model_name if len(models) > 1 else "": model.model_path for model in models}
    return tfma.default_extractors(
        eval_shared_model=eval_shared_model,
        eval_config=eval_config,
        tensor_adapter_config=tensor_adapter_config,
        custom_predict_extractor=tfma.extractors.Extractor(
            stage_name="ExtractPredictions", ptransform=beam.ParDo(EvaluateInBatches(paths))
        ),
    )


class EvaluateInBatches(beam.DoFn):
    """Adds what each model's `evaluate` signature returns to a batch of extracts, as TFMA's predictions.

    The signature maps `examples`, string `[batch]`, to float32 `[batch]` arrays. With one model the predictions are
    these arrays by name; with several they are such a dictionary for each model.
    """

    def __init__(self, paths: dict[str, str]) -> None:
        """Args: paths: SavedModel folder by model name; the name is "" where there is only one model."""
        self._paths = paths
        self._shared = shared.Shared()
        self._models: dict[str, Any] = {}

    def setup(self) -> None:
        """Loads the models, once for all workers of a process."""

        def load() -> dict[str, Any]:
            return {name: tf.saved_model.load(path) for name, path in self._paths.items()}

        self._models = self._shared.acquire(lambda: _Holder(load()), tag=str(sorted(self._paths.items()))).models

    def process(self, extracts: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Scores one batch of extracts."""
        examples = np.asarray(extracts[tfma.INPUT_KEY], dtype=object).ravel()
        predictions = {name: evaluate(model, examples) for name, model in self._models.items()}
        yield {**extracts, tfma.PREDICTIONS_KEY: predictions.get("", predictions)}


class _Holder:
    """Beam's `Shared` keeps weak references, which a dictionary does not allow."""

    def __init__(self, models: dict[str, Any]) -> None:
        self.models = models


def evaluate(model: Any, examples: np.ndarray) -> dict[str, np.ndarray]:
    """Calls a loaded model's `evaluate` signature in bounded batches.

    Args:
        model: What `tf.saved_model.load` returned.
        examples: Serialized `tf.Example`s, bytes, `[n]`.

    Returns:
        For each of `MODEL_OUTPUTS` a float32 array `[n]`, in the order of `examples`.
    """
    signature = model.signatures[EVALUATE]
    results = {name: np.zeros(len(examples), np.float32) for name in MODEL_OUTPUTS}
    for rows in batches_by_length([len(example) for example in examples]):
        outputs = signature(examples=tf.constant(examples[rows], tf.string))
        for name in MODEL_OUTPUTS:
            results[name][rows] = outputs[name].numpy()
    return results
