"""The process of one worker of a training, and what it tells the process that watches it."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import pickle
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

import tensorflow as tf

from ...errors import SettingError
from ...parent_death import end_with_parent
from ...progress import log_only
from .cluster import Cluster, host_and_port
from .peer import Peer

# What no lost worker causes, unless TensorFlow passes on the error of another worker in these words.
_OWN_ERRORS = (
    tf.errors.AlreadyExistsError, tf.errors.DataLossError, tf.errors.InvalidArgumentError, tf.errors.NotFoundError,
    tf.errors.OutOfRangeError, tf.errors.PermissionDeniedError, tf.errors.ResourceExhaustedError,
    tf.errors.UnimplementedError,
)  # fmt: skip
_PASSED_ON = "Collective ops is aborted by"
_NO_PROXY = "no_grpc_proxy"

Task = dict[str, Any]
# Trains a task; calls the function as soon as it has heard from all other workers.
Train = Callable[[Task, Callable[[], None]], None]


@dataclasses.dataclass(frozen=True)
class Failure:
    """The end of a worker before that of the training.

    Attributes:
        error: What to raise.
        consequence: Whether the end of another worker may have caused it.
        trace: Where it was raised; empty for errors that say all.
    """

    error: Exception
    consequence: bool = False
    trace: str = ""


@dataclasses.dataclass(frozen=True)
class Worker:
    """A worker of this machine, and the pipe through which it tells its end."""

    index: int
    process: BaseProcess
    pipe: Connection


def check_unused() -> None:
    """Checks that TensorFlow works in forks of this process.

    Raises:
        SettingError: TensorFlow has run something in this process already.
    """
    threading = tf.config.threading
    before = threading.get_inter_op_parallelism_threads()
    try:
        threading.set_inter_op_parallelism_threads(before + 1)
    except RuntimeError as error:
        raise SettingError(
            "several workers: TensorFlow has run something in this process already, so that it cannot be divided into "
            "workers; train in a process of its own, as tfx-lm run and tfx-lm run-node do, or set {workers}=1"
        ) from error
    threading.set_inter_op_parallelism_threads(before)


def start_worker(cluster: Cluster, index: int, peers: Mapping[int, Peer], task: Task, train: Train) -> Worker:
    """Forks the process of a worker of this machine.

    Args:
        cluster: All workers.
        index: Which of them this one is.
        peers: The connections to other hosts, which stay this process's.
        task: What to train, JSON types.
        train: Trains; called in the new process, with `TF_CONFIG` set.
    """
    context = multiprocessing.get_context("fork")
    receiving, sending = context.Pipe(duplex=False)
    # All workers of this machine have the same progress.
    helps = index != 0 and not peers
    process = context.Process(target=_work, args=(sending, peers, helps, cluster, index, task, train))
    with warnings.catch_warnings():
        # Python 3.12 warns of other threads. Those of a node hold no lock that a worker needs.
        warnings.simplefilter("ignore", DeprecationWarning)
        process.start()
    sending.close()
    return Worker(index, process, receiving)


def _work(
    monitor: Connection,
    peers: Mapping[int, Peer],
    helps: bool,
    cluster: Cluster,
    index: int,
    task: Task,
    train: Train,
) -> None:
    """Trains, and waits to be killed, since another worker may still need an answer of this one's TensorFlow."""
    parent = multiprocessing.parent_process()
    assert parent is not None and parent.pid is not None
    end_with_parent(parent.pid, parent.sentinel)
    # Ctrl-C reaches all processes of a terminal; the parent ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for peer in peers.values():
        peer.close()
    if helps:
        log_only()
    os.environ["TF_CONFIG"] = cluster.tf_config(index)
    # Workers reach each other without a proxy. gRPC reads the first of these variables that is set.
    no_proxy = os.environ.get(_NO_PROXY) or os.environ.get("no_proxy") or ""
    os.environ[_NO_PROXY] = ",".join(filter(None, [no_proxy, *(host_and_port(each)[0] for each in cluster.workers)]))
    try:
        train(task, lambda: monitor.send({"met": True}))
    except Exception as error:
        trace = "" if isinstance(error, SettingError) else traceback.format_exc()
        monitor.send(Failure(_sendable(error), _may_be_consequence(error), trace))
    else:
        monitor.send({"done": True})
    sys.stdout.flush()
    sys.stderr.flush()
    while True:
        signal.pause()


def _may_be_consequence(error: Exception) -> bool:
    """Returns whether the end of another worker may have caused an error."""
    own = isinstance(error, _OWN_ERRORS) and _PASSED_ON not in str(error)
    return isinstance(error, tf.errors.OpError) and not own


def _sendable(error: Exception) -> Exception:
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301, its own
    except Exception:  # Some exceptions of libraries cannot be pickled, or not read again.
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
