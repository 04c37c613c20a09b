"""A run of the Evaluator's own executor, on raw examples."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import validation_result_pb2
from tfx.types import artifact_utils, channel_utils, standard_artifacts
from tfx_lm.components.evaluator import results
from tfx_lm.components.evaluator.component import MaskedEvaluator
from tfx_lm.components.evaluator.executor import Executor
from tfx_lm.exported import gate

LINES = [b"w1 w2", b"w3", b"w4 zzz w5 w6 w7"] * 20


def example(line: bytes, context: bytes | None = None) -> bytes:
    """A serialized example with a line of text, perhaps a context, and, as a feature to slice by, its first word."""

    def feature(value: bytes) -> tf.train.Feature:
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))

    features = {"text": feature(line), "source": feature(line[:2])}
    if context is not None:
        features["context"] = feature(context)
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def model_artifact(saved_model: str | Path, folder: Path) -> standard_artifacts.Model:
    """A Trainer's output that holds a SavedModel."""
    artifact = standard_artifacts.Model()
    artifact.uri = str(folder)
    folder.mkdir(parents=True)
    (folder / "Format-Serving").symlink_to(saved_model)
    return artifact


class Evaluation:
    """One run of the component; what its outputs say agrees."""

    def __init__(
        self,
        folder: Path,
        saved_model: str | Path,
        baseline: str | Path | None = None,
        lines: Sequence[bytes] = LINES,
        contexts: Sequence[bytes | None] | None = None,
        empty_baseline: bool = False,
        compressed: bool = True,
        **arguments: Any,
    ) -> None:
        examples = standard_artifacts.Examples()
        examples.uri = str(folder / "examples")
        examples.split_names = artifact_utils.encode_split_names(["train", "eval"])
        split = folder / "examples" / "Split-eval"
        split.mkdir(parents=True)
        file, compression = ("data-00000-of-00001.gz", "GZIP") if compressed else ("data-00000-of-00001", "")
        with tf.io.TFRecordWriter(str(split / file), compression) as writer:
            for line, context in zip(lines, contexts or [None] * len(lines), strict=True):
                writer.write(example(line, context))
        inputs: dict[str, Any] = {"examples": [examples], "model": [model_artifact(saved_model, folder / "candidate")]}
        if baseline:
            inputs["baseline_model"] = [model_artifact(baseline, folder / "baseline")]
            version, digest = ("", "") if empty_baseline else ("/serving/7", "0123")
            served = {"served_model": version, "served_digest": digest, "served_destination": "/serving"}
            for key, value in served.items():
                inputs["baseline_model"][0].set_string_custom_property(key, value)
        if empty_baseline:
            (folder / "baseline" / "Format-Serving").unlink()
        channels: dict[str, Any] = {key: channel_utils.as_channel(value) for key, value in inputs.items()}
        self.component = MaskedEvaluator(**channels, **{"max_perplexity": 500.0, "slice_tolerance": None, **arguments})
        outputs: dict[str, Any] = {
            "evaluation": standard_artifacts.ModelEvaluation(),
            "blessing": standard_artifacts.ModelBlessing(),
        }
        for key, artifact in outputs.items():
            artifact.uri = str(folder / key)
        self.uri = outputs["evaluation"].uri
        Executor().Do(inputs, {key: [artifact] for key, artifact in outputs.items()}, self.component.exec_properties)
        self.blessing, self.evaluation = outputs["blessing"], outputs["evaluation"]
        self.summary = results.summarize_evaluation(self.uri)
        self.scores, self.baseline, self.gate = (self.summary[key] for key in ("evaluation", "baseline", "gate"))
        assert self.gate["blessed"] == (self.blessing.get_int_custom_property("blessed") == 1)
        if baseline:
            # What the Pusher compares with what is served.
            assert {key: self.blessing.get_string_custom_property(key) for key in served} == served
        assert self.blessing.has_custom_property("served_model") is bool(baseline)
        files = {file.name for file in (folder / "blessing").iterdir()}
        assert files == {"BLESSED" if self.gate["blessed"] else "NOT_BLESSED", "verdict.json"}
        assert results.read_verdict(str(folder / "blessing")).as_json() == self.gate
        self.validation = tfma.load_validation_result(self.uri)
        assert (self.validation.validation_ok, self.validation.missing_thresholds) == (self.gate["blessed"], False)
        # Each reason of a refusal is a failure.
        messages = [failure.message for _, failure in self.failures()]
        reasons = [] if self.gate["blessed"] else [why for why in self.gate["reasons"] if why != gate.NO_BASELINE]
        assert sorted(messages) == sorted(reasons)

    def eval_result(self) -> dict[str, float]:
        """The candidate's scores of all sentences, as TFMA reads them."""
        result = tfma.load_eval_result(self.uri, model_name="candidate" if self.baseline else None)
        metrics = dict(result.slicing_metrics)[()][""][""]
        return {name: value["doubleValue"] for name, value in metrics.items() if "doubleValue" in value}

    def failures(self) -> list[tuple[str, validation_result_pb2.ValidationFailure]]:
        """The slice and the failure of each condition that TFMA says was not met."""
        by_slice = self.validation.metric_validations_per_slice
        return [(results.slice_name(one.slice_key), failure) for one in by_slice for failure in one.failures]
