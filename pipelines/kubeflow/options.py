"""Options for Kubeflow Pipelines v2 and Vertex AI: the image, the folder and the resources of the containers."""

from __future__ import annotations

import re

from pydantic import Field, field_validator, model_validator

from ...errors import escape
from ...remote import is_remote
from ...settings import Number, Settings, WholeNumber

# What both KFP's launcher and TFX read and write. KFP's `minio://` is unknown to TFX, and `hdfs://` to KFP.
_BUCKET = re.compile(r"(gs|s3)://[^/\s]+(/.*)?")


class ResourcesConfig(Settings):
    """Resources that a container requests from the cluster."""

    # CPU cores; null: the cluster's default.
    cpu: Number | None = Field(None, gt=0.0)
    # Memory in GB (10^9 bytes); null: the cluster's default.
    memory_gb: Number | None = Field(None, gt=0.0)
    # Kind of accelerator, such as nvidia.com/gpu on Kubeflow or NVIDIA_TESLA_T4 on Vertex AI; null: none.
    accelerator: str | None = None
    # How many accelerators.
    accelerator_count: WholeNumber = Field(1, ge=1)


class KubeflowConfig(Settings):
    """Settings for Kubeflow Pipelines v2 and Vertex AI; local runs ignore them."""

    # The image of all containers, such as registry.example.com/tfx-lm:0.1.0; the Dockerfile builds it.
    image: str | None = None
    # Folder on object storage that replaces `output`, such as gs://bucket/my-model: the runs' artifacts, the
    # pushed models (serving/VERSION) and the backups of the Trainer and the Tuner. gs://, or s3:// with an image that
    # has tensorflow-io; no mounted folder, which KFP takes for no pipeline root.
    pipeline_root: str | None = None
    # Resources of the Trainer, and of the Tuner, whose trials are trainings.
    trainer: ResourcesConfig = ResourcesConfig()
    # Resources of each other node.
    nodes: ResourcesConfig = ResourcesConfig()
    # Whether results of earlier runs are used again. Kubeflow compares paths and not files, so switch it on only if
    # the files of a path never change.
    cache: bool = False

    @model_validator(mode="after")
    def _counted_accelerators_have_a_kind(self) -> KubeflowConfig:
        for name, resources in (("trainer", self.trainer), ("nodes", self.nodes)):
            if resources.accelerator is None and resources.accelerator_count > 1:
                raise ValueError(
                    f"kubeflow.{name}.accelerator_count={resources.accelerator_count}: has no effect without a kind; "
                    f"set kubeflow.{name}.accelerator, such as nvidia.com/gpu, or remove it"
                )
        return self

    @field_validator("pipeline_root")
    @classmethod
    def _is_shared(cls, value: str | None) -> str | None:
        if value is None or _BUCKET.fullmatch(value):
            return value
        if is_remote(value):
            raise ValueError(
                f"kubeflow.pipeline_root={escape(value)}: Kubeflow keeps artifacts in gs://BUCKET/FOLDER or, with an "
                "image that has tensorflow-io, s3://BUCKET/FOLDER; name such a folder"
            )
        raise ValueError(
            f"kubeflow.pipeline_root={escape(value)}: every container must reach it; name a folder on object storage, "
            "such as gs://BUCKET/FOLDER"
        )
