"""Examples tell in which normalization they were read, and the components that are told another one refuse them."""

import json
import re
from pathlib import Path

import pytest
from tfx.components.trainer import executor as tfx_trainer
from tfx.components.tuner import executor as tfx_tuner
from tfx.types import standard_artifacts
from tfx_lm.components.bulk_score import executor as bulk_score
from tfx_lm.components.evaluator import executor as evaluator
from tfx_lm.components.normalization import (
    NORMALIZATION,
    check_as_model_reads,
    check_normalization,
    record_normalization,
)
from tfx_lm.components.text_transform import executor as text_transform
from tfx_lm.components.trainer import executor as trainer
from tfx_lm.components.tuner import executor as tuner
from tfx_lm.errors import SettingError
from tfx_lm.exported.gate_options import GateOptions
from tfx_lm.exported.token_identity import FILE
from tfx_lm.transform.options import TextOptions


def read_in(normalization: str | None) -> standard_artifacts.Examples:
    examples = standard_artifacts.Examples()
    examples.uri = "/examples/1"
    if normalization is not None:
        record_normalization([examples], normalization)
    return examples


def refusal(told: str, read: str) -> str:
    return re.escape(
        f"normalization={told}: the Examples /examples/1 were read with normalization={read}; give the same to "
        "TextExampleGen, Transform and Trainer"
    )


def test_examples_that_do_not_tell_are_not_checked():
    check_normalization([read_in(None), read_in("nfc")], "nfc")
    check_normalization([read_in(None)], "none")
    with pytest.raises(SettingError, match=refusal("nfc", "none")):
        check_normalization([read_in(None), read_in("none")], "nfc")


@pytest.mark.parametrize("read", [None, "none", "nfc"])
@pytest.mark.parametrize("told", ["none", "nfc"])
def test_transform_refuses_another_one_and_passes_on_its_own(monkeypatch, tmp_path, told, read):
    made, transformed = [], standard_artifacts.Examples()
    transformed.uri = str(tmp_path)
    monkeypatch.setattr(text_transform, "_do", lambda *arguments: made.append(arguments))
    properties = {"custom_config": json.dumps(TextOptions(normalization=told).model_dump(mode="json"))}
    inputs, outputs = {"examples": [read_in(read)]}, {"transformed_examples": [transformed]}
    if read in (None, told):
        text_transform.Executor().Do(inputs, outputs, properties)
        assert transformed.get_string_custom_property(NORMALIZATION) == told
    else:
        with pytest.raises(SettingError, match=refusal(told, read)):
            text_transform.Executor().Do(inputs, outputs, properties)
        assert not made


class Started(Exception):
    """TFX's own executor would train now."""


@pytest.mark.parametrize("executor", [trainer.Executor, tuner.Executor])
@pytest.mark.parametrize("read", [None, "none", "nfc"])
@pytest.mark.parametrize("told", ["none", "nfc"])
def test_trainer_and_tuner_refuse_another_one(monkeypatch, executor, told, read):
    def start(*arguments, **options):
        raise Started

    monkeypatch.setattr(tfx_trainer.GenericExecutor, "Do", start)
    monkeypatch.setattr(tfx_tuner, "search", start)
    results = standard_artifacts.TunerResults()
    results.uri = "/results/1"
    config = {"trainer": {}, "transform": TextOptions(normalization=told).model_dump(mode="json")}
    expected = Started if read in (None, told) else SettingError
    with pytest.raises(expected, match=refusal(told, read) if expected is SettingError else None):
        executor().Do(
            {"examples": [read_in(read)]}, {"tuner_results": [results]}, {"custom_config": json.dumps(config)}
        )


def test_a_trainer_that_is_told_nothing():
    given = TextOptions().model_dump(mode="json")
    del given["normalization"]
    with pytest.raises(SettingError, match=refusal("none", "nfc")):
        properties = {"custom_config": json.dumps({"trainer": {}, "transform": given})}
        trainer.Executor().Do({"examples": [read_in("nfc")]}, {}, properties)


def model_that_reads(folder: Path, normalization: str) -> standard_artifacts.Model:
    (folder / "Format-Serving" / FILE).parent.mkdir(parents=True)
    # As `token_identity` writes it.
    identity = {} if normalization == "none" else {"normalization": normalization}
    (folder / "Format-Serving" / FILE).write_text(json.dumps(identity))
    model = standard_artifacts.Model()
    model.uri = str(folder)
    return model


@pytest.mark.parametrize("read", ["none", "nfc"])
@pytest.mark.parametrize("told", ["none", "nfc"])
def test_a_model_scores_what_was_read_as_it_reads(tmp_path, told, read):
    model = model_that_reads(tmp_path, told).uri + "/Format-Serving"
    if read == told:
        check_as_model_reads([read_in(None), read_in(read)], model)
        return
    with pytest.raises(SettingError) as refused:
        check_as_model_reads([read_in(None), read_in(read)], model)
    assert str(refused.value) == (
        f"the Examples /examples/1 were read with normalization={read}, and the model {model} reads text with "
        f"normalization={told}; give normalization={told} to the TextExampleGen that reads them"
    )


@pytest.mark.parametrize("component", [evaluator, bulk_score])
def test_evaluator_and_bulk_score_refuse_another_one_before_any_work(monkeypatch, tmp_path, component):
    monkeypatch.setattr(component, "split_files", lambda examples, splits: [])
    monkeypatch.setattr(bulk_score, "check_signature", lambda model, signature: None)
    output = standard_artifacts.Examples()
    inputs = {"examples": [read_in("none")], "model": [model_that_reads(tmp_path / "model", "nfc")]}
    outputs = {name: [output] for name in ("evaluation", "blessing", "scored_examples")}
    gate = {**GateOptions(max_perplexity=9.0).model_dump(mode="json"), "slices": "[]"}
    properties = {**gate, "example_splits": '["eval"]', "keep": "tokens > 1"}
    with pytest.raises(SettingError, match=r"^the Examples /examples/1 were read with normalization=none"):
        component.Executor().Do(inputs, outputs, properties)
