"""Distribution strategy of the training: one device, several GPUs, several workers or a TPU."""

from __future__ import annotations

import os
import socket
from typing import NamedTuple
from urllib.parse import urlparse

import tensorflow as tf

from ...errors import SettingError, escape
from .cluster import cluster_of_environment

# Where a TPU host listens, unless its address says otherwise, and the seconds in which it must answer.
TPU_PORT = 8470
TPU_TIMEOUT = 10.0


class Choice(NamedTuple):
    """What an option's `auto` stands for on this machine.

    Attributes:
        value: The value that is used.
        reason: Why, for people; a template of `SettingError`.
    """

    value: str
    reason: str


def choose_distribution(name: str) -> Choice:
    """Returns the distribution that trains here: `name` itself, or what `auto` stands for. Connects to nothing.

    Args:
        name: One of
            `one_device`: the first GPU, or the processor;
            `mirrored`: all GPUs of this machine (or all logical devices of its processor), a copy of the model
            on each;
            `multi_worker`: all workers that the environment variable `TF_CONFIG` names, each with all of its GPUs;
            `tpu`: the TPU that `TPU_NAME`, `KUBE_GOOGLE_CLOUD_TPU_ENDPOINTS` or `COLAB_TPU_ADDR` names, or the
            one of this machine;
            `auto`: the first that there is of TPU, several workers, several GPUs and one device.

    Raises:
        ValueError: `TF_CONFIG` cannot be read.
    """
    if name != "auto":
        return Choice(name, "{distribution} is set to it")
    workers, tpu = cluster_of_environment().workers, tpu_address()
    if tpu is not None:
        return Choice("tpu", "this machine has a TPU" if tpu == "local" else f"the TPU {escape(tpu)} is named")
    if len(workers) > 1:
        return Choice("multi_worker", f"TF_CONFIG names {len(workers)} workers")
    gpus = len(tf.config.list_physical_devices("GPU"))
    if gpus > 1:
        return Choice("mirrored", f"TensorFlow sees {gpus} GPUs")
    return Choice("one_device", f"TensorFlow sees no TPU and {'one' if gpus else 'no'} GPU, TF_CONFIG no other workers")


def choose_strategy(name: str) -> tf.distribute.Strategy:
    """Returns the strategy to build and train the model under.

    Workers can be set up only before TensorFlow has run anything in the process: call this first.

    Args:
        name: See `choose_distribution`.

    Returns:
        The strategy; TensorFlow's default one for one device.

    Raises:
        ValueError: if what is asked for is not there.
    """
    chosen = choose_distribution(name).value
    if chosen == "tpu":
        return _tpu(tpu_address())
    if chosen == "multi_worker":
        return _multi_worker(cluster_of_environment().workers)
    return _mirrored() if chosen == "mirrored" else tf.distribute.get_strategy()


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Returns whether this process is the one that writes files; of several workers it is the first."""
    return strategy.extended.should_checkpoint


def from_chief(strategy: tf.distribute.Strategy, content: bytes) -> bytes:
    """Returns the chief's `content` on every worker. All of them must call it, and each waits for all others.

    Args:
        strategy: From `choose_strategy`.
        content: The chief's value; those of the other workers are ignored. A single process gets its own value back.
    """
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return content
    # Workers can only add numbers; all but the chief's first replica add zeros.
    size = int(_of_first_replica(strategy, tf.constant([len(content)], tf.int64))[0])
    if size == 0:
        return b""
    padded = (content if is_chief(strategy) else b"")[:size].ljust(-(-size // 8) * 8, b"\0")
    return _of_first_replica(strategy, tf.io.decode_raw(padded, tf.int64)).numpy().tobytes()[:size]


def _of_first_replica(strategy: tf.distribute.Strategy, value: tf.Tensor) -> tf.Tensor:
    """Returns the value, [n] int64, that the first replica of all workers has."""

    @tf.function
    def on_each_replica() -> tf.Tensor:
        context = tf.distribute.get_replica_context()
        own = value if context.replica_id_in_sync_group == 0 else tf.zeros_like(value)
        return context.all_reduce(tf.distribute.ReduceOp.SUM, own)

    return strategy.experimental_local_results(strategy.run(on_each_replica))[0]


def _multi_worker(workers: tuple[str, ...]) -> tf.distribute.Strategy:
    if len(workers) < 2:
        raise SettingError(
            f"{{distribution}}=multi_worker: TF_CONFIG names {len(workers)} workers, must be several; set {{workers}} "
            "for several on this machine, set TF_CONFIG in the environment of each for several hosts, or set "
            "{distribution}=one_device"
        )
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:
        raise SettingError(
            f"{{distribution}}=multi_worker: {escape(error)}; TensorFlow has run something in this process already: "
            "start each worker's training in a separate process"
        ) from error


def _mirrored() -> tf.distribute.Strategy:
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    if len(devices) < 2:
        raise SettingError(
            f"{{distribution}}=mirrored: found only {devices[0].name.removeprefix('/device:')}, must be several "
            "devices; set {distribution}=one_device, or make more GPUs visible"
        )
    return tf.distribute.MirroredStrategy([device.name for device in devices])


def tpu_address() -> str | None:
    """Returns the name by which `TPUClusterResolver` finds the TPU; None if there is none."""
    for variable in ("TPU_NAME", "KUBE_GOOGLE_CLOUD_TPU_ENDPOINTS"):
        if os.environ.get(variable):
            return os.environ[variable]
    if os.environ.get("COLAB_TPU_ADDR"):
        return f"grpc://{os.environ['COLAB_TPU_ADDR']}"
    return "local" if tf.config.list_physical_devices("TPU") else None


def _tpu(address: str | None) -> tf.distribute.Strategy:
    if address is None:
        raise SettingError(
            "{distribution}=tpu: found no TPU; set TPU_NAME to its name or grpc://HOST:PORT, or {distribution}=auto"
        )
    try:
        url = urlparse(address.split(",")[0])
        # TensorFlow itself would wait for minutes.
        if url.scheme == "grpc":
            socket.create_connection((url.hostname or "", url.port or TPU_PORT), TPU_TIMEOUT).close()
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(address)
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
    except (OSError, RuntimeError, ValueError, tf.errors.OpError) as error:
        raise SettingError(
            f"{{distribution}}=tpu: the TPU {escape(address)} cannot be used ({escape(error)}); mend or unset "
            "TPU_NAME, or set {distribution}=one_device"
        ) from error
    return tf.distribute.TPUStrategy(resolver)
