"""Empty folders of output artifacts, for a task that is tried again.

A launcher of TFX in a process of ours gives each node empty folders; see `pipelines.nodes.empty_outputs`. Kubeflow runs
no launcher, and the second try of a task may find what the first one wrote. A reader takes all files of a folder.
"""

from __future__ import annotations

import os
import posixpath

from tfx.dsl.io import fileio

from .artifacts import Artifacts


def empty_folders(output_dict: Artifacts) -> None:
    """Empties the folders of all output artifacts of a node; see `empty_folder`."""
    for artifacts in output_dict.values():
        for artifact in artifacts:
            empty_folder(artifact.uri)


def empty_folder(uri: str) -> None:
    """Removes everything in a folder, which need not exist."""
    for name in fileio.listdir(uri) if fileio.exists(uri) else ():
        path = posixpath.join(uri, os.fsdecode(name))
        if fileio.isdir(path):
            fileio.rmtree(path)
        else:
            fileio.remove(path)
