"""The file of requests that a server sends to a model before it opens it to clients."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

# Where TensorFlow Serving looks for it, within a SavedModel.
WARMUP_FILE = "assets.extra/tf_serving_warmup_requests"
CANDIDATES = 10
BATCHES = (1, 8, 64)


def write_warmup_requests(model: str, texts: Sequence[bytes]) -> None:
    """Writes requests of several batch sizes to the signatures that clients call most.

    All inputs have a row for each text: `tensorflow/serving --enable_batching` replays the file through its batching,
    which refuses any other, and then does not load the version.

    A signature's first call takes many times as long as the next; with this file, no client waits for it.

    Args:
        model: The SavedModel's folder.
        texts: Raw sentences, at least one.
    """
    file = f"{model}/{WARMUP_FILE}"
    tf.io.gfile.makedirs(file.rpartition("/")[0])
    with tf.io.TFRecordWriter(file) as writer:
        for size in BATCHES:
            text = tf.make_tensor_proto(list(texts[:size]), tf.string)
            for signature in ("serving_default", "score", "next_word"):
                request = predict_pb2.PredictRequest()
                request.model_spec.signature_name = signature
                request.inputs["text"].CopyFrom(text)
                if signature == "next_word":
                    request.inputs["k"].CopyFrom(tf.make_tensor_proto(CANDIDATES, tf.int32, [len(texts[:size])]))
                log = prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))
                writer.write(log.SerializeToString())


def read_warmup_requests(model: str) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """Reads the requests again: the name of a signature and its inputs by name; none where there is no file.

    Args:
        model: The SavedModel's folder.
    """
    file = f"{model}/{WARMUP_FILE}"
    if not tf.io.gfile.exists(file):
        return
    for record in tf.data.TFRecordDataset(file).as_numpy_iterator():
        request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
        yield request.model_spec.signature_name, {key: tf.make_ndarray(value) for key, value in request.inputs.items()}
