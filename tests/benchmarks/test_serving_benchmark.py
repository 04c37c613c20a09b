"""The serving benchmark: its ratios, and a run of the whole with tiny sizes."""

import pytest


def test_rates_are_medians_and_latencies_percentiles(benchmark_module):
    serving = benchmark_module("serving")
    figures = {
        f"{signature} {clients} {peer}": {
            "rates": [10.0, 30.0, 20.0] if peer == "server" else [40.0, 40.0, 25.0],
            "latencies_ms": [1.0] * 98 + [4.0, 4.0] if peer == "server" else [],
        }
        for signature in serving.SIGNATURES
        for clients in serving.CLIENTS
        for peer in ("server", "threads", "batches")
    }
    summary = serving.summarize(figures)
    assert summary["score 64 server"] == {"per_second": 20.0, "p50_ms": 1.0, "p99_ms": 4.0}
    assert summary["score 64 batches"] == {"per_second": 40.0}
    ratios = serving.ratios(summary)
    assert ratios["next_word_8_vs_threads"] == 0.5
    assert ratios["next_word_8_p99_to_p50"] == 4.0
    assert len(ratios) == 18


def test_a_new_version_is_pushed_as_the_pusher_does_it(benchmark_module, tmp_path):
    push = benchmark_module("serving").push
    (tmp_path / "model" / "variables").mkdir(parents=True)
    (tmp_path / "model" / "variables" / "variables.index").write_text("weights")
    first, second = (push(tmp_path / "versions", tmp_path / "model") for _ in range(2))
    assert int(first) < int(second)
    assert (tmp_path / "versions" / second / "variables" / "variables.index").read_text() == "weights"


@pytest.mark.slow
def test_the_whole_benchmark(run_benchmark, trained):
    """On a small model; that of the default size is built by the evaluation benchmark as well."""
    report, lines = run_benchmark("serving", "--share", "0.001", "--model", trained.serving_model_dir)
    assert report["figures"]["swap"]["requests"] == 200
    assert report["figures"]["swap"]["failed"] == 0
    assert len(report["ratios"]) == 19
    assert report["figures"]["load_seconds"] > 0
    assert report["figures"]["model_megabytes"] > 0
    assert any(line.split()[:3] == ["next_word", "64", "batches"] for line in lines)
