"""Imports modules, and prints all that were imported with them."""

import importlib
import sys

for module in sys.argv[1:]:
    importlib.import_module(module)
print(*sys.modules)
