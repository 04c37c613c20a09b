"""Pushes, one after the other, that keep the newest three: twenty, and more until the standard input ends."""

import itertools
import pathlib
import select
import sys

from tfx_lm.exported import versions

for number in itertools.count():
    if number >= 20 and select.select([sys.stdin], [], [], 0)[0]:
        break

    def copy(folder, number=number):
        for name in ("saved_model.pb", "variables/variables.index"):
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(f"{sys.argv[2]} {number}")

    versions.push(pathlib.Path(sys.argv[1]), copy, keep=3)
