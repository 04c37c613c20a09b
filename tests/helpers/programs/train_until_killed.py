"""A training that dies without any warning in the third epoch, in its middle or in its validation.

Of several workers, one dies in its second validation.
"""

import json
import os
import signal
import sys
import types

from tfx_lm import progress
from tfx_lm.components.trainer import callbacks, run_fn
from tfx_lm.components.trainer.cluster import cluster_of_environment

callbacks.REPORT_EVERY = 0.0
callbacks.BACKUP_EVERY = float(sys.argv[2])


def die(text, fraction):
    # After 2 epochs and at least a third of the next one.
    if text.startswith("epoch 3/") and text.endswith("tokens/s") and fraction > 2.4 / 5:
        os.kill(os.getpid(), signal.SIGKILL)


def die_validating(self, logs):
    if len(self.state.records) == 2:
        os.kill(os.getpid(), signal.SIGKILL)


def die_as_worker_1(self, logs):
    if cluster_of_environment().index == 1 and self.state.epochs_done == 1:
        os.kill(os.getpid(), signal.SIGKILL)


if sys.argv[3] == "validation":
    callbacks.Schedule.on_test_begin, die = die_validating, lambda text, fraction: None
elif sys.argv[3] == "worker 1":
    callbacks.Schedule.on_test_begin, die = die_as_worker_1, lambda text, fraction: None

with progress.listening(die):
    run_fn.run_fn(types.SimpleNamespace(**json.loads(sys.argv[1])))
