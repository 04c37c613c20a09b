"""Holds the lock of an output folder until it gets a line."""

import sys
from pathlib import Path

from tfx_lm.pipelines.local.output_lock import locked_output

with locked_output(Path(sys.argv[1])):
    print("locked", flush=True)
    sys.stdin.readline()
