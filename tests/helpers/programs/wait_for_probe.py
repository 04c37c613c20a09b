"""Waits for a serving check's process: PROBE, its script."""

import sys
from pathlib import Path

from tfx_lm.components.serving_check import process

if __name__ == "__main__":
    process.PROBE = Path(sys.argv[1])
    process.run_probe("nowhere", {}, [b"a"], [b""], 1.0, 300.0)
