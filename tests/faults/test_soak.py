"""The soak of the model server, `make bench-soak`, for seconds instead of 20 minutes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import tfx_lm

pytestmark = [pytest.mark.slow, pytest.mark.faults]


def test_a_short_soak(bigram_model, tmp_path):
    soak, output = Path(tfx_lm.__file__).parent / "benchmarks" / "soak.py", tmp_path / "soak.json"
    options = "--model", bigram_model, "--minutes", "0.1", "--swap-seconds", "4", "--pause", "0.1", "--output", output
    # Its criterion for memory is meant for many swaps.
    done = subprocess.run([sys.executable, soak, *options], capture_output=True, text=True, timeout=900, check=False)
    assert output.exists(), done.stderr
    report = json.loads(output.read_text())
    assert report["figures"]["swaps"] >= 2
    assert report["figures"]["failures"] == []
    assert {"200", "400", "404", "OK", "INVALID_ARGUMENT", "gone"} <= report["figures"]["answers"].keys()
