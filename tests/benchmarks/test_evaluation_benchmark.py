"""The evaluation benchmark, run as a whole with tiny sizes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import tfx_lm

FOLDER = Path(tfx_lm.__file__).parent / "benchmarks"


@pytest.mark.slow
def test_both_peers_score_the_same_text_alike(tmp_path):
    (tmp_path / "text.txt").write_text("the cat sees\n\na dog\nthe old king eats bread and butter\n" * 20)
    script = "import pathlib, sys\n"
    script += f"sys.path.insert(0, {str(FOLDER)!r})\nimport evaluation\n"
    script += f"evaluation.OUTPUT = pathlib.Path({str(tmp_path / 'out' / 'evaluation.json')!r})\nevaluation.main()\n"
    command = [sys.executable, "-c", script, "--data", str(tmp_path / "text.txt"), "--rounds", "1", "--tokens", "3000"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert report["name"] == "evaluation"
    assert set(report["ratios"]) == {"evaluator_vs_loop", "memory_all_vs_few"}
    ours, plain = (report["figures"][peer] for peer in ("evaluator", "loop"))
    assert ours["perplexity"] == pytest.approx(plain["perplexity"], rel=1e-5)
    assert ours["tokens"] == plain["tokens"]
    assert 3000 <= ours["tokens"] <= 3007
    assert report["ratios"]["evaluator_vs_loop"] == pytest.approx(ours["rates"][0] / plain["rates"][0], abs=1e-3)
