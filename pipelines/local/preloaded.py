"""What the fork server imports: all that nodes import, so that each process of a run has it from the start."""

from __future__ import annotations

import importlib

from ... import lazy_imports

MODULES = (
    "tfx_lm.pipelines.local.local_plan",
    "tfx_lm.pipelines.local.node_process",
    "tfx_lm.pipelines.results.collect",
    "tfx_lm.components.trainer.run_fn",
    "tfx_lm.transform.preprocessing",
)

lazy_imports.install()
for module in MODULES:
    importlib.import_module(module)
