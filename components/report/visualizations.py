"""Notebook visualizations: our artifacts in TFX's `InteractiveContext`.

It shows an artifact by the visualization registered for its type, and only the path of others.
"""

from __future__ import annotations

from typing import Any

from IPython.display import HTML, display
from tfx import types
from tfx.components.evaluator import constants
from tfx.dsl.io import fileio
from tfx.orchestration.experimental.interactive import standard_visualizations, visualizations
from tfx.types import standard_artifacts

from ..evaluator.results import VERDICT_FILE, load_results, read_verdict
from ..serving_check import verdict as serving_verdict
from . import artifact as report_artifact
from .page import template
from .tables import score_rows, slice_rows


def register_visualizations() -> None:
    """Makes `context.show(channel)` show reports, evaluations, blessings and serving checks in a notebook.

    Call it after the `InteractiveContext` is made: the context registers TFX's own visualizations, and the last one
    registered for a type counts.
    """
    for visualization in (
        ReportVisualization, EvaluationVisualization, BlessingVisualization, ServingCheckVisualization
    ):  # fmt: skip
        visualizations.get_registry().register(visualization)


class ReportVisualization(visualizations.ArtifactVisualization):
    """The report's page, in a frame that runs no scripts."""

    ARTIFACT_TYPE = report_artifact.HTML

    def display(self, artifact: types.Artifact) -> str:
        """Shows the page.

        Args:
            artifact: The output of a `Report`.
        """
        with fileio.open(report_artifact.page_path(artifact.uri)) as file:
            return _show("notebook_page.html", page=file.read())


class EvaluationVisualization(standard_visualizations.ModelEvaluationVisualization):
    """The verdict and the scores of both models, over all sentences and by slice."""

    def display(self, artifact: types.Artifact) -> str:
        """Shows the tables; an evaluation by another Evaluator is shown as TFX does.

        Args:
            artifact: The `evaluation` of a `MaskedEvaluator`.
        """
        if not fileio.exists(f"{artifact.uri}/{VERDICT_FILE}"):
            super().display(artifact)
            return ""
        results = load_results(artifact.uri)
        total = results.get("")
        return _show(
            "notebook_evaluation.html",
            verdict=read_verdict(artifact.uri),
            has_baseline=total is not None and total.baseline is not None,
            scores=score_rows(total),
            slices=slice_rows(results),
        )


class BlessingVisualization(visualizations.ArtifactVisualization):
    """Whether a model is blessed, and why."""

    ARTIFACT_TYPE = standard_artifacts.ModelBlessing

    def display(self, artifact: types.Artifact) -> str:
        """Shows the verdict; that of another Evaluator has no reasons.

        Args:
            artifact: The `blessing` of a `MaskedEvaluator`.
        """
        if fileio.exists(f"{artifact.uri}/{VERDICT_FILE}"):
            verdict = read_verdict(artifact.uri)
            return _show("verdict.html", blessed=verdict.blessed, reasons=verdict.reasons)
        blessed = fileio.exists(f"{artifact.uri}/{constants.BLESSED_FILE_NAME}")
        return _show("verdict.html", blessed=blessed, reasons=[])


class ServingCheckVisualization(visualizations.ArtifactVisualization):
    """Whether a model may be served: why not, or how fast it loads and answers."""

    ARTIFACT_TYPE = standard_artifacts.InfraBlessing

    def display(self, artifact: types.Artifact) -> str:
        """Shows the verdict; that of an InfraValidator has no reasons.

        Args:
            artifact: The `blessing` of a `ServingCheck`.
        """
        if fileio.exists(f"{artifact.uri}/{serving_verdict.VERDICT_FILE}"):
            content = serving_verdict.read_verdict(artifact.uri)
            return _show("verdict.html", blessed=content["blessed"], reasons=[*content["reasons"], *_speed(content)])
        return _show("verdict.html", blessed=fileio.exists(f"{artifact.uri}/INFRA_BLESSED"), reasons=[])


def _speed(content: dict[str, Any]) -> list[str]:
    """Returns the measurements as sentences."""
    seconds, latency = content["load_seconds"], content["latency_ms"]
    return [
        *([] if seconds is None else [f"loads in {seconds:.1f} s"]),
        *([] if latency is None else [f"scores a sentence in {latency['median']:.1f} ms (median)"]),
    ]


def _show(name: str, **values: Any) -> str:
    """Shows a template, which escapes all values, and returns its HTML."""
    text = template(name).render(**values)
    display(HTML(text))
    return text
