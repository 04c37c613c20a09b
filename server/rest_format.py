"""TensorFlow Serving's JSON: from a body to arrays, and from arrays to a body.

Inputs come in rows (`instances`) or in columns (`inputs`):

    {"signature_name": "score", "instances": ["the cat", {"b64": "dGhl"}]}
    {"signature_name": "score", "instances": [{"text": "the cat"}]}
    {"signature_name": "next_word", "instances": [{"text": "the cat", "k": 5}]}
    {"signature_name": "next_word", "inputs": {"text": ["the cat"], "k": 5}}

Rows are answered with `predictions`, columns with `outputs`; both leave out the names if there is one output. Bytes
that are not UTF-8 come as `{"b64": ...}`. NaN and infinity are `null` (TensorFlow Serving writes `NaN`, which is not
JSON).
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson
import tensorflow as tf

from ..exported.json_values import DuplicateKeyError, unique_object
from .predict_request import DEFAULT_SIGNATURE, PredictRequest, Specs, check_names, may_be_scalar, predict_request
from .request_error import RequestError

# Of a body whose keys are looked for one by one; the parser of Protocol Buffers has the same bound.
_MAX_DEPTH = 100


def parse(body: bytes, signatures: Mapping[str, Specs]) -> PredictRequest:
    """Reads a request.

    Args:
        body: JSON.
        signatures: The inputs of each signature.

    Returns:
        The request.

    Raises:
        RequestError: With status 400; the message names what is wrong.
    """
    try:
        tree = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RequestError(400, f"the body is not JSON: {error}") from error
    if not isinstance(tree, dict):
        raise RequestError(400, f"the body holds {_kind(tree)}: must be an object with `instances` or `inputs`")
    _refuse_repeated_keys(body, tree)
    signature = tree.get("signature_name", DEFAULT_SIGNATURE)
    # TensorFlow Serving takes the empty name for the default too.
    signature = DEFAULT_SIGNATURE if signature == "" else signature
    if not isinstance(signature, str) or signature not in signatures:
        raise RequestError(
            400, f"signature_name={_shown(signature)}: no such signature; the model has {', '.join(sorted(signatures))}"
        )
    specs = signatures[signature]
    if ("instances" in tree) == ("inputs" in tree):
        raise RequestError(400, "the body must have either `instances` (rows) or `inputs` (columns)")
    in_rows = "instances" in tree
    columns = _columns_of_rows(tree["instances"], specs) if in_rows else _columns(tree["inputs"], specs)
    check_names(columns, specs, "an instance" if in_rows else "inputs")
    inputs = {name: _array(name, columns[name], spec) for name, spec in specs.items()}
    return predict_request(signature, inputs, specs, in_rows)


def answer(request: PredictRequest, outputs: Mapping[str, np.ndarray]) -> bytes:
    """Writes an answer.

    Args:
        request: The request.
        outputs: Arrays [rows, ...] by name; strings are bytes in object arrays.

    Returns:
        JSON.
    """
    values = {name: _texts(array) if array.dtype == object else array for name, array in outputs.items()}
    tree: dict[str, Any]
    if request.in_rows:
        by_row = [{name: value[row] for name, value in values.items()} for row in range(request.rows)]
        tree = {"predictions": by_row if len(values) > 1 else [value for row in by_row for value in row.values()]}
    else:
        tree = {"outputs": values if len(values) > 1 else next(iter(values.values()))}
    return orjson.dumps(tree, option=orjson.OPT_SERIALIZE_NUMPY)


def _refuse_repeated_keys(body: bytes, tree: dict[str, Any]) -> None:
    """Refuses a duplicate key in an object: orjson keeps its last value, TensorFlow Serving its first."""
    # A colon follows each key in the text. If their number is that of the parsed keys, no key is repeated. Otherwise a
    # slower check decides: a string may look like a key, and an object may stand deeper than the keys are counted.
    if len(_KEY_ENDS.findall(body)) == _count_keys(tree):
        return
    # Python's parser stops at a depth that differs between its versions.
    if _is_nested_deeper(tree, _MAX_DEPTH):
        raise RequestError(
            400,
            f"the body is not JSON that can be read: nested too deeply, in more than {_MAX_DEPTH} lists and objects",
        )
    try:
        # Numbers are not parsed: `int` raises an error for thousands of digits.
        json.loads(body, object_pairs_hook=unique_object, parse_int=len, parse_float=len)
    except DuplicateKeyError as error:
        raise RequestError(400, f"the body: {error}") from error


def _is_nested_deeper(tree: Any, depth: int) -> bool:
    level = [tree]
    for _ in range(depth):
        parts = [part.values() if isinstance(part, dict) else part for part in level if isinstance(part, dict | list)]
        level = [inner for part in parts for inner in part]
    return any(isinstance(part, dict | list) for part in level)


def _count_keys(tree: dict[str, Any]) -> int:
    """Counts the keys of the body, its inputs and its rows, also those of `{"b64": ...}` in them."""
    count = len(tree)
    for part in (tree.get("instances"), tree.get("inputs")):
        columns = [part] if isinstance(part, list) else []
        if isinstance(part, dict):
            count += len(part)
            columns = [column for column in part.values() if isinstance(column, list)]
        for row in (row for column in columns for row in column if isinstance(row, dict)):
            count += len(row) + sum(len(value) for value in row.values() if isinstance(value, dict))
    return count


def _columns_of_rows(instances: Any, specs: Specs) -> dict[str, Any]:
    if not isinstance(instances, list):
        raise RequestError(400, f"instances: is {_kind(instances)}, must be a list of rows")
    if any(_is_named(row) for row in instances):
        for row in instances:
            check_names(row if _is_named(row) else {}, specs, "an instance")
        return {name: [row[name] for row in instances] for name in specs}
    return {_only_name(specs, "instances"): instances}


def _columns(inputs: Any, specs: Specs) -> dict[str, Any]:
    return inputs if _is_named(inputs) else {_only_name(specs, "inputs"): inputs}


def _only_name(specs: Specs, what: str) -> str:
    if len(specs) > 1:
        raise RequestError(400, f"{what}: the signature has several inputs, name each: {', '.join(sorted(specs))}")
    return next(iter(specs))


def _is_named(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() != {"b64"}


def _array(name: str, value: Any, spec: tf.TensorSpec) -> np.ndarray:
    """Turns nested lists into an array of the spec's dtype, rank and known sizes; any rank if it `may_be_scalar`."""
    rank = spec.shape.rank
    if may_be_scalar(spec):
        rank = 1 if isinstance(value, list) else 0
    sizes: list[int | None] = [None] * rank
    values: list[Any] = []
    leaf = {tf.string: _bytes, tf.int32: _integer, tf.int64: _integer, tf.float32: _number}[spec.dtype]

    def walk(part: Any, depth: int) -> None:
        if depth == rank:
            values.append(leaf(name, part, spec.dtype))
            return
        if not isinstance(part, list):
            raise RequestError(400, f"{name}: has {_kind(part)} where a list must be; its shape is {_shape(spec)}")
        if sizes[depth] is None:
            sizes[depth] = len(part)
        if sizes[depth] != len(part):
            raise RequestError(400, f"{name}: lists of {sizes[depth]} and of {len(part)}; all must be equally long")
        for inner in part:
            walk(inner, depth + 1)

    walk(value, 0)
    found = [0 if size is None else size for size in sizes]
    if values and not may_be_scalar(spec) and not spec.shape.is_compatible_with(found):
        raise RequestError(400, f"{name}: has the shape {found}, must have {_shape(spec)}")
    return np.array(values, object if spec.dtype == tf.string else spec.dtype.as_numpy_dtype).reshape(found)


def _bytes(name: str, value: Any, dtype: tf.DType) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, dict) and value.keys() == {"b64"} and isinstance(value["b64"], str):
        try:
            return base64.b64decode(value["b64"], validate=True)
        except (binascii.Error, ValueError) as error:
            raise RequestError(400, f"{name}: {_shown(value['b64'])} is not base64") from error
    raise RequestError(400, f'{name}: has {_kind(value)} where a string, or {{"b64": ...}}, must be')


def _integer(name: str, value: Any, dtype: tf.DType) -> int:
    if type(value) is not int:
        raise RequestError(400, f"{name}: has {_kind(value)} where an integer must be")
    if not dtype.min <= value <= dtype.max:
        raise RequestError(400, f"{name}: {value} is out of the range of {dtype.name}")
    return value


def _number(name: str, value: Any, dtype: tf.DType) -> float:
    if type(value) not in (int, float):
        raise RequestError(400, f"{name}: has {_kind(value)} where a number must be")
    # Converted here, since NumPy warns when a number too large for float32 becomes infinite.
    return value if abs(value) <= float(dtype.max) else float("inf") if value > 0 else float("-inf")


def _texts(array: np.ndarray) -> Any:
    """Returns nested lists of text; invalid UTF-8 becomes the replacement character."""
    return _text_tree(array.tolist())


def _text_tree(value: Any) -> Any:
    return [_text_tree(item) for item in value] if isinstance(value, list) else value.decode("utf-8", "replace")


def _shape(spec: tf.TensorSpec) -> list[str]:
    return ["batch" if index == 0 else str(size or "any") for index, size in enumerate(spec.shape.as_list())]


_KEY_ENDS = re.compile(rb'"[ \t\n\r]*:')

_KINDS = {
    dict: "an object",
    list: "a list",
    str: "a string",
    bool: "a boolean",
    int: "an integer",
    float: "a number",
}


def _kind(value: Any) -> str:
    return _KINDS.get(type(value), "null")


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return text if len(text) <= 40 else f"{text[:40]}…"
