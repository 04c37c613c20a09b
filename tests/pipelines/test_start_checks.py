"""What is refused before a run that starts from another model begins; see also tests/model/test_starting_model.py."""

import json
import os
import shutil
from pathlib import Path

import pytest
from tfx.types import standard_artifacts
from tfx_lm.components.starting_model.find import examples_digest, input_digest
from tfx_lm.components.text_example_gen.content import content_digest
from tfx_lm.exported.damage import write_sums
from tfx_lm.exported.token_identity import FILE
from tfx_lm.exported.training_origin import TrainingOrigin, write_training_origin
from tfx_lm.pipelines.config import load_config
from tfx_lm.pipelines.errors import ConfigurationError
from tfx_lm.pipelines.preflight import check_vocabulary
from tfx_lm.pipelines.start_checks import check_served, check_start, digest_of_input

# The shape of the model of the fixture `trained`.
FITTING = ["trainer.embedding_units=12", "trainer.units=24"]


def check(output: Path, *settings: str) -> None:
    check_start(load_config(None, ["gate.max_perplexity=9", f"output={output}", *FITTING, *settings]))


def refusal(output: Path, *settings: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        check(output, *settings)
    return str(caught.value)


@pytest.mark.parametrize("setting", ["trainer.warm_start=baseline", "vocabulary.from=baseline"])
def test_the_first_run_has_nothing_to_check(tmp_path, setting):
    check(tmp_path, setting)
    (tmp_path / "serving").mkdir()
    check(tmp_path, setting)


@pytest.mark.slow
def test_the_served_model_must_be_of_the_same_kind(trained, tmp_path):
    served = tmp_path / "serving" / "7"
    shutil.copytree(trained.serving_model_dir, served)
    for start in ("trainer.warm_start=baseline", f"trainer.warm_start={served}", f"trainer.warm_start={served.parent}"):
        check(tmp_path, start)
        assert refusal(tmp_path, start, "trainer.layers=3") == (
            f"trainer.warm_start={served}: has trainer.layers=2, and the new model trainer.layers=3; set "
            "trainer.layers=2, or leave trainer.warm_start out to train from new weights"
        )
    assert "has trainer.residual=false, and the new model trainer.residual=true; set" in refusal(
        tmp_path, "trainer.warm_start=baseline", "trainer.residual=true"
    )
    assert "has vocabulary.kind=words, and the new model vocabulary.kind=subwords" in refusal(
        tmp_path, "trainer.warm_start=baseline", "vocabulary.kind=subwords"
    )
    check(tmp_path, "vocabulary.from=baseline", "trainer.layers=3")
    assert refusal(tmp_path, "vocabulary.from=baseline", "data.tokenizer=byte") == (
        f"vocabulary.from=baseline: {served} has data.tokenizer=word, and the new model data.tokenizer=byte; set "
        "data.tokenizer=word, or take vocabulary.from out"
    )


def test_the_served_model_must_read_text_in_the_same_normalization(tmp_path):
    def config(normalization):
        settings = ["gate.max_perplexity=9", f"output={tmp_path}", f"data.normalization={normalization}"]
        return load_config(None, settings)

    check_served(config("nfc"))
    for version in ("7", "10"):
        served = tmp_path / "serving" / version
        (served / "variables").mkdir(parents=True)
        for name in ("saved_model.pb", "variables/variables.index"):
            (served / name).touch()
        (served / FILE).parent.mkdir()
        (served / FILE).write_text(json.dumps({"normalization": "nfc"}))
    check_served(config("nfc"))
    with pytest.raises(ConfigurationError) as refused:
        check_served(config("none"))
    assert str(refused.value) == (
        f"data.normalization=none: the baseline {served} reads text with data.normalization=nfc, and no text is right "
        "for both models; set data.normalization to nfc, or output to another folder, where no model is served yet"
    )
    vocabulary = served / "assets" / "vocabulary"
    vocabulary.parent.mkdir()
    vocabulary.write_text("<pad>\n<unk>\n<s>\n</s>\nthe\n")
    settings = ["gate.max_perplexity=9", f"vocabulary.file={vocabulary}"]
    check_vocabulary(load_config(None, [*settings, "data.normalization=nfc"]))
    with pytest.raises(ConfigurationError, match=r"its model reads text with data\.normalization=nfc; set data\.norm"):
        check_vocabulary(load_config(None, settings))
    (served / "saved_model.pb").unlink()
    with pytest.raises(ConfigurationError, match="serving/7 reads"):
        check_served(config("none"))


def test_a_gate_with_a_tolerance_wants_a_served_model_with_the_same_lower_case(tmp_path):
    def config(lowercase, *settings):
        settings = ["gate.max_perplexity=9", f"output={tmp_path}", f"data.lowercase={lowercase}", *settings]
        return load_config(None, settings)

    served = tmp_path / "serving" / "7"
    (served / "variables").mkdir(parents=True)
    for name in ("saved_model.pb", "variables/variables.index"):
        (served / name).touch()
    check_served(config("false"))
    (served / FILE).parent.mkdir()
    (served / FILE).write_text(json.dumps({"lowercase": True}))
    check_served(config("true"))
    with pytest.raises(ConfigurationError) as refused:
        check_served(config("false"))
    assert str(refused.value) == (
        f"data.lowercase=false: the baseline {served} reads text with data.lowercase=true, and only the model that "
        "keeps capitals is charged for them, so that no tolerance is right; set data.lowercase to true, or "
        "gate.tolerance and gate.slice_tolerance to null, and back for the next text once a model with "
        "data.lowercase=false is served"
    )
    with pytest.raises(ConfigurationError, match="no tolerance is right"):
        check_served(config("false", "gate.tolerance=null"))
    check_served(config("false", "gate.tolerance=null", "gate.slice_tolerance=null"))


@pytest.mark.parametrize(
    ("start", "named"),
    [
        (
            "/nowhere",
            "trainer.warm_start=/nowhere: no such folder; give a pushed version's folder or the folder of all",
        ),
        ("https://example.com/model", "trainer.warm_start: https://example.com/model is a web address"),
    ],
)
def test_a_model_that_is_none(tmp_path, start, named):
    assert named in refusal(tmp_path, f"trainer.warm_start={start}")


@pytest.mark.slow
def test_a_damaged_version_is_passed_over(trained, tmp_path):
    for version in ("7", "8"):
        shutil.copytree(trained.serving_model_dir, tmp_path / "serving" / version)
    (tmp_path / "serving" / "8" / "assets" / "vocabulary").write_text("<pad>\n<unk>\n<s>\n</s>\n")
    check(tmp_path, "trainer.warm_start=baseline")
    assert f"{tmp_path}/serving/7: has trainer.layers=2" in refusal(
        tmp_path, "trainer.warm_start=baseline", "trainer.layers=3"
    )


def test_files_that_were_written_again_are_the_same_input(tmp_path):
    text, other = tmp_path / "text.txt", tmp_path / "other.txt"
    text.write_text("a b\n")
    other.write_text("c\n")
    splits = f"data.splits={{train: [{text}], eval: [{other}]}}"
    config = load_config(None, ["gate.max_perplexity=9", f"output={tmp_path}", splits])
    digest = digest_of_input(config)
    os.utime(text, (1, 1))
    assert digest_of_input(config) == digest
    text.write_text("a d\n")
    assert digest_of_input(config) != digest
    # What StartingModel makes of the Examples of these files.
    made = input_digest([content_digest([("train", str(text)), ("eval", str(other))])])
    assert digest_of_input(config) == made


def test_the_same_files_read_by_another_field_are_another_input(tmp_path):
    file = tmp_path / "text.jsonl"
    file.write_text('{"text": "a", "title": "b"}\n')
    settings = ["gate.max_perplexity=9", f"output={tmp_path}", f"data.files={file}"]
    text, title = (digest_of_input(load_config(None, [*settings, f"data.text_field={it}"])) for it in ("text", "title"))
    made = standard_artifacts.Examples()
    made.set_string_custom_property("content_digest", content_digest([("", str(file))]))
    assert text == examples_digest([made])
    made.set_string_custom_property("text_field", "title")
    assert title == examples_digest([made])
    assert text != title


@pytest.mark.slow
def test_a_model_of_the_same_input_is_passed_over(trained, tmp_path):
    settings = ["trainer.warm_start=baseline", "trainer.layers=3", f"data.files={tmp_path / 'text.txt'}"]
    (tmp_path / "text.txt").write_text("a b\n")
    digest = digest_of_input(load_config(None, ["gate.max_perplexity=9", f"output={tmp_path}", *settings]))
    served = tmp_path / "serving" / "7"
    shutil.copytree(trained.serving_model_dir, served)
    for examples in (digest, "0123456789abcdef"):
        write_training_origin(str(served), TrainingOrigin((), examples))
        write_sums(str(served))
        if examples == digest:
            check(tmp_path, *settings)
        else:
            assert "has trainer.layers=2" in refusal(tmp_path, *settings)


@pytest.mark.parametrize(
    ("start", "remedy"),
    [
        ("baseline", "set vocabulary.from to baseline"),
        ("/m/7", "set vocabulary.file to /m/7/assets/vocabulary"),
        ("/m", "set vocabulary.file to the file assets/vocabulary of the newest version in /m"),
    ],
)
def test_an_adaptive_output_needs_ids_that_stay(tmp_path, start, remedy):
    settings = [f"trainer.warm_start={start}", "trainer.output=adaptive"]
    assert remedy in refusal(tmp_path, *settings)
    load_config(None, ["gate.max_perplexity=9", *settings, "vocabulary.file=/m/7/assets/vocabulary"])
