"""Pushed versions as a server would see them, and the weights in them."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

import numpy as np
import tensorflow as tf
from helpers.complete_versions import complete_versions
from helpers.fault_table import Faults

Files = tuple[tuple[str, int], ...]


def weights(version: str) -> dict[str, np.ndarray]:
    """The variables of a SavedModel, by name."""
    reader = tf.train.load_checkpoint(f"{version}/variables/variables")
    names = [name for name in reader.get_variable_to_shape_map() if name.endswith("VARIABLE_VALUE")]
    return {name: reader.get_tensor(name) for name in names}


def files_and_sizes(folder: Path) -> Files:
    files = (path for path in folder.rglob("*") if path.is_file())
    return tuple(sorted((str(path.relative_to(folder)), path.stat().st_size) for path in files))


class PollingServer:
    """Looks at the folder of versions all the time, by the rules of the server, and notes what it would load."""

    def __init__(self, serving: Path) -> None:
        self._serving = serving
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._poll)
        self.seen: dict[str, set[Files]] = {}

    def __enter__(self) -> PollingServer:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._end.set()
        self._thread.join()

    def _poll(self) -> None:
        while not self._end.wait(0.005):
            for version in complete_versions(str(self._serving))[:1]:
                # One that was withdrawn or removed meanwhile has no name any more.
                with contextlib.suppress(FileNotFoundError):
                    files = files_and_sizes(Path(version))
                    if Path(version).exists():
                        self.seen.setdefault(version, set()).add(files)


def check_only_version(serving: Path, expected: str, server: PollingServer, faults: Faults) -> str:
    """Returns the only version of a folder, which has the files and weights of another and was never seen in parts."""
    (version,) = complete_versions(str(serving))
    ours, theirs = weights(version), weights(expected)
    assert ours.keys() == theirs.keys()
    faults.lost([name for name in ours if not np.allclose(ours[name], theirs[name], rtol=0.0, atol=1e-5)])
    names = [[name for name, _ in files_and_sizes(Path(folder))] for folder in (version, expected)]
    assert names[0] == names[1]
    assert server.seen == {version: {files_and_sizes(Path(version))}}
    return version
