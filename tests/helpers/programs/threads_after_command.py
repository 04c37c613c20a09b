"""Runs a command of `tfx-lm` on two cores; prints the threads of an operation afterwards."""

import sys

import tensorflow as tf
from click.testing import CliRunner
from tfx_lm.cli.cli import main
from tfx_lm.exported import calls_at_once

calls_at_once.joblib.cpu_count = lambda: 2
done = CliRunner().invoke(main, sys.argv[1:], input="the cat\n")
assert done.exit_code == 0, done.output
print(tf.config.threading.get_intra_op_parallelism_threads())
