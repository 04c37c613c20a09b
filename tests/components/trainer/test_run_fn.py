"""A training from transformed examples to the exported model, and all that can go wrong with it."""

import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf
from tfx_lm import progress
from tfx_lm.components.trainer.backup import Backup
from tfx_lm.components.trainer.fit import train
from tfx_lm.components.trainer.run_fn import run_fn
from tfx_lm.components.trainer.training import TrainableLanguageModel
from tfx_lm.components.trainer.training_warnings import training_warnings
from tfx_lm.components.trainer.transformed_examples import list_files
from tfx_lm.exported.training_origin import read_training_origin
from tfx_lm.model.loss import LossSums
from tfx_lm.model.options import TrainerOptions
from tfx_lm.pipelines.setting_names import in_yaml_terms, yaml_key

pytestmark = pytest.mark.slow


def training_json(fn_args):
    return json.loads((pathlib.Path(fn_args.model_run_dir) / "training.json").read_text())


def unigram_entropy(corpus):
    """Nats per token of the eval split under the word frequencies of the train split."""
    counts = np.bincount(np.concatenate(corpus.ids["train"]), minlength=corpus.vocabulary_size) + 1.0
    return -np.log(counts / counts.sum())[np.concatenate(corpus.ids["eval"])].mean()


def test_the_model_learns_more_than_word_frequencies(trained, corpus):
    epochs = training_json(trained)["epochs"]
    assert min(epoch["validation_loss"] for epoch in epochs) < 0.6 * unigram_entropy(corpus)
    # The frequencies are where it starts from.
    assert epochs[0]["loss"] < unigram_entropy(corpus) * 1.05


def test_training_json_says_what_was_done(trained, corpus):
    document = training_json(trained)
    assert document["schema"] == 1
    assert document["vocabulary_size"] == corpus.vocabulary_size
    assert document["train"]["sentences"] == 600
    assert document["train"]["tokens"] == sum(map(len, corpus.ids["train"]))
    assert document["train"]["padding"] < 0.05
    assert [epoch["epoch"] for epoch in document["epochs"]] == list(range(1, len(document["epochs"]) + 1))
    for epoch in document["epochs"]:
        assert epoch["tokens"] == document["train"]["tokens"]
        assert epoch["validation_tokens"] == document["eval"]["tokens"]
        assert epoch["perplexity"] == pytest.approx(np.exp(epoch["loss"]))
        assert epoch["tokens_per_second"] > 0
    best = min(document["epochs"], key=lambda epoch: epoch["validation_perplexity"])
    assert document["best_epoch"] == best["epoch"]


def test_the_model_keeps_what_its_text_was_like(trained, corpus):
    text = read_training_origin(trained.serving_model_dir).text
    tokens = sum(map(len, corpus.ids["train"])) - 600
    # A line that was cut has no `</s>`, 3.
    words = sum(np.count_nonzero(np.array(ids) != 3) for ids in corpus.ids["train"])
    assert (text.lines, text.tokens, text.looked_up) == (600, tokens, words)
    assert words > tokens
    assert text.unknown == sum(ids.count(1) for ids in map(list, corpus.ids["train"]))
    assert text.longest == max(map(len, corpus.ids["train"])) - 1
    assert sum(text.by_length.values()) == 600


def test_tensorboard_has_a_point_for_each_epoch(trained):
    for name in ("train", "validation"):
        (path,) = (pathlib.Path(trained.model_run_dir) / name).iterdir()
        steps = [
            event.step
            for event in tf.compat.v1.train.summary_iterator(str(path))
            for value in event.summary.value
            if value.tag == "perplexity"
        ]
        assert steps == [epoch["epoch"] for epoch in training_json(trained)["epochs"]]


def test_the_validation_of_the_best_epoch_is_what_the_exported_model_says(trained, corpus):
    model = tf.saved_model.load(trained.serving_model_dir)
    sums = model.signatures["score"](text=tf.constant(corpus.lines["eval"]))
    perplexity = np.exp(np.sum(sums["nll"]) / np.sum(sums["tokens"]))
    document = training_json(trained)
    best = document["epochs"][document["best_epoch"] - 1]
    assert perplexity == pytest.approx(best["validation_perplexity"], rel=1e-4)


@pytest.fixture
def exported(monkeypatch):
    """The folders to which models would have been exported: that takes seconds, and `trained` shows what they hold."""
    folders = []

    def export_model(model, transform, config, directory, *origin):
        folders.append(directory)

    monkeypatch.setattr("tfx_lm.components.trainer.run_fn.export_model", export_model)
    return folders


def test_progress_is_reported_with_the_fraction_done(corpus, tmp_path, exported, monkeypatch):
    monkeypatch.setattr("tfx_lm.components.trainer.callbacks.REPORT_EVERY", 0.0)
    said = []
    with progress.listening(lambda text, fraction: said.append((text, fraction))):
        run_fn(corpus.fn_args(tmp_path, epochs=2, layers=1, tied_embedding=False))
    texts = [text for text, _ in said]
    assert any(text.startswith("epoch 1/2  loss ") and text.endswith(" tokens/s") for text in texts)
    assert any("epoch 2/2  loss" in text and "validation perplexity" in text for text in texts)
    fractions = [fraction for _, fraction in said if fraction is not None]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0


@pytest.mark.parametrize(
    ("options", "cause"),
    [
        ({"learning_rate": 1e30, "clip_norm": 1e30}, r"step 2 \(epoch 1, batch 2 of \d+\): loss=(nan|inf)"),
        (
            {"learning_rate": 1e30, "clip_norm": 1e30, "precision": "bfloat16"},
            r"step \d+ \(epoch 1, .*: (loss=|its grad)",
        ),
        ({"learning_rate": 1e6}, r"loss=\S+ in epoch 1 at its end: the training diverged, since a uniform guess has 3"),
        ({"learning_rate": 1e6, "output": "adaptive", "adaptive_cutoffs": [10]}, "at its end: the training diverged"),
        # Which of the two overflows first depends on the units that are dropped.
        (
            {"learning_rate": 100.0, "optimizer": "sgd", "clip_norm": 1e30},
            r"step \d+ \(epoch 1, .*: (loss=(nan|inf)|its gradient is not finite)",
        ),
    ],
    ids=["nan", "bfloat16", "finite", "adaptive", "sgd"],
)
def test_a_diverging_training_says_so_and_exports_nothing(corpus, tmp_path, options, cause):
    fn_args = corpus.fn_args(tmp_path, epochs=2, layers=1, **options)
    with pytest.raises(FloatingPointError, match=cause) as caught:
        run_fn(fn_args)
    rate, norm = options["learning_rate"], options.get("clip_norm", 1.0)
    remedy = f"nothing is exported; lower trainer.learning_rate ({rate:g}) or trainer.clip_norm ({norm:g})"
    assert remedy in str(in_yaml_terms(caught.value))
    assert not pathlib.Path(fn_args.serving_model_dir).exists()


def break_steps(monkeypatch, first, last):
    """Makes the losses of some steps, counted from 0, NaN."""
    sums = TrainableLanguageModel._sums

    def broken(model, *arguments):
        (nll, tokens), states = sums(model, *arguments)
        step = model.optimizer.iterations.value
        return LossSums(nll * tf.where((step >= first) & (step <= last), float("nan"), 1.0), tokens), states

    monkeypatch.setattr(TrainableLanguageModel, "_sums", broken)


def test_a_step_that_is_not_finite_is_left_out_if_that_is_asked_for(corpus, tmp_path, exported, monkeypatch):
    break_steps(monkeypatch, 1, 2)
    fn_args = corpus.fn_args(tmp_path, epochs=2, layers=1, on_nonfinite="skip")
    run_fn(fn_args)
    document = training_json(fn_args)
    assert [epoch["skipped_steps"] for epoch in document["epochs"]] == [2, 0]
    assert 0 < document["epochs"][0]["tokens"] < document["train"]["tokens"] == document["epochs"][1]["tokens"]
    assert document["epochs"][1]["validation_loss"] < unigram_entropy(corpus)
    assert exported == [fn_args.serving_model_dir]
    steps = 2 * document["train"]["batches"]
    (warning,) = training_warnings(fn_args.model_run_dir)
    assert warning.with_names(yaml_key) == (
        f"2 of the {steps} training steps were skipped (trainer.on_nonfinite=skip), since their loss or gradient was "
        "not finite; lower trainer.learning_rate or trainer.clip_norm"
    )


def test_the_last_good_weights_survive(corpus, trained, tmp_path, monkeypatch):
    batches = training_json(trained)["train"]["batches"]
    break_steps(monkeypatch, batches, 10**6)
    fn_args = corpus.fn_args(tmp_path, tmp_path / "backup", epochs=3, layers=1)
    expected = rf"^step {batches + 1} \(epoch 2, batch 1 of {batches}\): loss=nan; nothing is exported"
    with pytest.raises(FloatingPointError, match=expected):
        run_fn(fn_args)
    (backup,) = (tmp_path / "backup").iterdir()
    content = np.load(backup)
    assert json.loads(content["facts"].tobytes())["epochs_done"] == 1
    assert all(np.isfinite(content[name]).all() for name in content.files)
    # The best weights are the averages, which the optimizer has last, and not those that are trained.
    best, variables = (
        [content[name] for name in sorted(content.files) if name.startswith(prefix)]
        for prefix in ("best_", "variable_")
    )
    for kept, trained, average in zip(best, variables, variables[-len(best) :], strict=False):
        np.testing.assert_array_equal(kept, average)
        assert (kept != trained).any()


def test_it_stops_when_the_validation_gets_no_better(corpus, tmp_path, exported):
    fn_args = corpus.fn_args(tmp_path, learning_rate=1e-12, epochs=50, early_stopping_patience=2, layers=1)
    run_fn(fn_args)
    document = training_json(fn_args)
    assert document["stopped_early"]
    assert exported == [fn_args.serving_model_dir]
    assert len(document["epochs"]) < 50
    assert len(document["epochs"]) == document["best_epoch"] + 2
    rates = [epoch["learning_rate"] for epoch in document["epochs"]]
    assert rates[-1] == pytest.approx(rates[0] / 2)


def test_the_same_seed_gives_the_same_model(corpus, trained, tmp_path):
    first = training_json(trained)["epochs"][0]["validation_loss"]
    seed = trained.custom_config["trainer"]["seed"]
    losses = []
    for name, other in (("same", seed), ("another", seed + 1)):
        fn_args = corpus.fn_args(tmp_path / name, epochs=1, seed=other)
        options = TrainerOptions.from_config(fn_args.custom_config["trainer"])
        files = [list_files(corpus.patterns[split], split) for split in ("train", "eval")]
        train(options, *files, corpus.vocabulary_size, Backup(str(tmp_path / name), {}), fn_args.model_run_dir)
        losses.append(training_json(fn_args)["epochs"][0]["validation_loss"])
    assert losses[0] == pytest.approx(first, rel=1e-5)
    assert losses[1] != pytest.approx(first, rel=1e-4)


@pytest.mark.parametrize("split", ["train", "eval"])
def test_a_split_without_sentences_is_an_error(corpus, write_examples, tmp_path, split):
    write_examples(tmp_path / "empty.gz", [])
    fn_args = corpus.fn_args(tmp_path)
    setattr(fn_args, f"{split}_files", [str(tmp_path / "empty.gz")])
    with pytest.raises(ValueError, match=f"{split}: the files hold no sentences"):
        run_fn(fn_args)


def test_a_sentence_that_no_batch_holds_is_an_error(corpus, tmp_path):
    fn_args = corpus.fn_args(tmp_path, batch_tokens=2)
    with pytest.raises(
        ValueError, match=r"^batch_tokens=2: the longest sentence has \d+ tokens; a batch must hold it; "
    ):
        run_fn(fn_args)


def test_a_missing_configuration_is_an_error(corpus, tmp_path):
    fn_args = corpus.fn_args(tmp_path)
    del fn_args.custom_config["transform"]
    with pytest.raises(ValueError, match="custom_config has no 'transform'"):
        run_fn(fn_args)


def test_a_partial_and_a_full_configuration_share_a_backup(corpus, tmp_path, monkeypatch):
    paths = []

    def keep_path(options, train_files, eval_files, vocabulary_size, backup, *_):
        paths.append(backup.path)
        raise InterruptedError

    monkeypatch.setattr("tfx_lm.components.trainer.run_fn.train", keep_path)
    for trainer in ({"units": 8}, TrainerOptions(units=8).model_dump(mode="json"), {"units": 9}):
        fn_args = corpus.fn_args(tmp_path)
        fn_args.custom_config["trainer"] = trainer
        with pytest.raises(InterruptedError):
            run_fn(fn_args)
    partial, full, other = paths
    assert partial == full != other
