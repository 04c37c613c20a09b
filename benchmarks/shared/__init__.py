"""Code shared by the benchmarks."""

import os

# A benchmark does not print TensorFlow's start-up messages.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
