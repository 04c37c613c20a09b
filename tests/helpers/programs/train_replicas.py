"""One process of a training: prints the first step's gradients, and the weights and their averages after 20 steps.

The loss of the second of the 20 is NaN. Then it trains windows twice, and prints the weights after 9 steps.
"""

import json
import sys
import types
from typing import Any

import keras
import tensorflow as tf

name = sys.argv[1]
if name == "mirrored":
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
    )
from tfx_lm.components.trainer import callbacks as callbacks_module
from tfx_lm.components.trainer.averaging import Averaging, WeightAverage
from tfx_lm.components.trainer.backup import TrainingState
from tfx_lm.components.trainer.buckets import Buckets
from tfx_lm.components.trainer.callbacks import Position, SaveBackup
from tfx_lm.components.trainer.distribution import choose_strategy
from tfx_lm.components.trainer.replica_batches import distribute
from tfx_lm.components.trainer.training import TrainableLanguageModel
from tfx_lm.components.trainer.untrained_model import build_model
from tfx_lm.components.trainer.windows import Windows
from tfx_lm.model.loss import LossSums
from tfx_lm.model.options import TrainerOptions
from tfx_lm.transform.padding import pad_batch

strategy = choose_strategy(name)
# Of the second batch one replica gets nothing; the others are dealt unevenly, too.
BATCHES = [[[7, 9, 3], [4, 3], [5, 6, 7, 8, 3], [3], [8, 8, 8, 3]], [[6, 9, 3]], [[5, 3], [3], [9, 9, 4, 3]]]
BUCKETS = Buckets((5,), (5,), 3, 0.0)
# Of the second, each of two replicas has one row.
WINDOWS = [Windows(rows=5, window=2, length=6), Windows(rows=2, window=5, length=15)]
OPTIONS = {
    "embedding_units": 4,
    "units": 6,
    "layers": 1,
    "dropout": 0.0,
    "distribution": name,
    "batch_tokens": 25,
    "epochs": 1,
    "learning_rate": 0.01,
    "weight_decay": 0.01,
    "clip_norm": 0.5,
    "early_stopping_patience": 1,
}


def all_batches():
    return tf.data.Dataset.from_tensor_slices(tf.ragged.constant(BATCHES, tf.int64)).map(pad_batch).repeat()


# After which steps a backup would be saved; `SaveBackup` reads the variables of all replicas before.
saved_after: list[int] = []
callbacks_module.BACKUP_EVERY = 0.0
saved: Any = types.SimpleNamespace(save=lambda model, state: saved_after.append(state.batches_done))
checked: Any = types.SimpleNamespace(check=lambda logs: None)


def divided(windows):
    ids = tf.data.Dataset.from_tensor_slices(tf.ragged.constant(BATCHES, tf.int64)).repeat()
    return windows.batches(ids.map(lambda ids: (ids, ids[:, :0])))


def train(steps, validate=True, windows=None, **options):
    with strategy.scope():
        keras.utils.set_random_seed(3)
        model = build_model(TrainerOptions.parse({**OPTIONS, **options}), 10, steps)
        average, state = WeightAverage(model, 0.9), TrainingState()
        callbacks = [Position(state), Averaging(average, steps, state)]
        if windows is not None:
            model.carry_states(-(-windows.rows // strategy.num_replicas_in_sync))
            callbacks.append(SaveBackup(saved, steps, state, checked))
        before = model.get_weights()
        logs = model.fit(
            distribute(strategy, all_batches() if windows is None else divided(windows), BUCKETS),
            steps_per_epoch=steps,
            verbose=0,
            validation_data=distribute(strategy, all_batches(), BUCKETS) if validate else None,
            validation_steps=3 if validate else None,
            callbacks=callbacks,
        ).history
        return before, model.get_weights(), average.values(), {name: value[0] for name, value in logs.items()}


# What the graphs of the steps send to the other replicas.
reductions: list[int] = []
original = tf.distribute.ReplicaContext.all_reduce


def counted(context, operation, values, *rest, **named):
    reductions.append(len(values))
    return original(context, operation, values, *rest, **named)


tf.distribute.ReplicaContext.all_reduce = counted

# With a large learning rate, none of the gradient's digits is lost in the weights.
before, after, _, _ = train(1, False, optimizer="sgd", learning_rate=1024.0, weight_decay=0.0, clip_norm=1e9)
sums = TrainableLanguageModel._sums


def broken(model, *arguments):
    (nll, tokens), states = sums(model, *arguments)
    return LossSums(nll * tf.where(model.optimizer.iterations.value == 1, float("nan"), 1.0), tokens), states


TrainableLanguageModel._sums = broken  # type: ignore[method-assign]
_, weights, averages, logs = train(20)
per_step = [*reductions]
TrainableLanguageModel._sums = sums  # type: ignore[method-assign]
carried = [train(9, False, windows, optimizer="sgd", learning_rate=1.0)[1] for windows in WINDOWS]
print(
    json.dumps(
        {
            "replicas": strategy.num_replicas_in_sync,
            "gradients": [((old - new) / 1024).tolist() for old, new in zip(before, after, strict=True)],
            "weights": [weight.tolist() for weight in weights],
            "averages": [average.tolist() for average in averages],
            "logs": logs,
            "reductions": per_step,
            "carried": [weight.tolist() for weights in carried for weight in weights],
            "saved_after": saved_after,
        }
    )
)
