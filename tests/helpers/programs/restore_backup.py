"""One of two workers, which both go on from the chief's backup."""

import dataclasses
import json
import sys

import numpy as np
from tfx_lm.components.trainer.backup import Backup, TrainingState
from tfx_lm.components.trainer.distribution import choose_strategy, is_chief
from tfx_lm.components.trainer.untrained_model import build_model
from tfx_lm.model.options import TrainerOptions

folder, options = sys.argv[1], TrainerOptions.from_config(json.loads(sys.argv[2]))
strategy = choose_strategy("multi_worker")
with strategy.scope():
    model = build_model(options, 9, 10)
    model.set_weights([np.full(weight.shape, 0.25) for weight in model.get_weights()])
    backup = Backup(folder, {})
    if is_chief(strategy):
        backup.save(model, TrainingState(epochs_done=2, best_weights=model.get_weights(), records=[{"epoch": 1}]))
    model.set_weights([np.zeros(weight.shape) for weight in model.get_weights()])
    state = backup.restore(model)
    values = {float(value) for array in [*model.get_weights(), *state.best_weights] for value in np.ravel(array)}
state.best_weights = []
print(json.dumps([dataclasses.asdict(state), sorted(values)]))
