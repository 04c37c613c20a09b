"""tfx-lm: TFX and Beam pipeline components for language models with a masked loss."""

__version__ = "0.1.0"
