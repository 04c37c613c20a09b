"""A training that dies without any warning in the validation of its third epoch.

It copies the folder of its backups to `between epochs`, when they were saved between epochs only; from then on it saves
after each batch, and copies to `within an epoch` after the next one. Of several workers, one dies in its second
validation, and nothing is copied.
"""

import json
import os
import shutil
import signal
import sys
import types
from pathlib import Path

from tfx_lm import progress
from tfx_lm.components.trainer import callbacks, run_fn
from tfx_lm.components.trainer.cluster import cluster_of_environment

fn_args = types.SimpleNamespace(**json.loads(sys.argv[1]))
kept = Path(fn_args.custom_config["backup_directory"])
callbacks.REPORT_EVERY = 0.0


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def copy(text, fraction):
    # After 2 epochs and at least a third of the next one.
    if text.startswith("epoch 3/") and text.endswith("tokens/s") and fraction > 2.4 / 5:
        within = kept.with_name("within an epoch")
        if callbacks.BACKUP_EVERY:
            shutil.copytree(kept, kept.with_name("between epochs"))
            callbacks.BACKUP_EVERY = 0.0
        elif not within.exists():
            shutil.copytree(kept, within)


def die_validating(self, logs):
    if len(self.state.records) == 2:
        die()


def die_as_worker_1(self, logs):
    if cluster_of_environment().index == 1 and self.state.epochs_done == 1:
        die()


several = fn_args.custom_config["trainer"]["workers"] > 1
callbacks.Schedule.on_test_begin = die_as_worker_1 if several else die_validating

with progress.listening((lambda text, fraction: None) if several else copy):
    run_fn.run_fn(fn_args)
