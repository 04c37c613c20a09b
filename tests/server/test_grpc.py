"""gRPC with the stubs that TensorFlow Serving's own clients use."""

import concurrent.futures
import shutil

import grpc
import numpy as np
import pytest
import tensorflow as tf
from helpers.examples import text_example
from helpers.grpc_calls import refused, request
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

pytestmark = pytest.mark.slow

Code = grpc.StatusCode
TEXTS = ["the cat", "", "a dog the cat the cat"]


@pytest.fixture(scope="module")
def grpc_server(start_server, bigram_model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("versions")
    shutil.copytree(bigram_model, folder / "7")
    return start_server(folder, "--grpc-port", "0")


@pytest.fixture(scope="module")
def channel(grpc_server):
    with grpc.insecure_channel(grpc_server.grpc_address) as made:
        yield made


@pytest.fixture(scope="module")
def stub(channel):
    return prediction_service_pb2_grpc.PredictionServiceStub(channel)


def arrays(response):
    return {name: tf.make_ndarray(proto) for name, proto in response.outputs.items()}


@pytest.mark.parametrize("version", [None, 7])
def test_every_signature_answers_as_the_model_itself(stub, bigram_model, version):
    model = tf.saved_model.load(bigram_model)
    asked = {
        "": {"text": TEXTS},
        "serving_default": {"text": TEXTS},
        "score": {"text": TEXTS},
        "next_word": {"text": TEXTS, "k": np.array([2, 1, 0], np.int32)},
        "tokenize": {"text": TEXTS},
        "step": {"ids": np.array([[2, 4], [2, 5]]), "states": np.ones([2, 1, 2, 3], np.float32)},
        "evaluate": {"examples": [text_example(text) for text in TEXTS]},
    }
    for signature, inputs in asked.items():
        response = stub.Predict(request(signature, version=version, **inputs), timeout=60)
        name = signature or "serving_default"
        spec = response.model_spec
        assert (spec.name, spec.signature_name, spec.version.value) == ("model", name, 7)
        found = arrays(response)
        expected = model.signatures[name](**{key: tf.constant(value) for key, value in inputs.items()})
        assert set(found) == set(expected)
        for key, tensor in expected.items():
            values = tensor.numpy()
            assert found[key].dtype == values.dtype
            if values.dtype == object:
                assert found[key].tolist() == values.tolist()
            else:
                np.testing.assert_allclose(found[key], values, rtol=1e-6)


def test_it_answers_as_rest_does(grpc_server, stub):
    found = arrays(stub.Predict(request("score", text=TEXTS), timeout=60))
    status, rest = grpc_server.predict({"signature_name": "score", "inputs": TEXTS})
    assert status == 200
    np.testing.assert_allclose(found["log_probabilities"], rest["outputs"]["log_probabilities"], rtol=1e-6)
    assert found["words"].astype(str).tolist() == rest["outputs"]["words"]


def test_numbers_are_in_the_field_of_their_type_where_most_clients_look(stub):
    outputs = stub.Predict(request("score", text=["the cat"]), timeout=60).outputs
    assert len(outputs["log_probabilities"].float_val) == 3
    assert list(outputs["ids"].int64_val) == [4, 5, 3]
    assert list(outputs["words"].string_val) == [b"the", b"cat", b"</s>"]
    assert not outputs["log_probabilities"].tensor_content


def test_a_scalar_k_counts_for_all_texts_as_over_rest(stub):
    whole = arrays(stub.Predict(request("next_word", text=["the", ""], k=np.array([2, 2], np.int32)), timeout=60))
    for k in (np.int32(2), np.array([2], np.int32)):
        found = arrays(stub.Predict(request("next_word", text=["the", ""], k=k), timeout=60))
        assert found["words"].tolist() == whole["words"].tolist() == [[b"cat", b"the"], [b"the", b"cat"]]


def test_only_the_outputs_that_are_asked_for(stub):
    asked = request(text=TEXTS)
    asked.output_filter.append("tokens")
    assert arrays(stub.Predict(asked, timeout=60))["tokens"].tolist() == [3, 1, 7]
    assert set(stub.Predict(asked, timeout=60).outputs) == {"tokens"}
    asked.output_filter.append("tokens")
    assert refused(stub.Predict, asked) == (
        Code.INVALID_ARGUMENT,
        "output_filter: tokens: stands there twice; the outputs are log_probability, perplexity, tokens",
    )
    asked.output_filter[:] = ["loss"]
    assert refused(stub.Predict, asked)[1].startswith("output_filter: loss: no such output; the outputs are")


def test_many_clients_at_once_beside_rest(grpc_server, stub):
    texts = [" ".join(["the", "cat", "dog"][: 1 + number % 3] * (number % 20)) for number in range(200)]
    alone = {
        text: stub.Predict(request(text=[text]), timeout=60).outputs["log_probability"].float_val[0] for text in texts
    }

    def ask(number):
        text = texts[number % len(texts)]
        if number % 4 == 0:
            status, answer = grpc_server.predict({"instances": [text]})
            assert status == 200
            return text, answer["predictions"][0]["log_probability"]
        return text, stub.Predict(request(text=[text]), timeout=60).outputs["log_probability"].float_val[0]

    with concurrent.futures.ThreadPoolExecutor(16) as clients:
        for text, found in clients.map(ask, range(400)):
            assert found == pytest.approx(alone[text], rel=1e-5)


def shaped(shape, **fields):
    proto = tensor_pb2.TensorProto()
    for size in shape:
        proto.tensor_shape.dim.add(size=size)
    for name, value in fields.items():
        if isinstance(value, list):
            getattr(proto, name).extend(value)
        else:
            setattr(proto, name, value)
    return proto


INT32, INT64, STRING = (dtype.as_datatype_enum for dtype in (tf.int32, tf.int64, tf.string))
STATES = np.zeros([1, 1, 2, 3], np.float32)


@pytest.mark.parametrize(
    ("asked", "code", "message"),
    [
        (predict_pb2.PredictRequest(), Code.INVALID_ARGUMENT, "model_spec: is missing; name the model there"),
        (request(name="other", text=["a"]), Code.NOT_FOUND, "no model other; the model's name here is model"),
        (request(version=8, text=["a"]), Code.NOT_FOUND, "no version 8 of model; version 7 is served"),
        (request("nothing", text=["a"]), Code.FAILED_PRECONDITION, "signature_name=nothing: no such signature; the"),
        (request(), Code.INVALID_ARGUMENT, "inputs: must name text and nothing else; there is none"),
        (request(text=["a"], k=1), Code.INVALID_ARGUMENT, "inputs: must name text and nothing else; there is k, text"),
        (request(text=[1]), Code.INVALID_ARGUMENT, "text: is DT_INT32, must be DT_STRING"),
        (request(text=shaped([1], dtype=9999)), Code.INVALID_ARGUMENT, "text: is type 9999, must be DT_STRING"),
        (request(text="a"), Code.INVALID_ARGUMENT, "text: has the shape [], must have ['batch']"),
        (request(text=[["a"]]), Code.INVALID_ARGUMENT, "text: has the shape [1, 1], must have ['batch']"),
        (request(text=shaped([-1], dtype=STRING)), Code.INVALID_ARGUMENT, "text: has the shape [-1], must have"),
        (request(text=shaped([0], dtype=STRING)), Code.INVALID_ARGUMENT, "text: has no rows; send at least one"),
        (
            request(text=shaped([256], dtype=STRING, string_val=[b"x" * 900_000])),
            Code.INVALID_ARGUMENT,
            "text: has 1 values; its shape [256] needs 256",
        ),
        (
            request(text=shaped([1], dtype=STRING, tensor_content=b"\x01a")),
            Code.INVALID_ARGUMENT,
            "text: tensor_content is no array of string; fill string_val",
        ),
        (
            request("step", ids=shaped([1, 1], dtype=INT64, tensor_content=b"abc"), states=STATES),
            Code.INVALID_ARGUMENT,
            "ids: tensor_content is no array of int64; fill int64_val",
        ),
        (
            request("step", ids=shaped([10**9, 10**9], dtype=INT64, int64_val=[2]), states=STATES),
            Code.INVALID_ARGUMENT,
            "ids: has 1 values; its shape [1000000000, 1000000000] needs 1000000000000000000",
        ),
        (
            request("step", ids=np.array([[2]]), states=STATES[:, :, :, :2]),
            Code.INVALID_ARGUMENT,
            "states: has the shape [1, 1, 2, 2], must have ['batch', 1, 2, 3]",
        ),
        (
            request("step", ids=np.array([[2], [2]]), states=STATES),
            Code.INVALID_ARGUMENT,
            "inputs differ in their number of rows: {'ids': 2, 'states': 1}",
        ),
        (request("step", ids=np.array([[99]]), states=STATES), Code.INVALID_ARGUMENT, "step: the model refuses the in"),
        (request("next_word", text=["a"], k=-3), Code.INVALID_ARGUMENT, "k: -3 is negative; it must be 0 or more"),
        (request(text=["a"] * 257), Code.INVALID_ARGUMENT, "257 rows: at most 256 in a request; send several"),
        (request(text=["the " * 5000]), Code.INVALID_ARGUMENT, "a text of 5000 tokens: at most 4096; split it"),
        (request(text=["x" * 1_000_000]), Code.RESOURCE_EXHAUSTED, "larger than max"),
    ],
)
def test_bad_requests(stub, asked, code, message):
    found, details = refused(stub.Predict, asked)
    assert (found, message in details) == (code, True), details
    assert stub.Predict(request(text=["the cat"]), timeout=60).outputs["tokens"].float_val[0] == 3


def test_labels_have_no_versions_here(stub):
    asked = request(text=["a"])
    asked.model_spec.version_label = "stable"
    message = "label stable: versions have no labels here; name version 7, or none"
    assert refused(stub.Predict, asked) == (Code.INVALID_ARGUMENT, message)


def test_numbers_may_be_fewer_than_the_shape_says_as_in_tensorflow(stub):
    ids, states = shaped([2, 3], dtype=INT64, int64_val=[2, 4]), np.zeros([2, 1, 2, 3], np.float32)
    full = stub.Predict(request("step", ids=np.array([[2, 4, 4], [4, 4, 4]]), states=states), timeout=60)
    few = stub.Predict(
        request("step", ids=ids, states=shaped([2, 1, 2, 3], dtype=tf.float32.as_datatype_enum)), timeout=60
    )
    assert few.outputs["log_probabilities"] == full.outputs["log_probabilities"]


def test_a_message_that_is_too_large_or_inflates_to_too_much_is_refused(grpc_server, stub):
    large = request(text=["x" * 50_000_000])
    assert refused(stub.Predict, large)[0] == Code.RESOURCE_EXHAUSTED
    before = grpc_server.metric("process_resident_memory_bytes")
    for _ in range(5):
        assert refused(stub.Predict, large, compression=grpc.Compression.Gzip)[0] == Code.RESOURCE_EXHAUSTED
    assert grpc_server.metric("process_resident_memory_bytes") - before < 100_000_000
    answer = stub.Predict(request(text=["the cat"]), timeout=60, compression=grpc.Compression.Gzip)
    assert answer.outputs["tokens"].float_val[0] == 3


def test_the_other_methods_say_what_to_use(channel, stub):
    classify = classification_pb2.ClassificationRequest()
    use = "the model has no signature for it; use Predict"
    assert refused(stub.Classify, classify) == (Code.UNIMPLEMENTED, f"Classify: {use}")
    assert refused(stub.Regress, regression_pb2.RegressionRequest()) == (Code.UNIMPLEMENTED, f"Regress: {use}")
    code, details = refused(stub.MultiInference, inference_pb2.MultiInferenceRequest())
    assert (code, details.startswith("MultiInference: no signature classifies or regresses; use Predict")) == (
        Code.UNIMPLEMENTED,
        True,
    )
    models = model_service_pb2_grpc.ModelServiceStub(channel)
    code, details = refused(models.HandleReloadConfigRequest, model_management_pb2.ReloadConfigRequest())
    assert code == Code.UNIMPLEMENTED
    assert "always its newest version; push a version or roll it back" in details


def test_status_and_metadata(channel, stub, bigram_model):
    models = model_service_pb2_grpc.ModelServiceStub(channel)
    asked = get_model_status_pb2.GetModelStatusRequest()
    assert refused(models.GetModelStatus, asked)[0] == Code.INVALID_ARGUMENT
    asked.model_spec.name = "model"
    (status,) = models.GetModelStatus(asked, timeout=60).model_version_status
    assert (status.version, status.state, status.status.error_code) == (7, status.AVAILABLE, 0)
    asked.model_spec.version.value = 6
    assert refused(models.GetModelStatus, asked)[0] == Code.NOT_FOUND

    asked = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    asked.model_spec.name = "model"
    response = stub.GetModelMetadata(asked, timeout=60)
    assert (response.model_spec.name, response.model_spec.version.value) == ("model", 7)
    definitions = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(definitions)
    assert set(definitions.signature_def) == {"serving_default", "score", "next_word", "tokenize", "step", "evaluate"}
    definition = definitions.signature_def["next_word"]
    assert definition.method_name == "tensorflow/serving/predict"
    assert definition.inputs["k"].name == "next_word_k:0"
    assert [dim.size for dim in definition.inputs["k"].tensor_shape.dim] == [-1]
    for fields in ([], ["graph"], ["signature_def", "signature_def"]):
        asked.metadata_field[:] = fields
        code, details = refused(stub.GetModelMetadata, asked)
        assert (code, "metadata_field: must be signature_def" in details) == (Code.INVALID_ARGUMENT, True)
