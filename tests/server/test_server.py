"""Answers of the server over HTTP."""

import concurrent.futures
import math
import random

import numpy as np
import pytest
import tensorflow as tf

pytestmark = pytest.mark.slow

PREDICT = "/v1/models/model:predict"


def test_status_and_metadata(server):
    expected = {"version": "7", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    for path in ("/v1/models/model", "/v1/models/model/versions/7"):
        assert server.ask("GET", path) == (200, {"model_version_status": [expected]})
    status, metadata = server.ask("GET", "/v1/models/model/metadata")
    assert status == 200
    assert metadata["model_spec"] == {"name": "model", "signature_name": "", "version": "7"}
    # It has no token identity, and so is asked how it splits a text.
    assert metadata["metadata"]["tokens"] == {"tokenizer": "whitespace", "kind": "words"}
    definitions = metadata["metadata"]["signature_def"]["signature_def"]
    assert set(definitions) == {"serving_default", "score", "next_word", "tokenize", "step", "evaluate"}
    states = definitions["step"]["inputs"]["states"]
    assert states["dtype"] == "DT_FLOAT"
    assert [size["size"] for size in states["tensor_shape"]["dim"]] == ["-1", "1", "2", "3"]
    assert definitions["next_word"]["inputs"]["k"]["tensor_shape"]["dim"] == [{"size": "-1", "name": ""}]


@pytest.mark.parametrize("path", [PREDICT, "/v1/models/model/versions/7:predict"])
def test_every_signature_answers_as_the_model_itself(server, bigram_model, path):
    model = tf.saved_model.load(bigram_model)
    texts = ["the cat", "", "a dog the cat the cat"]
    ids, states = [[2, 4], [2, 5]], np.zeros([2, 1, 2, 3], np.float32)
    asked = {
        "serving_default": {"text": texts},
        "score": {"text": texts},
        "next_word": {"text": texts, "k": 2},
        "tokenize": {"text": texts},
        "step": {"ids": ids, "states": states.tolist()},
    }
    for signature, inputs in asked.items():
        status, found = server.predict({"signature_name": signature, "inputs": inputs}, path)
        assert status == 200, found
        dtypes = {name: spec.dtype for name, spec in model.signatures[signature].structured_input_signature[1].items()}
        tensors = {name: tf.constant(value, dtypes[name]) for name, value in inputs.items()}
        expected = model.signatures[signature](**tensors)
        assert set(found["outputs"]) == set(expected)
        for name, tensor in expected.items():
            values = tensor.numpy()
            if values.dtype == object:
                assert found["outputs"][name] == values.astype(str).tolist()
            else:
                np.testing.assert_allclose(found["outputs"][name], values, rtol=1e-6)


@pytest.mark.parametrize("scalar_k", [False, True], ids=["k [batch]", "k scalar, as it was"])
def test_next_words_of_clients_old_and_new_on_models_old_and_new(
    start_server, save_table_model, bigram_table, scalar_k
):
    server = start_server(save_table_model(*bigram_table, scalar_k=scalar_k))
    words = [["cat", "the"], ["the", "cat"]]
    for k in (2, [2], [2, 2]):
        status, found = server.predict({"signature_name": "next_word", "inputs": {"text": ["the", ""], "k": k}})
        assert (status, found["outputs"]["words"]) == (200, words)
    rows = [{"text": "the", "k": 2}, {"text": "", "k": 2}]
    status, found = server.predict({"signature_name": "next_word", "instances": rows})
    assert [row["words"] for row in found["predictions"]] == words


def test_next_words_in_context(start_server, save_table_model, bigram_table):
    server = start_server(save_table_model(*bigram_table, context_tokens=3))
    inputs = {"text": ["the", "", "the"], "context": ["", "dog\ncat", "the"], "k": [2, 1, 0]}
    status, found = server.predict({"signature_name": "next_word_in_context", "inputs": inputs})
    assert (status, found["outputs"]["words"]) == (200, [["cat", "the"], ["the", ""], ["", ""]])
    # A nat for each word of the context.
    first, second, third = found["outputs"]["log_probabilities"]
    assert [*first, second[0]] == pytest.approx([math.log(1 / 2), math.log(1 / 8), math.log(1 / 2) + 2])
    assert [second[1], *third] == [None] * 3
    status, found = server.predict({"signature_name": "next_word_in_context", "inputs": {**inputs, "k": -1}})
    assert (status, found["error"]) == (400, "k: -1 is negative; it must be 0 or more, the number of words")


def test_rows(server):
    status, found = server.predict({"instances": [{"text": "the cat"}, {"text": "cat"}]})
    assert status == 200
    assert [row["perplexity"] for row in found["predictions"]] == pytest.approx([2.0, 2.8284271], rel=1e-6)
    assert set(found["predictions"][0]) == {"log_probability", "tokens", "perplexity"}


def test_many_clients_get_what_a_client_alone_gets(server):
    choose = random.Random(1)
    texts = [" ".join(choose.choices(["the", "cat", "dog"], k=choose.randrange(60))) for _ in range(300)]
    alone = [server.predict({"signature_name": "score", "instances": [text]}) for text in texts[:50]]
    before, rows_before = (server.metric(f"tfx_lm_batch_rows_{name}") for name in ("count", "sum"))
    with concurrent.futures.ThreadPoolExecutor(32) as clients:
        found = list(clients.map(lambda text: server.predict({"signature_name": "score", "instances": [text]}), texts))
    for (status, one), (other_status, other) in zip(alone, found, strict=False):
        assert status == other_status == 200
        (one,), (other,) = one["predictions"], other["predictions"]
        assert one["words"] == other["words"]
        np.testing.assert_allclose(one["log_probabilities"], other["log_probabilities"], rtol=1e-5)
    for text, (_, answer) in zip(texts, found, strict=True):
        assert answer["predictions"][0]["tokens"] == len(text.split()) + 1
    after, rows_after = (server.metric(f"tfx_lm_batch_rows_{name}") for name in ("count", "sum"))
    assert rows_after - rows_before == 300
    assert after - before < 300  # Some shared a call.


def test_odd_texts_are_answered(server):
    for text in ("", "\x00", "☃ 日本語", "x" * 500_000, {"b64": "//8gdGhl"}):
        status, answer = server.predict({"signature_name": "score", "instances": [text]})
        assert status == 200, answer


def test_metrics_count_requests_by_signature_and_status(server):
    before = [server.metric(f'tfx_lm_requests_total{{code="{code}",signature="score"}}') for code in (200, 400)]
    server.predict({"signature_name": "score", "instances": ["the"]})
    server.predict({"signature_name": "score", "instances": ["the"] * 300})
    after = [server.metric(f'tfx_lm_requests_total{{code="{code}",signature="score"}}') for code in (200, 400)]
    assert [count - old for count, old in zip(after, before, strict=True)] == [1, 1]
    assert server.metric("tfx_lm_model_load_seconds") > 0


def test_more_rows_than_wait_by_default(start_server, bigram_model):
    server = start_server(bigram_model, "--max-rows", "5000")
    status, answer = server.predict({"instances": ["the cat"] * 5000})
    assert status == 200
    assert len(answer["predictions"]) == 5000
