"""Imports modules as a command does, and prints all that ran with them: delayed ones are not printed."""

import importlib
import sys

from tfx_lm import lazy_imports

lazy_imports.install()
for module in sys.argv[1:]:
    importlib.import_module(module)
print(*(name for name, module in sys.modules.items() if not lazy_imports.is_delayed(module)))
