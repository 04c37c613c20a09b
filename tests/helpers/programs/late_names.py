"""Imports what `tfx-lm run-node` does, with packages late or early; prints which of them have run, and their names."""

import contextlib
import json
import sys
from types import ModuleType

from tfx_lm.cli.quiet_tensorflow import quiet_imports
from tfx_lm.pipelines.late_packages import NEEDED, packages_late
from tfx_lm.pipelines.uncollected import import_uncollected

order, *packages = sys.argv[1:]
with quiet_imports(), packages_late() if order == "late" else contextlib.nullcontext():
    import_uncollected(*NEEDED)

run = [name for name in packages if type(sys.modules.get(name)) is ModuleType]
for name in packages:
    __import__(name)
print(json.dumps([run, {name: sorted(key for key in dir(sys.modules[name]) if key[0] != "_") for name in packages}]))
