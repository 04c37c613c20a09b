"""Exported models: load, score, compare and complete. Needs TensorFlow, SciPy, pydantic and joblib only.

Each name is imported at its first use, so that importing the package imports no TensorFlow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..public_names import lazy_names

if TYPE_CHECKING:
    from .comparison import Comparison
    from .comparison import compare_models as compare
    from .completion import candidates, complete
    from .exported_model import ExportedModel
    from .exported_model import load_model as load
    from .scoring import CorpusScore, LineScore
    from .scoring import score_lines as score

__all__ = [
    "Comparison",
    "CorpusScore",
    "ExportedModel",
    "LineScore",
    "candidates",
    "compare",
    "complete",
    "load",
    "score",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "Comparison": "comparison.Comparison",
        "CorpusScore": "scoring.CorpusScore",
        "ExportedModel": "exported_model.ExportedModel",
        "LineScore": "scoring.LineScore",
        "candidates": "completion.candidates",
        "compare": "comparison.compare_models",
        "complete": "completion.complete",
        "load": "exported_model.load_model",
        "score": "scoring.score_lines",
    },
)
