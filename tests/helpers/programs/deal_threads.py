"""Deals four cores to the shares of a batch; prints the shares and the threads of an operation."""

import sys

import tensorflow as tf
from tfx_lm.components.trainer import threads

threads.joblib.cpu_count = lambda: 4
if sys.argv[1] == "set":
    tf.config.threading.set_intra_op_parallelism_threads(3)
shares = threads.deal_threads(int(sys.argv[2]))
print(shares, tf.config.threading.get_intra_op_parallelism_threads())
