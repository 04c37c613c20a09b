"""The workers of `TF_CONFIG`, read without TensorFlow."""

from __future__ import annotations

import json
import os


def cluster_workers() -> list[str]:
    """Returns the addresses of the workers that `TF_CONFIG` names, the chief's first; none if it is not set.

    Raises:
        ValueError: If `TF_CONFIG` cannot be read, or if this process's task is not one that trains.
    """
    text = os.environ.get("TF_CONFIG", "")
    try:
        config = json.loads(text or "{}")
        cluster, task = config.get("cluster", {}), config.get("task", {})
        workers = [*cluster.get("chief", []), *cluster.get("worker", [])]
        if len(workers) > 1 and not 0 <= int(task["index"]) < len(cluster[task["type"]]):
            raise ValueError("`task` does not name a member of `cluster`")
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"TF_CONFIG={text}: {error!r}; it must be of the form "
            '{"cluster": {"worker": ["HOST:PORT", …]}, "task": {"type": "worker", "index": 0}}, or not be set'
        ) from error
    if len(workers) > 1 and task["type"] not in ("chief", "worker"):
        raise ValueError(f"TF_CONFIG has the task type {task['type']!r}: only chief and worker train; start no others")
    return workers
