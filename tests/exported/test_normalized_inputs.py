"""A model of normalized text gets all text in that normalization, by each way to it."""

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner
from tfx_lm import exit_codes
from tfx_lm.cli import cli
from tfx_lm.errors import SettingError
from tfx_lm.exported import completion, scoring
from tfx_lm.exported.exported_model import load_model
from tfx_lm.exported.token_identity import FILE, check_same_normalization, normalization_of, same_tokens
from tfx_lm.server.served_model import ServedModel

pytestmark = pytest.mark.slow

TWO, ONE = "cafe\u0301", "caf\u00e9"


@pytest.fixture(scope="module")
def model(save_table_model, tmp_path_factory):
    """Knows the word café as four characters."""

    def save(normalization):
        folder = save_table_model([ONE], [[-1.0] * 5] * 5, tmp_path_factory.mktemp(normalization) / "7")
        Path(folder, FILE).parent.mkdir(exist_ok=True)
        Path(folder, FILE).write_text(json.dumps({"normalization": normalization}))
        return folder

    return {"nfc": save("nfc"), "none": save("none")}


def example(text):
    feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=[text.encode()]))
    return tf.train.Example(features=tf.train.Features(feature={"text": feature})).SerializeToString()


def test_every_signature_and_the_server_read_the_normalized_text(model):
    loaded, served, other = load_model(model["nfc"]), ServedModel(model["nfc"]), load_model(model["none"])
    for signature, inputs in {
        "score": {"text": [TWO.encode()]},
        "serving_default": {"text": [TWO.encode()]},
        "tokenize": {"text": [TWO.encode()]},
        "next_word": {"text": [TWO.encode()], "k": np.array([1], np.int32)},
        "evaluate": {"examples": [example(TWO)]},
    }.items():
        right = {name: [ONE.encode()] if name == "text" else value for name, value in inputs.items()}
        if signature == "evaluate":
            right = {"examples": [example(ONE)]}
        expected = other.call(signature, **{k: tf.constant(v) for k, v in right.items()})
        answers = [
            loaded.call(signature, **{name: tf.constant(value) for name, value in inputs.items()}),
            served.call(signature, {name: np.array(value) for name, value in inputs.items()}),
        ]
        for found in answers:
            assert {name: value.tolist() for name, value in found.items()} == {
                name: value.tolist() for name, value in expected.items()
            }
    assert served.count_tokens([TWO.encode()]).tolist() == [1]


def test_a_long_text_does_not_make_others_as_long_when_tokens_are_counted(model, monkeypatch):
    served = ServedModel(model["none"])
    shapes, call = [], served.call

    def recorded(signature, inputs):
        outputs = call(signature, inputs)
        shapes.append(outputs["mask"].shape)
        return outputs

    monkeypatch.setattr(served, "call", recorded)
    texts = [b"a " * 5, b"a " * 200_000, b"a " * 7]
    assert served.count_tokens(texts).tolist() == [5, 200_000, 7]
    assert [rows for rows, _ in shapes] == [2, 1]


def test_a_model_without_it_reads_text_as_it_is(model):
    (line,) = scoring.score_lines(load_model(model["none"]), [TWO.encode()])
    assert line.sums.oov_tokens == 1
    (line,) = scoring.score_lines(load_model(model["nfc"]), [TWO.encode()])
    assert (line.sums.oov_tokens, line.sums.bytes) == (0, len(ONE.encode()) + 1)


def test_a_continuation_keeps_the_text_as_it_was_given(model):
    assert completion.complete(load_model(model["nfc"]), TWO, 1, temperature=0, top_k=None).startswith(TWO)


def test_models_of_different_normalizations_are_not_compared(model, tmp_path):
    (tmp_path / "lines.txt").write_text(f"{TWO}\n")
    result = CliRunner().invoke(cli.main, ["compare", model["nfc"], model["none"], str(tmp_path / "lines.txt")])
    assert result.exit_code == exit_codes.BAD_INPUT
    assert result.output == (
        f"tfx-lm: {model['nfc']} reads text with normalization=nfc, {model['none']} with normalization=none, so that "
        "they do not read the same text; compare models with the same normalization\n"
    )
    with pytest.raises(SettingError, match=r"^normalization=nfc: the baseline .* reads text with normalization=none"):
        check_same_normalization(model["nfc"], model["none"])
    check_same_normalization(model["nfc"], model["nfc"])
    assert not same_tokens(model["nfc"], model["none"])


def test_a_normalization_of_a_later_version_is_refused(tmp_path):
    Path(tmp_path, FILE).parent.mkdir()
    Path(tmp_path, FILE).write_text(json.dumps({"normalization": "nfkd"}))
    with pytest.raises(ValueError, match="reads text in the normalization 'nfkd'; use the version of tfx_lm that made"):
        normalization_of(str(tmp_path))
