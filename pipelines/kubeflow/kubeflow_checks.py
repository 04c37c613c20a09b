"""Checks before a pipeline is compiled for Kubeflow, where every node runs in its own container."""

from __future__ import annotations

import re

from ...remote import is_remote
from ..beam.options import ENGINES
from ..config import BASELINE, PipelineConfig
from ..errors import ConfigurationError

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,127}")


def check_kubeflow(config: PipelineConfig) -> tuple[str, str]:
    """Checks that containers can find everything that the configuration names.

    Args:
        config: A checked configuration.

    Returns:
        The image, and the folder that replaces `output`.

    Raises:
        ConfigurationError: Names what is missing and the remedy.
    """
    kubeflow = config.kubeflow
    if kubeflow.image is None:
        raise ConfigurationError("kubeflow.image: not set; build the Dockerfile's image and name it there")
    if kubeflow.pipeline_root is None:
        raise ConfigurationError(
            "kubeflow.pipeline_root: not set; name a folder on object storage, as gs://BUCKET/FOLDER"
        )
    if config.keep_runs is not None:
        raise ConfigurationError(
            f"keep_runs={config.keep_runs}: Kubeflow keeps its own records of artifacts, which a pipeline cannot "
            "prune; compile with --set keep_runs=null, and let the bucket delete old objects below "
            "kubeflow.pipeline_root, except those in its folder serving"
        )
    if not _NAME.fullmatch(config.name):
        raise ConfigurationError(
            f"name={config.name}: Kubeflow takes lower-case letters, digits and '-' only, at most 128; set name"
        )
    patterns = [*config.data.files, *(pattern for of in config.data.splits.values() for pattern in of)]
    if not patterns:
        raise ConfigurationError("data: no input; set data.files or data.splits")
    named = [("data", pattern) for pattern in patterns] + [("vocabulary.file", config.vocabulary.file)]
    if config.trainer.warm_start != BASELINE:
        named.append(("trainer.warm_start", config.trainer.warm_start))
    for key, path in named:
        if path is not None and not is_remote(path):
            raise ConfigurationError(
                f"{key}: {path} lies on this machine, where no container finds it; copy it to object storage, "
                "such as gs://BUCKET/FOLDER"
            )
    if config.beam.runner in ENGINES and config.beam.worker is None:
        raise ConfigurationError(
            "beam.worker: not set, and the cluster's hosts are not this machine; name the path of tfx-lm-beam-worker "
            "there, or HOST:PORT of a worker pool beside each"
        )
    return kubeflow.image, kubeflow.pipeline_root
