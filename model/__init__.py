"""The masked-loss LSTM: layers, loss, options and export.

Each name is imported at its first use, so that importing the package imports no TensorFlow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..public_names import lazy_names

if TYPE_CHECKING:
    from .adaptive import AdaptiveSoftmax
    from .export import export_model
    from .language_model import LanguageModel
    from .loss import LossSums
    from .options import TrainerOptions
    from .softmax import FullSoftmax

__all__ = ["AdaptiveSoftmax", "FullSoftmax", "LanguageModel", "LossSums", "TrainerOptions", "export_model"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "AdaptiveSoftmax": "adaptive.AdaptiveSoftmax",
        "FullSoftmax": "softmax.FullSoftmax",
        "LanguageModel": "language_model.LanguageModel",
        "LossSums": "loss.LossSums",
        "TrainerOptions": "options.TrainerOptions",
        "export_model": "export.export_model",
    },
)
