"""The serving benchmark: its ratios, and a run of the whole with tiny sizes."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
import tfx_lm

FOLDER = Path(tfx_lm.__file__).parent / "benchmarks"


@pytest.fixture
def serving(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(FOLDER))
    yield importlib.import_module("serving")
    del sys.modules["serving"]


def test_rates_are_medians_and_latencies_percentiles(serving):
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


@pytest.mark.slow
def test_the_whole_benchmark(tmp_path):
    (tmp_path / "text.txt").write_text("the cat sees\n\na dog\nthe old king eats bread and butter\n" * 20)
    script = "import pathlib, runpy, sys\n"
    script += f"sys.path.insert(0, {str(FOLDER)!r})\nimport serving\n"
    script += f"serving.OUTPUT = pathlib.Path({str(tmp_path / 'out' / 'serving.json')!r})\nserving.main()\n"
    command = [sys.executable, "-c", script, "--data", str(tmp_path / "text.txt"), "--rounds", "1", "--share", "0.001"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "out" / "serving.json").read_text())
    assert report["name"] == "serving"
    assert report["figures"]["swap"]["requests"] == 200
    assert report["figures"]["swap"]["failed"] == 0
    assert len(report["ratios"]) == 19
    assert report["figures"]["load_seconds"] > 0
    assert report["figures"]["model_megabytes"] > 0
