"""The whole pipeline on a made-up corpus: first as a user runs it, in a process of its own."""

import json
import math
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from helpers.local_run import CONFIG, Run, made_up_corpus, run_here, run_pipeline, tfx_lm
from tfx_lm.cli.cli import main
from tfx_lm.pipelines.config import load_config

pytestmark = pytest.mark.slow

NODES = [
    "TextExampleGen",
    "StatisticsGen",
    "SchemaGen",
    "ExampleValidator",
    "Transform",
    "Trainer",
    "Baseline",
    "Evaluator",
    "Report",
    "ServingCheck",
    "Pusher",
]


@pytest.fixture(scope="module")
def first(local_run) -> Run:
    return local_run


@pytest.fixture(scope="module")
def folder(first) -> Path:
    return first.output.parent


@pytest.fixture(scope="module")
def second(first, folder) -> Run:
    return run_pipeline(folder, command=run_here)


@pytest.fixture(scope="module")
def changed(second, folder) -> Run:
    return run_pipeline(folder, "trainer.learning_rate=0.03", command=run_here)


def test_every_node_completes_and_the_model_is_pushed(first):
    assert list(first.states) == NODES
    assert set(first.states.values()) == {"COMPLETE"}
    assert first.summary["schema"] == 1
    assert first.summary["gate"]["blessed"] is True
    assert first.summary["baseline"] is None
    pushed = Path(first.summary["pushed_model"])
    assert pushed.parent == first.output / "serving"
    assert (pushed / "saved_model.pb").exists()
    assert (pushed / "assets.extra" / "tf_serving_warmup_requests").exists()
    assert first.summary["serving_check"]["blessed"] is True
    assert first.summary["serving_check"]["largest_difference"] <= 1e-5
    assert first.summary["report"] in first.done.stdout
    page = Path(first.summary["report"]).read_text(encoding="utf-8")
    assert "There was no baseline." in page
    assert "the smallest that keeps 99.9 % of the training tokens" in page


def test_the_terminal_shows_progress_and_results_only(first):
    assert first.done.stderr == ""
    for noise in ("WARNING", "I0000", "tensorflow/core", "INFO:", "FutureWarning"):
        assert noise not in first.done.stdout
    assert "Perplexity per token" in first.done.stdout
    assert len(first.done.stdout.splitlines()) < 60
    (log,) = (first.output / "logs").glob("*.log")
    assert log.stat().st_size > 1000


def output_of(*arguments: object) -> str:
    """What a command prints, in this process; `test_readme.py` starts one for each."""
    done = CliRunner().invoke(main, list(map(str, arguments)))
    assert done.exit_code == 0, done.output
    return done.output


def eval_lines(run: Run) -> list[bytes]:
    import tensorflow as tf

    (split,) = (run.output / "artifacts" / "TextExampleGen" / "examples").glob("*/Split-eval")
    files = sorted(str(path) for path in split.iterdir())
    records = tf.data.TFRecordDataset(files, compression_type="GZIP").as_numpy_iterator()
    return [tf.train.Example.FromString(record).features.feature["text"].bytes_list.value[0] for record in records]


def test_the_perplexity_is_that_of_the_pushed_models_own_token_scores(first):
    import tensorflow as tf

    model = tf.saved_model.load(first.summary["pushed_model"])
    lines = eval_lines(first)
    losses, tokens = 0.0, 0
    for start in range(0, len(lines), 37):
        scores = model.signatures["score"](text=tf.constant(lines[start : start + 37]))
        mask = scores["mask"].numpy().astype(np.float64)
        losses -= (scores["log_probabilities"].numpy().astype(np.float64) * mask).sum()
        tokens += int(mask.sum())
    evaluation = first.summary["evaluation"]
    assert evaluation["tokens"] == tokens
    assert evaluation["perplexity"] == pytest.approx(math.exp(losses / tokens), rel=1e-4)
    low, high = evaluation["perplexity_ci95"]
    assert low < evaluation["perplexity"] < high


def test_training_evaluation_and_scoring_agree(first, folder):
    """The Trainer's best validation loss, the Evaluator's and the command line's, on the same sentences."""
    evaluation = first.summary["evaluation"]
    (history,) = first.output.rglob("training.json")
    epochs = json.loads(history.read_text())["epochs"]
    best = min(epoch["validation_perplexity"] for epoch in epochs)
    assert best == pytest.approx(evaluation["perplexity"], rel=1e-4)

    text = folder / "eval.txt"
    text.write_bytes(b"".join(line + b"\n" for line in eval_lines(first)))
    corpus = json.loads(output_of("score", first.summary["pushed_model"], text).splitlines()[-1])
    for key in ("tokens", "oov_tokens", "truncated_tokens", "bytes"):
        assert corpus[key] == evaluation[key]
    assert corpus["perplexity"] == pytest.approx(evaluation["perplexity"], rel=1e-4)
    assert corpus["bits_per_byte"] == pytest.approx(evaluation["bits_per_byte"], rel=1e-4)


def test_the_model_completes_text_from_any_folder_above_it(first):
    *candidates, text = output_of(
        "complete", first.output / "serving", "the old", "--top-k", 3, "--length", 4
    ).splitlines()
    assert len(candidates) == 3
    assert all(0.0 < float(line.split()[0]) < 1.0 for line in candidates)
    assert text.startswith("the old ")


@pytest.mark.parametrize("level", [None, "3"])
def test_results_come_without_messages_of_tensorflow(first, monkeypatch, level):
    if level is None:
        monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    else:
        monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", level)
    scored = tfx_lm("score", str(first.output / "serving"), stdin="the old cat\n")
    assert (scored.returncode, len(scored.stdout.splitlines()), scored.stderr) == (0, 2, "")


def test_the_pushed_model_is_served(first):
    command = [str(Path(sys.executable).parent / "tfx-lm"), "serve", str(first.output / "serving"), "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        url = re.search(r"http://\S+:predict", server.stdout.readline()).group()
        question = {"signature_name": "next_word", "inputs": {"text": ["the old"], "k": 3}}
        with urllib.request.urlopen(url, json.dumps(question).encode(), timeout=60) as response:
            answer = json.load(response)["outputs"]
    finally:
        server.terminate()
        assert server.communicate(timeout=60)[1] == ""
    assert len(answer["words"][0]) == 3
    assert all(log_probability < 0 for log_probability in answer["log_probabilities"][0])


def test_a_second_run_is_cached(second):
    """Though the newest model at the push destination is now the first run's own."""
    assert set(second.states.values()) == {"CACHED"}
    assert second.summary["gate"]["blessed"] is True
    assert second.summary["baseline"] is None


def test_a_changed_hyperparameter_runs_the_trainer_and_what_follows(changed, first):
    cached = {"TextExampleGen", "StatisticsGen", "SchemaGen", "ExampleValidator", "Transform"}
    assert {node for node, state in changed.states.items() if state == "CACHED"} == cached
    after = ("Trainer", "Baseline", "Evaluator", "ServingCheck", "Pusher", "Report")
    assert {changed.states[node] for node in after} == {"COMPLETE"}
    assert changed.summary["baseline"]["perplexity"] == pytest.approx(
        first.summary["evaluation"]["perplexity"], rel=1e-4
    )
    assert "Got better the most" in Path(changed.summary["report"]).read_text(encoding="utf-8")


def test_two_pushed_models_are_compared(changed, first, folder):
    models = (run.summary["pushed_model"] for run in (changed, first))
    table = output_of("compare", *models, folder / "corpus.txt")
    assert "MODEL_A would" in table
    assert "sentence_length: 0 to 10" in table


def test_a_rollback_goes_back_to_the_first_model(changed, first):
    serving = first.output / "serving"
    assert output_of("rollback", serving).endswith(f"The newest version is now {first.summary['pushed_model']}\n")
    withdrawn = serving / f"withdrawn-{Path(changed.summary['pushed_model']).name}"
    assert (withdrawn / "saved_model.pb").exists()
    withdrawn.rename(changed.summary["pushed_model"])


def test_a_failed_node_says_why_and_leaves_what_was_made(folder, changed):
    bad = folder / "bad"
    bad.mkdir()
    # Without the NUL: a file with both would be refused as binary before the run.
    (bad / "corpus.txt").write_bytes(made_up_corpus(200).replace("\0", " ").encode() + b"broken \xff line\n")
    (bad / "small.yaml").write_text(CONFIG)
    files = "--config", bad / "small.yaml", "--data", bad / "corpus.txt", "--output", bad / "output"
    done = run_here("run", *files)
    assert done.returncode == 1
    line = (bad / "corpus.txt").read_bytes().count(b"\n")
    assert f"corpus.txt line {line}" in done.stdout
    assert "data.invalid_utf8" in done.stdout
    summary = json.loads((bad / "output" / "summary.json").read_text())
    assert [node["state"] for node in summary["nodes"]] == ["FAILED"] + ["SKIPPED"] * (len(NODES) - 1)
    assert summary["pushed_model"] is summary["report"] is None


def test_part_of_the_pipeline(folder, changed):
    part = (
        "run", "--config", folder / "small.yaml", "--data", folder / "corpus.txt",
        "--output", folder / "output", "--from", "Evaluator", "--set", "gate.max_perplexity=1.5", "--require-push",
    )  # fmt: skip
    # The model of the latest run is one of another setting than this run's.
    refused = run_here(*part)
    assert refused.returncode == 2
    assert "custom_config.trainer.learning_rate: 0.03 then, 0.02 now); run with --from Trainer" in refused.stderr
    run = run_here(*part, "--set", "trainer.learning_rate=0.03")
    assert run.returncode == 3, run.stdout + run.stderr
    assert "Not blessed" in run.stdout
    summary = json.loads((folder / "output" / "summary.json").read_text())
    states = {node["id"]: node["state"] for node in summary["nodes"]}
    assert states["Trainer"] == "SKIPPED"
    assert states["Evaluator"] == "COMPLETE"
    assert any("> gate.max_perplexity 1.5" in reason for reason in summary["gate"]["reasons"])


def test_a_model_that_does_not_serve_is_not_pushed_and_the_summary_says_why(folder, changed):
    versions = set((folder / "output" / "serving").iterdir())
    overrides = "trainer.learning_rate=0.03", "serving_check.timeout_seconds=0.1"
    run = run_pipeline(folder, *overrides, command=run_here)
    assert run.summary["gate"]["blessed"] is True
    (reason,) = run.summary["serving_check"]["reasons"]
    assert "did not end within 0.1 s (serving_check.timeout_seconds)" in reason
    assert "Does not serve" in run.done.stdout
    assert run.summary["pushed_model"] is None
    assert set((folder / "output" / "serving").iterdir()) == versions


def test_a_search_whose_best_trial_the_trainer_follows(folder, changed):
    # The last test here, since no later one could go on from a run that ends with the Trainer.
    run = run_here(
        "run", "--config", folder / "small.yaml", "--data", folder / "corpus.txt", "--output", folder / "output",
        "--to", "Trainer", "--set", "tuner.trials=2", "--set", "tuner.space={learning_rate: [1.0e+9]}",
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    own, diverged = json.loads((folder / "output" / "summary.json").read_text())["tuner"]
    assert (own["values"], diverged["values"]) == ({"learning_rate": 0.02}, {"learning_rate": 1e9})
    assert (own["failure"], diverged["perplexity"]) == (None, None)
    assert "the training diverged" in diverged["failure"]
    assert "lower trainer.learning_rate (1e+09)" in diverged["failure"]
    newest = max((folder / "output" / "artifacts" / "Trainer" / "model_run").iterdir(), key=lambda path: int(path.name))
    record = json.loads((newest / "training.json").read_text())
    assert record["options"]["learning_rate"] == 0.02
    # A trial is the Trainer's own training.
    assert min(epoch["validation_perplexity"] for epoch in record["epochs"]) == own["perplexity"]
    assert list((folder / "output" / "tuning_backup").iterdir()) == []
    tuned = load_config(folder / "output" / "tuned.yaml")
    assert (tuned.trainer, tuned.tuner.trials) == (load_config(folder / "small.yaml").trainer, 0)
