"""Type of a component's inputs and outputs in its executor: artifacts by key."""

from __future__ import annotations

from typing import TypeAlias

from tfx import types

# Lists, because a TFX channel may hold any number of artifacts.
Artifacts: TypeAlias = dict[str, list[types.Artifact]]
