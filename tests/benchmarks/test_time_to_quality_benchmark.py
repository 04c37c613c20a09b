"""The benchmark of the minutes until a perplexity; without PyTorch, and with a training of another test's."""

import json
import math
import sys

import click
import pytest
import yaml
from click.testing import CliRunner
from tfx_lm.pipelines.config import load_config
from tfx_lm.transform.vocabulary import RESERVED


@pytest.fixture
def time_to_quality(benchmark_module):
    return benchmark_module("time_to_quality")


def test_the_seconds_until_a_perplexity(time_to_quality):
    epochs = [time_to_quality.Epoch(60.0, perplexity) for perplexity in (150.0, 120.0, 105.0, 100.0)]
    assert time_to_quality.seconds_until(110, epochs) == 180.0
    assert time_to_quality.seconds_until(105, epochs) == 180.0
    assert math.isnan(time_to_quality.seconds_until(99, epochs))


def test_both_must_score_as_many_tokens(time_to_quality, tmp_path):
    (tmp_path / "valid.txt").write_text(" a b \n\n c\u00a0d\n", encoding="utf-8")
    assert time_to_quality.tokens_of(tmp_path / "valid.txt") == 5
    time_to_quality.check_tokens(5, 5)
    with pytest.raises(click.ClickException, match="has 5 tokens for ours and 6 for word_language_model"):
        time_to_quality.check_tokens(5, 6)


def test_the_configuration_is_one_of_ours(time_to_quality, text, tmp_path):
    config = time_to_quality.configuration(text, text, {"units": 9, "epochs": 3})
    (tmp_path / "pipeline.yaml").write_text(yaml.safe_dump(config))
    loaded = load_config(tmp_path / "pipeline.yaml", ["output=out"])
    assert loaded.vocabulary.size == len(set(text.read_text().split())) + len(RESERVED)
    assert (loaded.data.documents, loaded.data.context_tokens) == ("file", 48)
    assert (loaded.trainer.units, loaded.trainer.epochs, loaded.trainer.schedule) == (9, 3, "cosine")


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Writes a program `tfx-lm` beside the interpreter, for this test."""

    def write(*lines: str) -> None:
        file = tmp_path / "tfx-lm"
        file.write_text("\n".join([f"#!{sys.executable}", "import json, pathlib, sys", *lines]))
        file.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))

    return write


def test_our_training_is_a_run_up_to_the_trainer(time_to_quality, program, tmp_path):
    epochs = [
        {"seconds": 60.5, "perplexity": 200.0, "validation_perplexity": 150.0, "validation_tokens": 73760.0},
        {"seconds": 50.5, "perplexity": 130.0, "validation_perplexity": 120.0, "validation_tokens": 73760.0},
    ]
    program(
        "assert sys.argv[1] == 'run' and sys.argv[-2:] == ['--to', 'Trainer']",
        "output = pathlib.Path(sys.argv[sys.argv.index('--output') + 1], 'artifacts')",
        "output.mkdir(parents=True)",
        f"(output / 'training.json').write_text({json.dumps({'epochs': epochs})!r})",
    )
    course = time_to_quality.train_ours({"name": "x"}, tmp_path / "run")
    assert course == ([(60.5, 150.0), (50.5, 120.0)], 73760)
    assert yaml.safe_load((tmp_path / "run" / "pipeline.yaml").read_text()) == {"name": "x"}


def test_a_run_that_fails_ends_the_benchmark(time_to_quality, program, tmp_path):
    program("sys.exit('the text is missing')")
    with pytest.raises(click.ClickException, match="ended with 1:\nthe text is missing"):
        time_to_quality.train_ours({}, tmp_path / "run")


def test_the_table(time_to_quality, assert_readable, capsys):
    from rich.console import Console

    epochs = [time_to_quality.Epoch(90.0, 150.0), time_to_quality.Epoch(60.0, 109.5)]
    courses = {name: time_to_quality.Course(epochs, 9) for name in (time_to_quality.OURS, time_to_quality.PEER)}
    Console(width=80).print(time_to_quality.table(courses))
    lines = capsys.readouterr().out.splitlines()
    assert_readable(lines)
    assert ["word_language_model", "2", "2.50", "109.50"] in [line.split() for line in lines]


def test_without_pytorch_nothing_begins(time_to_quality, text):
    arguments = ["--data", str(text), "--validation", str(text), "--torch-python", "/bin/false"]
    done = CliRunner().invoke(time_to_quality.main, arguments)
    assert done.exit_code == 2
    assert "--torch-python /bin/false: has no PyTorch" in " ".join(done.output.split())
