import base64
import json

import numpy as np
import pytest
import tensorflow as tf
from tfx_lm.server.predict_request import PredictRequest
from tfx_lm.server.request_error import RequestError
from tfx_lm.server.rest_format import answer, parse

TEXT = {"text": tf.TensorSpec([None], tf.string)}
SIGNATURES = {
    "serving_default": TEXT,
    "score": TEXT,
    "next_word": {**TEXT, "k": tf.TensorSpec([None], tf.int32)},
    "step": {"ids": tf.TensorSpec([None, None], tf.int64), "states": tf.TensorSpec([None, 1, 2, 3], tf.float32)},
}
STATE = [[[0, 1.5, 2], [3, 4, 5]]]


def parsed(**tree):
    return parse(json.dumps(tree).encode(), SIGNATURES)


@pytest.mark.parametrize(
    "tree",
    [
        {"instances": ["the cat", ""]},
        {"instances": [{"text": "the cat"}, {"text": ""}]},
        {"instances": [{"b64": base64.b64encode(b"the cat").decode()}, ""]},
        {"inputs": ["the cat", ""]},
        {"inputs": {"text": ["the cat", ""]}, "signature_name": "serving_default"},
    ],
)
def test_rows_and_columns_say_the_same(tree):
    request = parsed(**tree)
    assert request.signature == "serving_default"
    assert request.inputs["text"].tolist() == [b"the cat", b""]
    assert request.rows == 2
    assert request.in_rows is ("instances" in tree)


@pytest.mark.parametrize("scalar", [False, True], ids=["k [batch]", "k scalar, as it was"])
@pytest.mark.parametrize(
    "tree",
    [
        {"inputs": {"text": ["a", "b"], "k": 3}},
        {"inputs": {"text": ["a", "b"], "k": [3]}},
        {"inputs": {"text": ["a", "b"], "k": [3, 3]}},
        {"instances": [{"text": "a", "k": 3}, {"text": "b", "k": 3}]},
    ],
)
def test_a_number_for_all_rows_is_one_value_or_many_whatever_the_model_takes(tree, scalar):
    k = tf.TensorSpec([] if scalar else [None], tf.int32)
    request = parse(json.dumps({"signature_name": "next_word", **tree}).encode(), {"next_word": {**TEXT, "k": k}})
    assert request.inputs["k"].tolist() == (3 if scalar else [3, 3])
    assert request.inputs["k"].dtype == np.int32
    assert request.inputs["text"].tolist() == [b"a", b"b"]


def test_a_number_for_each_row():
    tree = {"signature_name": "next_word", "inputs": {"text": ["a", "b"], "k": [3, 0]}}
    assert parsed(**tree).inputs["k"].tolist() == [3, 0]
    with pytest.raises(RequestError, match="k: this version of the model takes one value for all rows"):
        parse(json.dumps(tree).encode(), {"next_word": {**TEXT, "k": tf.TensorSpec([], tf.int32)}})


def test_an_empty_signature_name_is_the_default():
    assert parsed(signature_name="", instances=["a"]).signature == "serving_default"


def test_several_inputs():
    columns = parsed(signature_name="step", inputs={"ids": [[2, 4], [2, 5]], "states": [STATE, STATE]})
    rows = parsed(signature_name="step", instances=[{"ids": [2, 4], "states": STATE}, {"ids": [2, 5], "states": STATE}])
    for request in (columns, rows):
        assert request.inputs["ids"].tolist() == [[2, 4], [2, 5]]
        assert request.inputs["states"].shape == (2, 1, 2, 3)
        assert request.inputs["states"].dtype == np.float32


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body is not JSON"),
        (b"{", "the body is not JSON"),
        (b'{"instances": ["\xff"]}', "the body is not JSON"),
        (b'{"instances": ["\\ud800"]}', "the body is not JSON"),
        (b'{"instances": [NaN]}', "the body is not JSON"),
        (b"[" * 100_000, "the body is not JSON"),
        (b"[]", "the body holds a list: must be an object with `instances` or `inputs`"),
        (b"{}", "must have either `instances` (rows) or `inputs` (columns)"),
        (b'{"instances": ["a"], "inputs": ["a"]}', "must have either"),
        (
            b'{"signature_name": "scores", "instances": ["a"]}',
            "signature_name=scores: no such signature; the model",
        ),
        (b'{"signature_name": 3, "instances": ["a"]}', "signature_name=3: no such signature"),
        (b'{"instances": "a"}', "instances: is a string, must be a list of rows"),
        (b'{"instances": []}', "text: has no rows; send at least one"),
        (b'{"inputs": {"text": []}}', "text: has no rows"),
        (b'{"instances": [3]}', "text: has an integer where a string"),
        (b'{"instances": [null]}', "text: has null where a string"),
        (b'{"instances": [["a"]]}', "text: has a list where a string"),
        (b'{"instances": [{"b64": "a"}]}', "text: a is not base64"),
        (b'{"instances": [{"text": "a", "k": 1}]}', "an instance: must name text and nothing else; there is k, text"),
        (b'{"instances": [{"text": "a"}, "b"]}', "an instance: must name text and nothing else; there is none"),
        (b'{"inputs": {"words": ["a"]}}', "inputs: must name text and nothing else; there is words"),
        (b'{"inputs": "a"}', "text: has a string where a list must be; its shape is ['batch']"),
        (b'{"signature_name": "next_word", "inputs": ["a"]}', "several inputs, name each: k, text"),
        (b'{"signature_name": "next_word", "inputs": {"text": ["a"], "k": [[1]]}}', "k: has a list where an integer"),
        (
            b'{"signature_name": "next_word", "inputs": {"text": ["a", "b", "c"], "k": [1, 2]}}',
            "k: has 2 values for 3 rows; send one, or one for each row",
        ),
        (b'{"signature_name": "next_word", "inputs": {"text": ["a"], "k": -3}}', "k: -3 is negative; it must be 0 or"),
        (b'{"signature_name": "next_word", "inputs": {"text": "a", "k": 3}}', "text: has a string where a list must"),
        (b'{"signature_name": "next_word", "inputs": {"text": ["a"], "k": true}}', "k: has a boolean where an integer"),
        (b'{"signature_name": "next_word", "inputs": {"text": ["a"], "k": 1.0}}', "k: has a number where an integer"),
        (
            b'{"signature_name": "next_word", "inputs": {"text": ["a"], "k": 3000000000}}',
            "k: 3000000000 is out of the range of int32",
        ),
        (
            b'{"signature_name": "step", "inputs": {"ids": [[1], [1, 2]], "states": []}}',
            "ids: lists of 1 and of 2; all must be equally long",
        ),
        (
            b'{"signature_name": "step", "inputs": {"ids": [[1]], "states": [[[[0], [0]]]]}}',
            "states: has the shape [1, 1, 2, 1], must have ['batch', '1', '2', '3']",
        ),
        (
            b'{"signature_name": "step", "inputs": {"ids": [[1]], "states": []}}',
            "inputs differ in their number of rows: {'ids': 1, 'states': 0}",
        ),
    ],
)
def test_what_is_wrong_is_said(body, message):
    with pytest.raises(RequestError) as caught:
        parse(body, SIGNATURES)
    assert caught.value.status == 400
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("body", "key"),
    [
        ('{"instances": ["a"], "instances": ["b"]}', "instances"),
        ('{"signature_name": "score", "signature_name" : "tokenize", "instances": ["a"]}', "signature_name"),
        ('{"instances": [{"text": "a", "text": "b"}]}', "text"),
        ('{"instances": ["a", {"b64": "YQ==", "b64": "Yg=="}]}', "b64"),
        ('{"inputs": {"text": ["a"], "text": ["b"]}}', "text"),
        ('{"inputs": {"text": ["a"], "te\\u0078t": ["b"]}}', "text"),
        ('{"instances": [{"text": {"b64": "YQ==", "b64": "Yg=="}}]}', "b64"),
        ('{"inputs": {"text": [{"b64": "YQ==", "b64": "Yg=="}]}}', "b64"),
        ('{"instances": ["a"], "other": {"deep": [{"in": 1, "in": 2}]}}', "in"),
    ],
)
def test_a_key_that_stands_twice_is_refused(body, key):
    with pytest.raises(RequestError, match=f"the body: the key {key} stands there twice; keep one") as caught:
        parse(body.encode(), SIGNATURES)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "body",
    [
        '{"instances": ["\\": and \\"text\\": \\"a\\", \\"text\\":", ":", ""]}',
        '{"instances": ["a"], "other": {"deep": [{"in": 12345678901234567890123, "out": 1e5}], "deeper": 1}}',
        '{"instances": [{"text":"text"}, {"text"\n\t :"instances"}]}',
        '{"inputs": {"text": [{"b64": "YQ=="}, ": :", {"b64": "YQ=="}]}}',
    ],
)
def test_what_looks_like_a_key_that_stands_twice_is_none(body):
    assert parse(body.encode(), SIGNATURES).signature == "serving_default"


def test_what_is_nested_too_deeply_to_look_for_keys_is_refused():
    # A string looks like a key, and the object around the lists is one level.
    body = '{"instances": ["\\":"], "other": %s%s}'
    assert parse((body % ("[" * 99, "]" * 99)).encode(), SIGNATURES).rows == 1
    with pytest.raises(
        RequestError,
        match="the body is not JSON that can be read: nested too deeply, in more than 100 lists and objects",
    ):
        parse((body % ("[" * 100, "]" * 100)).encode(), SIGNATURES)


def test_a_number_that_is_too_large_for_float32_is_infinite():
    state = [[[0, 1e300, -1e300], [0, 0, 0]]]
    request = parsed(signature_name="step", inputs={"ids": [[2]], "states": [state]})
    assert request.inputs["states"][0, 0, 0].tolist() == [0, np.inf, -np.inf]


OUTPUTS = {
    "words": np.array([[b"the", b"\xffcat"], [b"", b""]], object),
    "log_probability": np.array([-0.1, np.inf], np.float32),
}


def test_an_answer_in_rows_and_in_columns():
    rows = json.loads(answer(PredictRequest("score", {}, 2, True), OUTPUTS))
    assert rows == {
        "predictions": [
            {"words": ["the", "�cat"], "log_probability": -0.1},
            {"words": ["", ""], "log_probability": None},
        ]
    }
    columns = json.loads(answer(PredictRequest("score", {}, 2, False), OUTPUTS))
    assert columns == {"outputs": {"words": [["the", "�cat"], ["", ""]], "log_probability": [-0.1, None]}}


def test_a_single_output_has_no_name():
    outputs = {"tokens": np.array([3, 1], np.int64)}
    assert answer(PredictRequest("score", {}, 2, True), outputs) == b'{"predictions":[3,1]}'
    assert answer(PredictRequest("score", {}, 2, False), outputs) == b'{"outputs":[3,1]}'
