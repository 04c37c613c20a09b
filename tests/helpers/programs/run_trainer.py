"""One process of the Trainer's `run_fn`."""

import json
import sys
import types

from tfx_lm.components.trainer.run_fn import run_fn

run_fn(types.SimpleNamespace(**json.loads(sys.argv[1])))
