"""Exported models: load, score, compare and complete. Needs TensorFlow, NumPy and SciPy only.

Each name is imported at its first use, so that importing the package imports no TensorFlow.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .comparison import Comparison
    from .comparison import compare_models as compare
    from .completion import complete
    from .exported_model import ExportedModel
    from .exported_model import load_model as load
    from .scoring import CorpusScore, LineScore
    from .scoring import score_lines as score

__all__ = ["Comparison", "CorpusScore", "ExportedModel", "LineScore", "compare", "complete", "load", "score"]

_DEFINITIONS = {
    "Comparison": ("comparison", "Comparison"),
    "CorpusScore": ("scoring", "CorpusScore"),
    "ExportedModel": ("exported_model", "ExportedModel"),
    "LineScore": ("scoring", "LineScore"),
    "compare": ("comparison", "compare_models"),
    "complete": ("completion", "complete"),
    "load": ("exported_model", "load_model"),
    "score": ("scoring", "score_lines"),
}


def __getattr__(name: str) -> Any:
    if name not in _DEFINITIONS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, definition = _DEFINITIONS[name]
    return getattr(importlib.import_module(f".{module}", __name__), definition)


def __dir__() -> list[str]:
    return sorted(__all__)
