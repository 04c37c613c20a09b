"""Options of AtomicPusher: the versions to keep. Their only definition."""

from __future__ import annotations

from pydantic import Field

from ...settings import Settings, WholeNumber


class PusherOptions(Settings):
    """Options for blessed models, which are pushed to OUTPUT/serving/VERSION."""

    # How many undamaged versions to keep, the newest; null: all.
    keep_versions: WholeNumber | None = Field(10, ge=1)
