"""What a local run is about to do: the compiled pipeline, and which of its nodes run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """A run before its first node; plain values, so that a process without TFX can hold it.

    Attributes:
        run_id: The run's id.
        pipeline: The compiled pipeline with the run's id, serialised.
        upstream: Which nodes each node waits for, in topological order.
        skipped: Nodes that are not asked for.
    """

    run_id: str
    pipeline: bytes
    upstream: dict[str, list[str]]
    skipped: frozenset[str]
