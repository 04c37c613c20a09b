"""Runs `tfx-lm` as if a package were not installed: `tfx_lm_without.py PACKAGE ARGUMENTS...`."""

import sys


class Absent:
    """Makes one package look as if it were not installed."""

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == package:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


package = sys.argv.pop(1)
sys.argv[0] = "tfx-lm"
sys.meta_path.insert(0, Absent())

from tfx_lm.cli.cli import main

main()
