"""Kubeflow Pipelines v2 and Vertex AI: compilation, checks, and the entry point of a container.

`COMMAND` is imported at its first use, since it is defined beside what needs TFX.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...public_names import lazy_names

if TYPE_CHECKING:
    from .kubeflow_runner import COMMAND

__all__ = ["COMMAND"]

__getattr__, __dir__ = lazy_names(__name__, {"COMMAND": "kubeflow_runner.COMMAND"})
