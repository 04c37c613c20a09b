"""Options of AtomicPusher. Their only definition."""

from __future__ import annotations

from pydantic import Field

from ...settings import Settings, WholeNumber


class PusherOptions(Settings):
    """Options for blessed models, which are pushed to OUTPUT/serving/VERSION."""

    # How many undamaged versions to keep, the newest; null: all.
    keep_versions: WholeNumber | None = Field(10, ge=1)
    # Whether the node fails if the model is not blessed, so that Airflow and Kubeflow show a failed run. A local run
    # has the option --require-push.
    require_push: bool = False
