"""Warm-up requests, which a server sends to a model before it serves clients."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from .signatures import NEXT_WORD, NEXT_WORD_IN_CONTEXT, NEXT_WORDS, SCORE, SCORE_IN_CONTEXT, signature_names

# TensorFlow Serving's path, within a SavedModel.
WARMUP_FILE = "assets.extra/tf_serving_warmup_requests"
CANDIDATES = 10
BATCHES = (1, 8, 64)


def write_warmup_requests(model: str, texts: Sequence[bytes], contexts: Sequence[bytes] = ()) -> None:
    """Writes requests of several batch sizes to the signatures that clients call most.

    All inputs have a row for each text: `tensorflow/serving --enable_batching` replays the file through its batching
    and does not load the version if one has another shape.

    A signature's first call takes many times as long as the others; with this file, no client waits for it.

    Args:
        model: The SavedModel's folder.
        texts: Raw sentences, at least one.
        contexts: What comes before each sentence in its document, for a model that reads it; empty: each sentence
            stands behind itself.
    """
    signatures = ["serving_default", SCORE, NEXT_WORD]
    there = signature_names(model)
    in_context = [name for name in (SCORE_IN_CONTEXT, NEXT_WORD_IN_CONTEXT) if name in there]
    signatures += in_context
    file = f"{model}/{WARMUP_FILE}"
    tf.io.gfile.makedirs(file.rpartition("/")[0])
    with tf.io.TFRecordWriter(file) as writer:
        for size in BATCHES:
            text = tf.make_tensor_proto(list(texts[:size]), tf.string)
            for signature in signatures:
                request = predict_pb2.PredictRequest()
                request.model_spec.signature_name = signature
                request.inputs["text"].CopyFrom(text)
                if signature in NEXT_WORDS:
                    request.inputs["k"].CopyFrom(tf.make_tensor_proto(CANDIDATES, tf.int32, [len(texts[:size])]))
                if signature in in_context:
                    before = list((contexts or texts)[:size])
                    request.inputs["context"].CopyFrom(tf.make_tensor_proto(before, tf.string))
                log = prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))
                # Deterministic, so that equal models are equal files.
                writer.write(log.SerializeToString(deterministic=True))


def read_warmup_requests(model: str) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """Yields the requests: the name of a signature and its inputs by name; nothing if there is no file.

    Args:
        model: The SavedModel's folder.
    """
    file = f"{model}/{WARMUP_FILE}"
    if not tf.io.gfile.exists(file):
        return
    for record in tf.data.TFRecordDataset(file).as_numpy_iterator():
        request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
        yield request.model_spec.signature_name, {key: tf.make_ndarray(value) for key, value in request.inputs.items()}
