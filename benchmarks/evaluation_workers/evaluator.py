"""Peer: the component's executor."""

import sys
import tempfile
import time
from pathlib import Path

from evaluation_workers import scores
from shared.answers import Answers
from tfx.types import artifact_utils, channel_utils, standard_artifacts
from tfx_lm.components.evaluator import results
from tfx_lm.components.evaluator.component import MaskedEvaluator
from tfx_lm.components.evaluator.executor import Executor
from tfx_lm.pipelines.beam.arguments import beam_arguments
from tfx_lm.pipelines.beam.options import BeamConfig


def main(model: str, examples: str) -> None:
    """Evaluates once."""
    answers = Answers()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        inputs = {"examples": standard_artifacts.Examples(), "model": standard_artifacts.Model()}
        inputs["examples"].uri = examples
        inputs["examples"].split_names = artifact_utils.encode_split_names(["eval"])
        inputs["model"].uri = str(folder / "trained")
        (folder / "trained").mkdir()
        (folder / "trained" / "Format-Serving").symlink_to(Path(model).resolve())
        outputs = {"evaluation": standard_artifacts.ModelEvaluation(), "blessing": standard_artifacts.ModelBlessing()}
        for key, artifact in outputs.items():
            artifact.uri = str(folder / key)
        component = MaskedEvaluator(
            examples=channel_utils.as_channel([inputs["examples"]]),
            model=channel_utils.as_channel([inputs["model"]]),
            max_bits_per_byte=100.0,
        )
        executor = Executor(
            Executor.Context(beam_pipeline_args=list(beam_arguments(BeamConfig())), tmp_dir=str(folder / "temporary"))
        )
        begin = time.perf_counter()
        executor.Do(
            {key: [artifact] for key, artifact in inputs.items()},
            {key: [artifact] for key, artifact in outputs.items()},
            component.exec_properties,
        )
        seconds = time.perf_counter() - begin
        evaluation = results.summarize_evaluation(outputs["evaluation"].uri)["evaluation"]
    scores.send(answers, seconds, evaluation["tokens"], evaluation["perplexity"])


if __name__ == "__main__":
    main(*sys.argv[1:])
