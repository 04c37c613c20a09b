"""Replaces a file, and stops when its content is written but not yet on disk."""

import os
import sys
import time

from tfx_lm import atomic_file


def stop(descriptor):
    print("within", flush=True)
    time.sleep(300)


if __name__ == "__main__":
    os.fsync = stop
    atomic_file.write_bytes(sys.argv[1], b"half of it")
