"""Searches over a tiny corpus: what TFX's Tuner is given, and what it writes."""

import itertools
import json
import types
from pathlib import Path

import pytest
from tfx.types import Channel, standard_artifacts
from tfx.types import standard_component_specs as specs
from tfx.utils import json_utils
from tfx_lm import progress
from tfx_lm.components.trainer.divergence import DivergenceError
from tfx_lm.components.tuner import executor as tuner_executor
from tfx_lm.components.tuner import trials as trials_module
from tfx_lm.components.tuner.component import MaskedTuner
from tfx_lm.components.tuner.data_checks import check_warmup_fits
from tfx_lm.components.tuner.executor import Executor
from tfx_lm.components.tuner.options import TunerOptions
from tfx_lm.components.tuner.results import best_trial, read_trials
from tfx_lm.components.tuner.trials import Trials
from tfx_lm.components.tuner.tuner_fn import tuner_fn
from tfx_lm.errors import SettingError
from tfx_lm.model.options import TrainerOptions

pytestmark = [
    pytest.mark.slow,
    # Keras Tuner 1.4 names threads as Python 3.9 did.
    pytest.mark.filterwarnings("ignore:currentThread:DeprecationWarning:keras_tuner"),
    pytest.mark.filterwarnings("ignore:getName:DeprecationWarning:keras_tuner"),
    # Its Gaussian process meets bounds with few trials.
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]


OWN_UNITS = 12


def fn_args(corpus, folder, space, trials=2, trainer=None, **tuner):
    """What TFX would call `tuner_fn` with."""
    given = corpus.fn_args(folder, epochs=1, **{"units": OWN_UNITS, **(trainer or {})})
    return types.SimpleNamespace(
        train_files=given.train_files,
        eval_files=given.eval_files,
        transform_graph_path=given.transform_output,
        working_dir=str(folder),
        custom_config={**given.custom_config, "tuner": {"trials": trials, "space": space, **tuner}},
    )


@pytest.fixture
def search(corpus, tmp_path, monkeypatch):
    """A function that runs the executor for a space; TFX's reading of artifacts is left out."""

    def run(space, **tuner):
        artifacts = {}
        for key, kind in (("best_hyperparameters", "HyperParameters"), ("tuner_results", "TunerResults")):
            artifacts[key] = getattr(standard_artifacts, kind)()
            artifacts[key].uri = str(tmp_path / key)
            (tmp_path / key).mkdir(exist_ok=True)
        arguments = fn_args(corpus, tmp_path, space, **tuner)
        monkeypatch.setattr(tuner_executor.tfx_executor.fn_args_utils, "get_common_fn_args", lambda *given: arguments)
        properties = {
            specs.TUNER_FN_KEY: "tfx_lm.components.tuner.tuner_fn.tuner_fn",
            specs.CUSTOM_CONFIG_KEY: json_utils.dumps(arguments.custom_config),
        }
        Executor().Do({}, {key: [artifact] for key, artifact in artifacts.items()}, properties)
        return tmp_path

    return run


def test_the_best_trial_is_the_one_of_the_lowest_perplexity_and_a_diverging_one_is_recorded(search):
    shown = []
    with progress.listening(lambda text, fraction: shown.append(text)):
        folder = search({"learning_rate": [1e9]}, trainer={"learning_rate": 0.003, "layers": 1})
    trials = read_trials(str(folder / "tuner_results"))
    # The trainer's own value comes first.
    good, bad = trials
    assert [good["values"], bad["values"]] == [{"learning_rate": 0.003}, {"learning_rate": 1e9}]
    assert good["failure"] is None
    assert 1 < good["perplexity"] < 1000
    assert bad["perplexity"] is None
    assert "the training diverged" in bad["failure"]
    assert "lower learning_rate (1e+09)" in bad["failure"]
    assert best_trial(trials) is good
    best = json.loads((folder / "best_hyperparameters" / "best_hyperparameters.txt").read_text())
    assert best["values"] == {"learning_rate": 0.003}
    titles = [f"trial {number} of 2 (learning_rate {value})  starts" for number, value in ((1, "0.003"), (2, "1e+09"))]
    assert [text for text in shown if text.endswith("starts")] == titles
    # The state of the search is gone.
    assert not list(folder.glob("search-*"))


def test_all_trials_fail(search, monkeypatch):
    def train(self, options, precision, folder):
        Path(folder).mkdir()
        raise DivergenceError("loss=nan: the training diverged; lower {clip_norm}")

    monkeypatch.setattr(Trials, "_train", train)
    with pytest.raises(SettingError) as refused:
        search({"units": [4, 8]})
    assert refused.value.with_names(str.upper) == (
        "TRIALS: all 2 failed, the last one with: loss=nan: the training diverged; lower CLIP_NORM; leave such values "
        "out of SPACE"
    )


def test_what_cannot_be_trained_at_all_ends_the_search(search):
    with pytest.raises(SettingError, match="batch_tokens=2: the longest sentence has"):
        search({"batch_tokens": [2]}, trials=2)


@pytest.mark.parametrize(
    ("space", "trainer", "refusal"),
    [
        ({"batch_tokens": [2]}, {}, r"^space.batch_tokens=2: the longest sentence has \d+ tokens; a batch "
         "must hold it; leave 2 out of space, or lower max_length$"),
        ({"units": [8]}, {"batch_tokens": 3}, "^batch_tokens=3: the longest .*; raise batch_tokens, or lower"),
        ({"units": [8]}, {"output": "adaptive", "adaptive_cutoffs": [5000, 9000]},
         r"^adaptive_cutoffs=\[5000, 9000\]: must begin below \d+, the size of the vocabulary; set"),
        ({"output": ["adaptive"]}, {"adaptive_cutoffs": [5000]},
         r"^space: output=adaptive cannot be trained: adaptive_cutoffs=\[5000\]: .*, or leave adaptive out of space$"),
        ({"batch_tokens": [1_000_000]}, {"schedule": "cosine", "batch_tokens": 64, "warmup_steps": 20},
         r"^warmup_steps=20: must be less than the \d steps of a trial, which are 1 epochs with batch_tokens=1000000; "
         "lower warmup_steps, leave 1000000 out of space, or raise epochs$"),
        ({"schedule": ["cosine"], "warmup_steps": [0, 5000]}, {},
         r"^space.warmup_steps=5000: must be less than the \d+ steps of a trial, .*; leave 5000 out of space, or"),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_trained_is_refused_before_the_first_trial(search, monkeypatch, space, trainer, refusal):
    trained = []
    monkeypatch.setattr(Trials, "_train", lambda *given: trained.append(given) or 10.0)
    with pytest.raises(SettingError, match=refusal):
        search(space, trials=2, trainer=trainer)
    assert trained == []


def test_a_warmup_that_ends_before_each_trial_or_is_not_used_is_no_error(search, monkeypatch):
    monkeypatch.setattr(Trials, "_train", lambda *given: 10.0)
    search({"schedule": ["cosine"], "batch_tokens": [32]}, trainer={"batch_tokens": 64, "warmup_steps": 2})
    search({"units": [8]}, trainer={"warmup_steps": 5000})


@pytest.mark.parametrize(("warmup", "counts"), [(19, 0), (20, 1)])
def test_batches_are_counted_only_where_the_bound_does_not_tell(warmup, counts):
    """Two epochs of 1,039 tokens have 20 batches of 100 tokens at least."""
    options = TunerOptions(trials=2, trial_epochs=2, space={"units": [8, 16]})
    trainer = TrainerOptions(schedule="cosine", warmup_steps=warmup, batch_tokens=100)
    counted = []
    check_warmup_fits(options, trainer, 1039, lambda size: counted.append(size) or 11)
    assert counted == [100] * counts


class Killed(BaseException):
    pass


def train_for_show(monkeypatch, kill_at=None):
    """Replaces the training by a perplexity that falls with the units; returns the units that were trained."""
    trained = []

    def train(self, options, precision, folder):
        trained.append(options.units)
        Path(folder).mkdir(exist_ok=True)
        if len(trained) == kill_at:
            raise Killed
        return 100 / options.units

    monkeypatch.setattr(Trials, "_train", train)
    return trained


@pytest.mark.parametrize("algorithm", ["bayesian", "random"])
def test_a_killed_search_goes_on_as_if_nothing_had_happened(corpus, tmp_path, monkeypatch, algorithm):
    space = {"units": [1, 2, 4, 8, 16, 32, 64]}
    uninterrupted = train_for_show(monkeypatch)
    whole = tuner_fn(fn_args(corpus, tmp_path / "whole", space, 6, algorithm=algorithm)).tuner
    whole.search()
    assert uninterrupted[0] == OWN_UNITS
    assert len(set(uninterrupted)) == 6
    before = train_for_show(monkeypatch, kill_at=5)
    with pytest.raises(Killed):
        tuner_fn(fn_args(corpus, tmp_path / "killed", space, 6, algorithm=algorithm)).tuner.search()
    after = train_for_show(monkeypatch)
    killed = tuner_fn(fn_args(corpus, tmp_path / "killed", space, 6, algorithm=algorithm)).tuner
    killed.search()
    assert [*before[:-1], *after] == uninterrupted
    assert [without_seconds(outcome) for outcome in killed.outcomes] == [
        without_seconds(outcome) for outcome in whole.outcomes
    ]
    assert killed.get_best_hyperparameters()[0].values == {"units": max(uninterrupted)}


def without_seconds(outcome):
    return {name: value for name, value in outcome.items() if name != "seconds"}


def test_a_search_with_another_space_takes_the_trials_that_it_has_in_common(corpus, tmp_path, monkeypatch):
    first = train_for_show(monkeypatch, kill_at=3)
    with pytest.raises(Killed):
        tuner_fn(fn_args(corpus, tmp_path, {"units": [4, 16]}, 3)).tuner.search()
    second = train_for_show(monkeypatch)
    tuner_fn(fn_args(corpus, tmp_path, {"units": [4, 16, 32]}, 4)).tuner.search()
    assert sorted([*first[:-1], *second]) == sorted({OWN_UNITS, 4, 16, 32})


def test_a_killed_search_of_another_corpus_in_the_same_files_is_not_taken_up(corpus, tmp_path, monkeypatch):
    first = train_for_show(monkeypatch, kill_at=2)
    with pytest.raises(Killed):
        tuner_fn(fn_args(corpus, tmp_path, {"units": [4]}, 2)).tuner.search()
    monkeypatch.setattr(trials_module, "digest_of", lambda *counts: "another")
    again = train_for_show(monkeypatch)
    tuner_fn(fn_args(corpus, tmp_path, {"units": [4]}, 2)).tuner.search()
    assert again == first == [OWN_UNITS, 4]


def test_a_recorded_trial_has_the_options_of_the_present_space(corpus, tmp_path, monkeypatch):
    own = {"dropout": 0.2}
    trained = train_for_show(monkeypatch)
    tuner_fn(fn_args(corpus, tmp_path, {"units": [4], "dropout": [0.0]}, 4, own)).tuner.search()
    assert len(trained) == 4
    for space in ({"dropout": [0.0], "units": [4]}, {"units": [4]}):
        tuner = tuner_fn(fn_args(corpus, tmp_path, space, 2, own)).tuner
        tuner.search()
        assert [list(outcome["values"]) for outcome in tuner.outcomes] == [list(space)] * 2
    assert len(trained) == 4


def test_a_batch_of_a_trial_has_the_shares_that_the_trainer_would_give_it(corpus, tmp_path, monkeypatch):
    shares = {}

    def train(options, train_files, eval_files, vocabulary_size, backup, folder, shares_of_a_batch, precision):
        shares[options.batch_tokens] = shares_of_a_batch

    monkeypatch.setattr(trials_module, "train", train)
    monkeypatch.setattr(trials_module, "deal_threads", lambda batch_tokens: batch_tokens // 100)
    monkeypatch.setattr(
        trials_module, "read_training_record", lambda folder: {"epochs": [{trials_module.PERPLEXITY: 5}]}
    )
    tuner_fn(fn_args(corpus, tmp_path, {"batch_tokens": [300]}, trainer={"batch_tokens": 700})).tuner.search()
    assert shares == {700: 7, 300: 3}


def test_a_search_says_that_there_is_no_more_to_try(corpus, tmp_path, monkeypatch):
    trained = train_for_show(monkeypatch)
    shown = []
    with progress.listening(lambda text, fraction: shown.append((text, fraction))):
        tuner_fn(fn_args(corpus, tmp_path, {"units": [4]}, trials=9)).tuner.search()
    assert trained == [OWN_UNITS, 4]
    assert shown == [
        (f"trial 1 of 2 (units {OWN_UNITS})  starts", 0.0),
        ("trial 2 of 2 (units 4)  starts", 0.5),
        ("all 2 combinations tried", 1.0),
    ]


def test_no_trial_begins_after_the_minutes(corpus, tmp_path, monkeypatch):
    train_for_show(monkeypatch)
    clock = itertools.count(0.0, 60.0)
    monkeypatch.setattr(trials_module, "time", types.SimpleNamespace(monotonic=lambda: next(clock)))
    tuner = tuner_fn(fn_args(corpus, tmp_path, {"units": [1, 2, 4]}, trials=4, max_minutes=2)).tuner
    tuner.search()
    assert [outcome["seconds"] for outcome in tuner.outcomes] == [60.0, 60.0]


def test_a_value_that_no_trial_could_train_is_refused_first(corpus, tmp_path):
    given = fn_args(corpus, tmp_path, {"output": ["full", "adaptive"]}, trainer={"adaptive_cutoffs": []})
    inputs = {
        "examples": Channel(type=standard_artifacts.Examples),
        "transform_graph": Channel(type=standard_artifacts.TransformGraph),
        "schema": Channel(type=standard_artifacts.Schema),
    }
    refusal = r"space: output=adaptive cannot be trained: adaptive_cutoffs=\[\]: must be rising ids"
    with pytest.raises(SettingError, match=refusal):
        tuner_fn(given)
    with pytest.raises(SettingError, match=refusal):
        MaskedTuner(**inputs, tuner=given.custom_config["tuner"], trainer=given.custom_config["trainer"])


def test_trials_need_one_process(corpus, tmp_path, monkeypatch):
    cluster = {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(cluster))
    with pytest.raises(SettingError, match="trials=2: trials train in one process"):
        tuner_fn(fn_args(corpus, tmp_path, {"units": [4, 8]}))
