"""Tensors of gRPC requests and answers: from a `TensorProto` to an array, within bounds, and back."""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2, types_pb2

from .predict_request import may_be_scalar
from .request_error import RequestError

_FIELDS = {tf.string: "string_val", tf.int32: "int_val", tf.int64: "int64_val", tf.float32: "float_val"}


def read_tensor(name: str, proto: tensor_pb2.TensorProto, spec: tf.TensorSpec, most_values: int) -> np.ndarray:
    """Reads an input.

    As in TensorFlow, if there are too few numbers, the last one is repeated; if there are none, all are zero.

    Args:
        name: The input's name, for messages.
        proto: The tensor.
        spec: The spec of the signature's input.
        most_values: Largest number of values that the shape may have if the proto has fewer.

    Returns:
        An array with the dtype and the shape of the spec; of rank 0 or 1 if it `may_be_scalar`.

    Raises:
        RequestError: With status 400; the message names what is wrong.
    """
    dtype = spec.dtype
    if proto.dtype != dtype.as_datatype_enum:
        raise RequestError(400, f"{name}: is {_type_name(proto.dtype)}, must be {_type_name(dtype.as_datatype_enum)}")
    shape = [dim.size for dim in proto.tensor_shape.dim]
    possible = not proto.tensor_shape.unknown_rank and min(shape, default=0) >= 0
    if not possible or not (len(shape) <= 1 if may_be_scalar(spec) else spec.shape.is_compatible_with(shape)):
        wanted = ["batch" if index == 0 else size or "any" for index, size in enumerate(spec.shape.as_list())]
        raise RequestError(400, f"{name}: has the shape {shape}, must have {wanted}")
    size = math.prod(shape)
    values = _values(name, proto, dtype)
    if len(values) != size:
        if len(values) > size or dtype == tf.string or size > most_values:
            raise RequestError(400, f"{name}: has {len(values)} values; its shape {shape} needs {size}")
        values = np.pad(values, (0, size - len(values)), "edge" if len(values) else "constant")
    return values.reshape(shape)


def write_tensor(array: np.ndarray) -> tensor_pb2.TensorProto:
    """Writes an output into the field of its type, as TensorFlow Serving does: many clients read only that one.

    Args:
        array: The output; strings are bytes in an object array.
    """
    dtype = tf.string if array.dtype == object else tf.as_dtype(array.dtype)
    proto = tensor_pb2.TensorProto(dtype=dtype.as_datatype_enum)
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    getattr(proto, _FIELDS[dtype]).extend(array.ravel().tolist())
    return proto


def _values(name: str, proto: tensor_pb2.TensorProto, dtype: tf.DType) -> np.ndarray:
    values = getattr(proto, _FIELDS[dtype])
    if not proto.tensor_content:
        return np.array(list(values), object if dtype == tf.string else dtype.as_numpy_dtype)
    itemsize = 0 if dtype == tf.string else dtype.size
    if not itemsize or len(proto.tensor_content) % itemsize:
        raise RequestError(400, f"{name}: tensor_content is no array of {dtype.name}; fill {_FIELDS[dtype]}")
    return np.frombuffer(proto.tensor_content, np.dtype(dtype.as_numpy_dtype).newbyteorder("<")).astype(
        dtype.as_numpy_dtype
    )


def _type_name(number: int) -> str:
    return types_pb2.DataType.Name(number) if number in types_pb2.DataType.values() else f"type {number}"
