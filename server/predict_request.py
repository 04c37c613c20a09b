"""Predict request: the inputs of a signature as arrays, from either protocol."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

import numpy as np
import tensorflow as tf

from ..exported.signatures import NEXT_WORDS
from .request_error import RequestError

DEFAULT_SIGNATURE = "serving_default"
# The input of `next_word` with the number of proposed words.
K = "k"
# The input of `step` with the tokens of each row.
IDS = "ids"
Specs = Mapping[str, tf.TensorSpec]


@dataclasses.dataclass(frozen=True)
class PredictRequest:
    """A request that fits its signature.

    Attributes:
        signature: Its name.
        inputs: Arrays by name, with the dtype and rank of the signature; strings are bytes in object arrays.
        rows: The size of the batch.
        in_rows: True if it came as `instances` and is answered in rows.
    """

    signature: str
    inputs: dict[str, np.ndarray]
    rows: int
    in_rows: bool = False


def predict_request(
    signature: str, inputs: Mapping[str, np.ndarray], specs: Specs, in_rows: bool = False
) -> PredictRequest:
    """Makes a request of arrays.

    A number may be given as a scalar, as one row for all, or for each row: `k` is a scalar in older models, and clients
    need not know which version is served.

    Args:
        signature: Its name.
        inputs: An array for each input of the signature, with its dtype. The shapes fit, except those
            of numbers, see above.
        specs: The signature's inputs.
        in_rows: True if it is answered in rows.

    Raises:
        RequestError: With status 400; the message names what is wrong.
    """
    sizes = {name: len(array) for name, array in inputs.items() if not may_be_scalar(specs[name])}
    if len(set(sizes.values())) > 1:
        raise RequestError(400, f"inputs differ in their number of rows: {dict(sorted(sizes.items()))}")
    rows = next(iter(sizes.values()))
    if rows == 0:
        raise RequestError(400, f"{next(iter(sizes))}: has no rows; send at least one")
    arrays = {
        name: _number(name, array, specs[name], rows) if may_be_scalar(specs[name]) else array
        for name, array in inputs.items()
    }
    if signature in NEXT_WORDS and K in arrays and arrays[K].min() < 0:
        raise RequestError(400, f"{K}: {arrays[K].min()} is negative; it must be 0 or more, the number of words")
    return PredictRequest(signature, arrays, rows, in_rows)


def check_names(names: Iterable[str], specs: Specs, what: str) -> None:
    """Checks that a request has each input of its signature and no other.

    Args:
        names: The names in the request.
        specs: The signature's inputs.
        what: The field of the request that has the names, for the message.

    Raises:
        RequestError: With status 400, if not.
    """
    present = set(names)
    if present != specs.keys():
        shown = ", ".join(name if len(name) <= 40 else f"{name[:40]}…" for name in sorted(present)) or "none"
        raise RequestError(400, f"{what}: must name {', '.join(sorted(specs))} and nothing else; there is {shown}")


def may_be_scalar(spec: tf.TensorSpec) -> bool:
    """Returns whether an input is one number for each row or for all of them."""
    return spec.shape.rank == 0 or (spec.shape.rank == 1 and spec.dtype.is_integer)


def _number(name: str, array: np.ndarray, spec: tf.TensorSpec, rows: int) -> np.ndarray:
    if array.size not in (1, rows):
        raise RequestError(400, f"{name}: has {array.size} values for {rows} rows; send one, or one for each row")
    if spec.shape.rank:
        return np.broadcast_to(array, [rows])
    if (array != array.flat[0]).any():
        raise RequestError(
            400, f"{name}: this version of the model takes one value for all rows; send a request for each value"
        )
    return array.flat[0].reshape([])
