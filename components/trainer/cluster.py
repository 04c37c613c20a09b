"""The workers of a training: their addresses, and which of them this process is. Imports no TensorFlow."""

from __future__ import annotations

import collections
import dataclasses
import json
import os
import re
from collections.abc import Sequence

from ...errors import SettingError, escape
from ...model.options import TrainerOptions

_ADDRESS = re.compile(r"[^\s:/]+:(?P<port>\d{1,5})")


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The workers of one training.

    Attributes:
        workers: The address of each, `HOST:PORT`, the chief's first; empty: no other process trains.
        index: Which of them this process is.
    """

    workers: tuple[str, ...] = ()
    index: int = 0

    @property
    def several(self) -> bool:
        """Whether other processes train with this one."""
        return len(self.workers) > 1

    def name(self, index: int) -> str:
        """Returns a worker's name for errors: `worker 1 (host2:2222)`."""
        return f"worker {index} ({self.workers[index]})"

    def tf_config(self, index: int) -> str:
        """Returns the value of `TF_CONFIG` for a worker."""
        task = {"type": "worker", "index": index}
        return json.dumps({"cluster": {"worker": list(self.workers)}, "task": task})


def cluster_of_environment() -> Cluster:
    """Returns the workers that `TF_CONFIG` names; none if it is not set.

    Raises:
        ValueError: `TF_CONFIG` cannot be read, an address in it cannot be used, or this process's task is not one that
            trains.
    """
    text = os.environ.get("TF_CONFIG", "")
    try:
        config = json.loads(text or "{}")
        cluster, task = config.get("cluster", {}), config.get("task", {})
        chief, others = cluster.get("chief", []), cluster.get("worker", [])
        workers = (*chief, *others)
        if len(workers) > 1 and not (
            isinstance(chief, list) and isinstance(others, list) and all(isinstance(each, str) for each in workers)
        ):
            raise TypeError("`cluster` does not list addresses")
        if len(workers) > 1 and not 0 <= int(task["index"]) < len(cluster[task["type"]]):
            raise ValueError("`task` does not name a member of `cluster`")
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"TF_CONFIG={text}: {error!r}; it must be of the form "
            '{"cluster": {"worker": ["HOST:PORT", …]}, "task": {"type": "worker", "index": 0}}, or not be set'
        ) from error
    if len(workers) < 2:
        return Cluster(workers)
    if task["type"] not in ("chief", "worker"):
        raise ValueError(f"TF_CONFIG has the task type {task['type']!r}: only chief and worker train; start no others")
    check_addresses(workers, "TF_CONFIG")
    return Cluster(workers, int(task["index"]) + (len(chief) if task["type"] == "worker" else 0))


def cluster_of(options: TrainerOptions) -> Cluster:
    """Returns the workers of `TF_CONFIG` if the options take them; otherwise none.

    Raises:
        ValueError: `TF_CONFIG` cannot be used.
    """
    return cluster_of_environment() if options.distribution in ("auto", "multi_worker") else Cluster()


def check_addresses(workers: Sequence[str], name: str) -> None:
    """Checks the addresses of workers.

    Args:
        workers: The addresses.
        name: What the user calls them, for errors.

    TensorFlow listens on IPv4 addresses alone.

    Raises:
        SettingError: An address is not of the form HOST:PORT, or stands twice.
    """
    for worker in workers:
        parts = _ADDRESS.fullmatch(worker)
        if parts is None or not 0 < int(parts["port"]) < 2**16:
            raise SettingError(f"{name} {escape(worker)}: must be HOST:PORT, such as host1:2222")
    address, count = collections.Counter(workers).most_common(1)[0] if workers else ("", 0)
    if count > 1:
        raise SettingError(f"{name} {escape(address)}: stands {count} times; each worker needs an address of its own")


def host_and_port(address: str) -> tuple[str, int]:
    """Returns the two parts of a checked address."""
    host, _, port = address.rpartition(":")
    return host, int(port)


def check_workers_here(options: TrainerOptions) -> None:
    """Checks `workers`, the number of processes on this machine.

    Raises:
        SettingError: They are more than the processors that this process may use, or `TF_CONFIG` names others.
        ValueError: `TF_CONFIG` cannot be read.
    """
    if options.workers == 1:
        return
    cluster = cluster_of_environment()
    if cluster.several:
        raise SettingError(
            f"{{workers}}={options.workers}: TF_CONFIG names {len(cluster.workers)} workers already "
            f"({escape(', '.join(cluster.workers))}); unset TF_CONFIG, or set {{workers}}=1"
        )
    import joblib

    processors = joblib.cpu_count()
    if options.workers > processors:
        raise SettingError(
            f"{{workers}}={options.workers}: each needs a processor, and this process may use {processors}; lower "
            "{workers}, or train on several hosts (docs/guide/training.md, Several workers)"
        )
