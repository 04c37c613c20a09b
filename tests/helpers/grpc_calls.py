"""gRPC calls of TensorFlow Serving's clients."""

import grpc
import pytest
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import predict_pb2


def request(signature="", name="model", version=None, **inputs):
    """Makes a request of Predict."""
    made = predict_pb2.PredictRequest()
    made.model_spec.name = name
    made.model_spec.signature_name = signature
    if version is not None:
        made.model_spec.version.value = version
    for key, value in inputs.items():
        made.inputs[key].CopyFrom(value if isinstance(value, tensor_pb2.TensorProto) else tf.make_tensor_proto(value))
    return made


def refused(call, *arguments, **options):
    """The status and the message of a call that fails."""
    with pytest.raises(grpc.RpcError) as caught:
        call(*arguments, timeout=60, **options)
    return caught.value.code(), caught.value.details()
