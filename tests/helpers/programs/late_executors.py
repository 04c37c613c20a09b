"""Imports what `tfx-lm run-node` does, then each module alone, in a fork; prints those that could not be imported."""

import gc
import importlib
import json
import os
import sys
import traceback

from tfx_lm.cli.quiet_tensorflow import quiet_imports
from tfx_lm.pipelines.late_packages import NEEDED, packages_late
from tfx_lm.pipelines.uncollected import import_uncollected

with quiet_imports(), packages_late():
    import_uncollected(*NEEDED)

gc.disable()
failed = []
for name in sys.argv[1:]:
    child = os.fork()
    if child == 0:
        try:
            importlib.import_module(name)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    if os.waitpid(child, 0)[1] != 0:
        failed.append(name)
print(json.dumps(failed))
