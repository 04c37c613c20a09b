"""Pipelines: the configuration, the pipeline that it describes, and what runs it.

Each name is imported at its first use, so that importing the package imports no TFX.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..public_names import lazy_names

if TYPE_CHECKING:
    from .config import PipelineConfig, load_config
    from .pipeline import create_pipeline

__all__ = ["PipelineConfig", "create_pipeline", "load_config"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "PipelineConfig": "config.PipelineConfig",
        "create_pipeline": "pipeline.create_pipeline",
        "load_config": "config.load_config",
    },
)
