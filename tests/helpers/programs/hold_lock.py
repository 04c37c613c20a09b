"""Holds the lock of a file until it is killed."""

import signal
import sys
from pathlib import Path

from tfx_lm import file_lock

file_lock.lock(Path(sys.argv[1]))
print("locked", flush=True)
signal.pause()
