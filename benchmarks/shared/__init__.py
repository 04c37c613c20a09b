"""What the benchmarks share."""

import os

# TensorFlow's start-up messages are no part of what a benchmark prints.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
