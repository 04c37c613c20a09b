"""Prints noise, from Python and from C++, and one result."""

import os
import sys
from pathlib import Path

from tfx_lm.pipelines.local.terminal import output_to

print("before")
with output_to(Path(sys.argv[1])) as terminal:
    print("python noise")
    os.write(2, b"c++ noise\n")
    print("result", file=terminal)
print("after")
