"""Executor of DriftValidator: counts the new text as the served model reads it, and compares."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx.dsl.components.base import base_beam_executor
from tfx.types import artifact_utils
from tfx.types import standard_component_specs as specs

from ...errors import SettingError, escape
from ...exported.text_statistics import TextStatistics
from ...exported.token_identity import read_token_identity
from ...exported.training_origin import read_training_origin
from ...progress import report
from ...transform.vocabulary import VOCABULARY_NAME
from ..artifacts import Artifacts
from ..examples import split_files
from ..model_path import holds_model, model_path
from ..starting_model.properties import SAME_INPUT, STARTING_MODEL
from ..text_counts import CountText, TextCounts, count_texts
from .drift import LENGTH_SHARE, TOKENS_PER_LINE, UNKNOWN_SHARE, Anomaly, Drift, find_anomalies
from .options import DriftOptions

# The split that the models are trained on, before and now.
COMPARED = "train"

# TFX's ExampleValidator names its file so, and `blessed` is its property.
_ANOMALIES_FILE = "SchemaDiff.pb"
_BLESSED = "blessed"

_REASONS = {
    TOKENS_PER_LINE: anomalies_pb2.AnomalyInfo.COMPARATOR_NORMALIZED_ABSOLUTE_DIFFERENCE_HIGH,
    UNKNOWN_SHARE: anomalies_pb2.AnomalyInfo.COMPARATOR_L_INFTY_HIGH,
    LENGTH_SHARE: anomalies_pb2.AnomalyInfo.COMPARATOR_L_INFTY_HIGH,
}


class DriftError(SettingError, RuntimeError):
    """The text has moved too far; with `on_anomaly=stop`, nothing is trained on it."""


class Executor(base_beam_executor.BaseBeamExecutor):
    """Executor of `DriftValidator`."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Runs the component.

        Args:
            input_dict: `examples`, raw, and `base_model`, whose folder may be empty.
            output_dict: `anomalies`.
            exec_properties: The options of `DriftOptions`; absent: its default.

        Raises:
            SettingError: An option cannot be used, or the examples have no split `train`.
            DriftError: There are anomalies, and `on_anomaly` is `stop`.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        given = {name: exec_properties.get(name) for name in DriftOptions.model_fields}
        options = DriftOptions.parse({name: value for name, value in given.items() if value is not None})
        output = artifact_utils.get_single_instance(output_dict[specs.ANOMALIES_KEY])
        # Kubeflow makes no folders.
        tf.io.gfile.makedirs(output.uri)
        drift = self._compare(input_dict, output.uri, options)
        drift.write(output.uri)
        _write_anomalies(output, drift)
        if drift.unmeasured:
            report(f"no drift is measured: {drift.unmeasured}")
            return
        report(f"anomalies against {drift.model}: {len(drift.anomalies)}")
        if drift.anomalies and options.on_anomaly == "stop":
            sentences = "; ".join(anomaly.sentence for anomaly in drift.anomalies)
            raise DriftError(
                f"the text has moved away from that of {escape(drift.model)}: {sentences}. To train on it all the "
                "same, set {on_anomaly} to report"
            )

    def _compare(self, input_dict: Artifacts, folder: str, options: DriftOptions) -> Drift:
        model = artifact_utils.get_single_instance(input_dict[specs.BASE_MODEL_KEY])
        files = split_files(input_dict[specs.EXAMPLES_KEY], [COMPARED])
        if not holds_model(model):
            return Drift("", "no model of other text is served yet")
        path = model_path(model)
        name = model.get_string_custom_property(STARTING_MODEL) or path
        if model.has_custom_property(SAME_INPUT) and model.get_string_custom_property(SAME_INPUT):
            return Drift(name, f"{name} was trained on the same text, and the model before it is no longer served")
        before = read_training_origin(path).text
        if before is None:
            return Drift(
                name, f"{name} does not say what its text was like, as it was trained by another version or component"
            )
        identity = read_token_identity(path)
        counts = self._count(
            CountText(f"{path}/assets/{VOCABULARY_NAME}", identity["tokenizer"], identity["lowercase"]), files, folder
        )
        now = TextStatistics.count(
            counts.lengths, counts.unknown, int(counts.words.sum()), longest_counted(identity, before)
        )
        return Drift(name, "", before, now, find_anomalies(before, now, options))

    def _count(self, count: CountText, files: list[str], folder: str) -> TextCounts:
        report("counting the tokens of each line")
        counted = posixpath.join(folder, "counts.json")
        with self._make_beam_pipeline() as pipeline:
            count_texts(pipeline, {COMPARED: files}, count, {COMPARED: counted})
        with tf.io.gfile.GFile(counted) as file:
            counts = TextCounts.from_json(file.read())
        tf.io.gfile.remove(counted)
        return counts


def longest_counted(identity: Mapping[str, Any], before: TextStatistics) -> int | None:
    """Returns how many tokens of a line are counted, as the text before was cut, too; None: all.

    | `max_length` of the model | longest line before, `</s>` included | counted without `</s>` |
    |---|---|---|
    | 64 | 40 or 64 | 63 |
    | `auto`, at most 2048 | 2048 | 2047 |
    | `auto`, at most 2048 | 90, which left out one token in a thousand at most | all |

    Args:
        identity: The model's token identity.
        before: The text that the model was trained on.
    """
    if "max_length" in identity:
        return int(identity["max_length"]) - 1
    return before.longest if before.longest + 1 == identity.get("auto_limit") else None


def _write_anomalies(output: Any, drift: Drift) -> None:
    """Writes the anomalies as TFX's ExampleValidator does, so that its tools show them."""
    output.split_names = artifact_utils.encode_split_names([COMPARED])
    output.set_json_value_custom_property(_BLESSED, {COMPARED: int(not drift.anomalies)})
    found = anomalies_pb2.Anomalies(anomaly_info={anomaly.measure: _info(anomaly) for anomaly in drift.anomalies})
    folder = artifact_utils.get_split_uri([output], COMPARED)
    tf.io.gfile.makedirs(folder)
    with tf.io.gfile.GFile(f"{folder}/{_ANOMALIES_FILE}", "wb") as file:
        file.write(found.SerializeToString(deterministic=True))


def _info(anomaly: Anomaly) -> anomalies_pb2.AnomalyInfo:
    sentence = str(SettingError(anomaly.sentence))
    short = f"moved by {anomaly.distance:.3g}, more than {anomaly.threshold:.3g}"
    reason = anomalies_pb2.AnomalyInfo.Reason(
        type=_REASONS[anomaly.measure], short_description=short, description=sentence
    )
    return anomalies_pb2.AnomalyInfo(
        severity=anomalies_pb2.AnomalyInfo.ERROR, short_description=short, description=sentence, reason=[reason]
    )
