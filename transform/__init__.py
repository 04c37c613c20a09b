"""Text to ids: tokenizers, vocabulary, padding, and the function that TFX's Transform runs.

Each name is imported at its first use, so that importing the package imports no TensorFlow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..public_names import lazy_names

if TYPE_CHECKING:
    from .options import TextOptions
    from .preprocessing import preprocessing_fn

__all__ = ["TextOptions", "preprocessing_fn"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "TextOptions": "options.TextOptions",
        "preprocessing_fn": "preprocessing.preprocessing_fn",
    },
)
