"""What is refused before a run that starts from another model begins; see also tests/model/test_starting_model.py."""

import shutil
from pathlib import Path

import pytest
from tfx_lm.pipelines.config import load_config
from tfx_lm.pipelines.errors import ConfigurationError
from tfx_lm.pipelines.start_checks import check_start

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


def test_the_served_model_must_be_of_the_same_kind(trained, tmp_path):
    served = tmp_path / "serving" / "7"
    shutil.copytree(trained.serving_model_dir, served)
    for start in ("trainer.warm_start=baseline", f"trainer.warm_start={served}", f"trainer.warm_start={served.parent}"):
        check(tmp_path, start)
        assert refusal(tmp_path, start, "trainer.layers=3") == (
            f"trainer.warm_start={served}: has trainer.layers=2, and the new model trainer.layers=3; set "
            "trainer.layers=2, or leave trainer.warm_start out to train from new weights"
        )
    check(tmp_path, "vocabulary.from=baseline", "trainer.layers=3")
    assert refusal(tmp_path, "vocabulary.from=baseline", "data.tokenizer=byte") == (
        f"vocabulary.from=baseline: {served} has data.tokenizer=word, and the new model data.tokenizer=byte; set "
        "data.tokenizer=word, or take vocabulary.from out"
    )


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
