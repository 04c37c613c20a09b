"""A push that never ends: copies half a model, and says so."""

import pathlib
import sys
import time

from tfx_lm.exported import versions


def copy(folder):
    (folder / "saved_model.pb").write_text("half")
    print("half", flush=True)
    time.sleep(600)


versions.push(pathlib.Path(sys.argv[1]), copy)
