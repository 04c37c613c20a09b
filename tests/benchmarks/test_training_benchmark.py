"""The training benchmark: its sample, its ratios, and a run of the whole with tiny sizes."""

import io

import click
import pytest
from rich.console import Console
from tfx_lm.model.options import TrainerOptions

SMALL = {"embedding_units": 8, "units": 8, "batch_tokens": 128}


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
    targets = sample.target_ids([line.split() for line in text.read_text().splitlines()], 60)
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
    best = {"ours_bfloat16": contestant([3000.0], 175), "pytorch": contestant([500.0], 200),
            "pytorch_bfloat16": contestant([1500.0], 200), "pytorch_chunked": contestant([400.0], 350),
            "gemm_bfloat16": {**sgemm, "rates": [1e12]}, "ours": contestant([1000.0], 150)}  # fmt: skip
    peers = results.ratios({"10k": {"vocabulary": 10_000, "contestants": best}}, TrainerOptions(units=200, layers=2))
    assert peers == pytest.approx({
        "vs_pytorch_10k": 2.0, "vs_pytorch_bfloat16_10k": 2.0, "bfloat16_vs_float32_10k": 3.0,
        "vs_pytorch_best_10k": 2.0, "memory_vs_pytorch_chunked_10k": 0.2, "bfloat16_of_gemm_10k": 0.04752,
    })  # fmt: skip
    large = {"vocabulary": 100_000, "contestants": {"ours": contestant([], 170)}}
    found = results.ratios({"10k": small, "100k": large}, TrainerOptions(units=200, layers=2))
    assert found == pytest.approx(
        {
            "vs_keras_padded_10k": 4.0,
            "of_sgemm_10k": 0.396,  # 15.84 MFLOP a token
            "memory_vs_keras_10k": 0.5,
            "memory_100k_vs_10k": 1.2,
        }
    )


def test_the_tables_are_readable_on_80_columns(benchmark_module, assert_readable):
    training, results = benchmark_module("training"), benchmark_module("training_workers.results")
    speeds = {"rates": [13_666.0, 13_624.0, 14_051.0], "other_cores": [0.0, 1.5, 0.1]}
    memory = {"memory": {"loaded": 3 * 10**8, "peak": 2 * 10**9}, "state_bytes": 10**8}
    products = {"rates": [3.48e11], "other_cores": [0.0], "memory": None, "version": "2.16.2"}
    contestants = {name: products if "gemm" in name else {**speeds, **memory} for name in training.CONTESTANTS}
    phase = {"vocabulary": 10_000, "tokens": 16_000, "contestants": contestants}
    printed = io.StringIO()
    Console(file=printed, width=80).print(*results.contestants_tables({"10k": phase, "100k": phase}))
    lines = printed.getvalue().splitlines()
    assert_readable(lines)
    rows = [line.split() for line in lines]
    assert rows.count(["ours_bfloat16", "13,666", "13,624", "14,051", "0.1", "1,700", "1,900"]) == 2
    assert rows.count(["gemm_bfloat16,", "GFLOP/s", "348", "348", "348", "0.0"]) == 2
    assert rows.count(["sgemm_tensorflow,", "GFLOP/s", "348", "348", "348", "0.0"]) == 2
    assert {row[0].rstrip(",") for row in rows if row} >= set(training.CONTESTANTS)


@pytest.mark.slow
def test_a_run_with_tiny_sizes(forked_workers, benchmark_module, text):
    """All contestants of TensorFlow; PyTorch is no dependency, so it takes no part here."""
    training = benchmark_module("training")
    names = [name for name, contestant in training.CONTESTANTS.items() if not contestant.torch]
    phases = {"10k": training.Phase(60, 2, names), "100k": training.Phase(200, 2, ["ours"], timed=False)}
    settings = training.Settings(phases, TrainerOptions(**SMALL, adaptive_cutoffs=(10, 40)), products=1)
    report = training.run(text, 2, names, "no torch", settings, Console(quiet=True))
    assert set(report.ratios) == {
        "vs_keras_padded_10k",
        "of_sgemm_10k",
        "of_sgemm_untied_10k",
        "adaptive_vs_full_10k",
        "fit_vs_loop_10k",
        "bfloat16_vs_float32_10k",
        "bfloat16_of_gemm_10k",
        "memory_vs_keras_10k",
        "memory_100k_vs_10k",
    }
    assert all(value > 0 for value in report.ratios.values())
    assert {"tensorflow", "cores", "python"} <= report.machine.keys()
    small = report.figures["phases"]["10k"]
    for name in ("ours", "ours_untied", "ours_adaptive", "ours_loop", "ours_bfloat16", "keras_padded"):
        figures = small["contestants"][name]
        assert len(figures["rates"]) == 2
        assert figures["memory"]["peak"] >= figures["memory"]["loaded"] > figures["state_bytes"]
        # Nothing but the padding is left out, so that all see about the loss of an untrained model: log(60) = 4.1.
        assert figures["loss"] == pytest.approx(3.6, abs=0.6)


def test_a_contestant_that_cannot_run_is_an_error(benchmark_module, text):
    training = benchmark_module("training")
    settings = training.Settings({"10k": training.Phase(60, 2, ["pytorch"])}, TrainerOptions(**SMALL))
    with pytest.raises(click.ClickException, match="pytorch: ended with exit status 1"):
        training.run(text, 1, ["pytorch"], "/bin/false", settings, Console(quiet=True))
