"""TFX components: one folder for each, with its executor and its README.

Each name is imported at its first use, so that importing the package imports no TFX.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..public_names import lazy_names

if TYPE_CHECKING:
    from .baseline.component import Baseline
    from .bulk_score.component import BulkScore
    from .drift_validator.component import DriftValidator
    from .evaluator.component import MaskedEvaluator
    from .evaluator.eval_config import eval_config
    from .pusher.component import AtomicPusher
    from .report.component import Report
    from .report.visualizations import register_visualizations
    from .serving_check.component import ServingCheck
    from .starting_model.component import StartingModel
    from .text_example_gen.component import TextExampleGen
    from .text_transform.component import TextTransform
    from .trainer.component import MaskedTrainer
    from .tuner.component import MaskedTuner

__all__ = [
    "AtomicPusher",
    "Baseline",
    "BulkScore",
    "DriftValidator",
    "MaskedEvaluator",
    "MaskedTrainer",
    "MaskedTuner",
    "Report",
    "ServingCheck",
    "StartingModel",
    "TextExampleGen",
    "TextTransform",
    "eval_config",
    "register_visualizations",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "AtomicPusher": "pusher.component.AtomicPusher",
        "Baseline": "baseline.component.Baseline",
        "BulkScore": "bulk_score.component.BulkScore",
        "DriftValidator": "drift_validator.component.DriftValidator",
        "MaskedEvaluator": "evaluator.component.MaskedEvaluator",
        "MaskedTrainer": "trainer.component.MaskedTrainer",
        "MaskedTuner": "tuner.component.MaskedTuner",
        "Report": "report.component.Report",
        "ServingCheck": "serving_check.component.ServingCheck",
        "StartingModel": "starting_model.component.StartingModel",
        "TextExampleGen": "text_example_gen.component.TextExampleGen",
        "TextTransform": "text_transform.component.TextTransform",
        "eval_config": "evaluator.eval_config.eval_config",
        "register_visualizations": "report.visualizations.register_visualizations",
    },
)
