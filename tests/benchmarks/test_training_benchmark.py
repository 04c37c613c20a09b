"""The training benchmark: its sample, its ratios, and a run of the whole with tiny sizes."""

import importlib
import random
import sys
from pathlib import Path

import pytest
import tfx_lm
from rich.console import Console

FOLDER = Path(tfx_lm.__file__).parent / "benchmarks"


@pytest.fixture
def benchmark_module(monkeypatch):
    """Imports as `python benchmarks/training.py` does, and forgets what was imported."""
    monkeypatch.syspath_prepend(str(FOLDER))
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if name.partition(".")[0] in ("training", "training_workers"):
            del sys.modules[name]


@pytest.fixture
def text(tmp_path):
    """Lines of 1 to 12 words, of which one in ten is <unk>."""
    chance = random.Random(7)
    words = [f"w{number}" for number in range(30)] + ["<unk>"] * 3
    path = tmp_path / "corpus.txt"
    lines = (" ".join(chance.choices(words, k=chance.randint(1, 12))) for _ in range(400))
    path.write_text("\n".join(lines) + "\n")
    return path


def test_unknown_words_get_the_ids_that_the_text_has_no_words_for(benchmark_module):
    target_ids = benchmark_module("training_workers.sample").target_ids
    lines = [["a", "b", "a"], ["a", "<unk>"]]
    assert target_ids(lines, 5) == [[4, 1, 4, 3], [4, 1, 3]]
    assert target_ids(lines, 6) == [[4, 5, 4, 3], [4, 1, 3]]
    assert target_ids(lines, 7) == [[4, 5, 4, 3], [4, 6, 3]]
    many = target_ids([["a", *["<unk>"] * 60], *[["<unk>"] * 60] * 40], 1000)
    assert len(many[0]) == 62 and {id for line in many for id in line} <= {3, 4, *range(5, 1000)}
    assert target_ids([["a"] * 100], 5) == [[4] * 64]


def test_the_sample_fills_every_batch(benchmark_module, text):
    sample = benchmark_module("training_workers.sample")
    targets = sample.target_ids(sample.read_words(text), 60)
    taken = sample.choose(targets, 64, 8)
    assert len(taken["batches"]) == 8
    for batch in taken["batches"]:
        longest = max(map(len, batch))
        boundary = next(end for end in taken["boundaries"] if end >= longest)
        assert len(batch) == dict(zip(taken["boundaries"], taken["sizes"], strict=True))[boundary]
    assert taken["mean_length"] == pytest.approx(taken["corpus_mean_length"], rel=0.15)
    with pytest.raises(ValueError, match=r"must be >= 1000"):
        sample.choose(targets, 64, 1000)


def test_ratios(benchmark_module):
    results = benchmark_module("training_workers.results")

    def contestant(rates, peak):
        return {"rates": rates, "memory": {"loaded": 100, "peak": peak}, "state_bytes": 50}

    ours, padded = contestant([900.0, 1000.0, 5000.0], 150), contestant([250.0], 200)
    sgemm = {"rates": [4e10], "memory": {"loaded": 1, "peak": 2}, "version": "2"}
    small = {"vocabulary": 10_000, "contestants": {"ours": ours, "keras_padded": padded, "sgemm_tensorflow": sgemm}}
    large = {"vocabulary": 100_000, "contestants": {"ours": contestant([], 170)}}
    found = results.ratios({"10k": small, "100k": large}, 200)
    assert found == {
        "vs_keras_padded_10k": 4.0,
        "of_sgemm_10k": 0.396,  # 15.84 MFLOP a token
        "memory_vs_keras_10k": 0.5,
        "memory_100k_vs_10k": 1.2,
    }


@pytest.mark.slow
def test_a_run_with_tiny_sizes(benchmark_module, text):
    """All contestants of TensorFlow; PyTorch is no dependency, so it takes no part here."""
    training = benchmark_module("training")
    names = [name for name, contestant in training.CONTESTANTS.items() if not contestant.torch]
    phases = {"10k": training.Phase(60, 2, names), "100k": training.Phase(200, 2, ["ours"], timed=False)}
    settings = training.Settings(phases, units=8, batch_tokens=128, adaptive_cutoffs=[10, 40], products=1)
    report = training.run(text, 2, names, "no torch", settings, Console(quiet=True))
    assert set(report["ratios"]) == {
        "vs_keras_padded_10k",
        "of_sgemm_10k",
        "of_sgemm_untied_10k",
        "adaptive_vs_full_10k",
        "fit_vs_loop_10k",
        "bfloat16_vs_float32_10k",
        "memory_vs_keras_10k",
        "memory_100k_vs_10k",
    }
    assert all(value > 0 for value in report["ratios"].values())
    assert {"tensorflow", "cores", "python"} <= report["machine"].keys()
    small = report["figures"]["phases"]["10k"]
    for name in ("ours", "ours_untied", "ours_adaptive", "ours_loop", "ours_bfloat16", "keras_padded"):
        figures = small["contestants"][name]
        assert len(figures["rates"]) == 2
        assert figures["memory"]["peak"] >= figures["memory"]["loaded"] > figures["state_bytes"]
        # Nothing but the padding is left out, so that all see about the loss of an untrained model: log(60) = 4.1.
        assert figures["loss"] == pytest.approx(3.6, abs=0.6)
    Console(quiet=True).print(training.results.contestants_table(report["figures"]["phases"]))


def test_a_contestant_that_cannot_run_is_an_error(benchmark_module, text):
    training = benchmark_module("training")
    settings = training.Settings({"10k": training.Phase(60, 2, ["pytorch"])}, units=8, batch_tokens=128)
    with pytest.raises(training.WorkerError, match="pytorch: ended with exit status 1"):
        training.run(text, 1, ["pytorch"], "/bin/false", settings, Console(quiet=True))
