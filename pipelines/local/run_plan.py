"""Plan of a local run: the compiled pipeline, and its nodes to run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """A run before its first node. It has plain values only, so that a process without TFX can hold it.

    Attributes:
        run_id: The run's id.
        pipeline: The compiled pipeline with the run's id, serialised.
        upstream: The nodes that each node waits for, in topological order.
        skipped: The nodes that do not run.
    """

    run_id: str
    pipeline: bytes
    upstream: dict[str, list[str]]
    skipped: frozenset[str]
