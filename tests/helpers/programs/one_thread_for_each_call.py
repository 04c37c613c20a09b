"""Prepares a process for calls of a model that run at once; prints the threads of an operation."""

import sys

import tensorflow as tf
from tfx_lm.exported import calls_at_once

calls_at_once.joblib.cpu_count = lambda: int(sys.argv[2])
if sys.argv[1] == "set":
    tf.config.threading.set_intra_op_parallelism_threads(3)
elif sys.argv[1] == "at work":
    tf.constant(1)
elif sys.argv[1] == "on a GPU":
    tf.config.list_physical_devices = lambda kind: ["one"] if kind == "GPU" else []
calls_at_once.one_thread_for_each_call()
print(tf.config.threading.get_intra_op_parallelism_threads())
