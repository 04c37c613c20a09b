"""Executor of Report: collects the results of a run and writes the page."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft
from tfx.dsl.components.base import base_beam_executor
from tfx.types import artifact_utils
from tfx.types import standard_component_specs as specs
from tfx.utils import json_utils

from ...errors import SettingError
from ...exported.exported_model import ExportedModel, load_model
from ...exported.score_warnings import score_warnings
from ...exported.signatures import SCORE
from ...exported.token_identity import read_token_identity
from ...progress import report
from ...transform.lengths import smallest_length
from ...transform.normalized_words import normalized_warning
from ...transform.pieces import holds_pieces
from ...transform.reachable_words import reachable_warning
from ...transform.vocabulary import VOCABULARY_NAME, read_vocabulary
from ..artifacts import Artifacts
from ..drift_validator.drift import Drift
from ..evaluator.results import SliceResult, load_results, read_verdict
from ..examples import split_files, split_names
from ..model_path import holds_model, model_path
from ..text_counts import CountText, TextCounts, count_texts
from ..text_example_gen.input_warnings import input_warnings
from ..trainer.precision import read_precision
from ..trainer.started_from import read_started_from
from ..trainer.training_record import read_training_record
from ..trainer.training_warnings import training_warnings
from ..tuner.results import read_trials
from .artifact import page_path, warnings_path
from .baseline_warnings import baseline_warnings
from .curves import read_curves
from .page import Page, Standouts, render
from .provenance import describe
from .surprisal import score_sentences
from .text_warnings import text_warnings

CONFIG_KEY = "config"
CODE_DIGEST_KEY = "code_digest"
REPORT_KEY = "report"

# The split from which Transform takes `max_length` and the vocabulary.
ANALYZED = "train"


class Executor(base_beam_executor.BaseBeamExecutor):
    """Writes the report."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Runs the component.

        Args:
            input_dict: `evaluation`, `model`, `model_run`, `examples`, `transform_graph`; optionally
                `baseline_model`, `anomalies` of a DriftValidator and `tuner_results` of a MaskedTuner.
            output_dict: `report`.
            exec_properties: `config`, a JSON object; `example_splits`, a JSON list, or null for all splits;
                `code_digest`, a string, optional.

        Raises:
            SettingError: `anomalies` or `tuner_results` is that of another component.
            ValueError: If the model has no token identity, the graph no vocabulary, or the examples lack a split.
        """
        evaluation = artifact_utils.get_single_instance(input_dict[specs.EVALUATION_KEY])
        model_run = artifact_utils.get_single_instance(input_dict[specs.MODEL_RUN_KEY])
        path = page_path(artifact_utils.get_single_instance(output_dict[REPORT_KEY]).uri)
        model = artifact_utils.get_single_instance(input_dict[specs.MODEL_KEY])
        identity = read_token_identity(model_path(model))
        results = load_results(evaluation.uri)
        total = results.get("")
        vocabulary = vocabulary_of(input_dict)

        tf.io.gfile.makedirs(posixpath.dirname(path))
        splits = json_utils.loads(exec_properties.get(specs.EXAMPLE_SPLITS_KEY) or "null")
        counts = self._count(input_dict, vocabulary, splits, identity, posixpath.dirname(path))
        smallest = smallest_length((counts.get(ANALYZED) or TextCounts.merge(counts.values())).lengths)
        # With `auto` it is the smallest, up to a limit, and the model does not say it.
        max_length = identity.get("max_length", min(smallest, identity.get("auto_limit", smallest)))
        counts = {split: counted for split, counted in counts.items() if splits is None or split in splits}
        words = read_vocabulary(vocabulary)
        unreachable = (
            reachable_warning(words, identity["tokenizer"], identity["lowercase"]),
            normalized_warning(words, identity.get("normalization", "none"), identity["lowercase"]),
        )
        of_text = [
            warning for split, counted in counts.items() for warning in text_warnings(split, counted, max_length)
        ]
        of_baseline = [
            warning
            for baseline in input_dict.get(specs.BASELINE_MODEL_KEY, [])
            if holds_model(baseline)
            for warning in baseline_warnings(model_path(model), model_path(baseline))
        ]
        own = [*of_text, *training_warnings(model_run.uri), *of_baseline]
        with tf.io.gfile.GFile(warnings_path(posixpath.dirname(path)), "w") as file:
            file.write(json.dumps([warning.template for warning in own]))
        drift = next((Drift.read(found.uri) for found in input_dict.get(specs.ANOMALIES_KEY) or []), None)
        warnings = [
            *(SettingError(anomaly.sentence) for anomaly in (() if drift is None else drift.anomalies)),
            *(warning for examples in input_dict[specs.EXAMPLES_KEY] for warning in input_warnings(examples)),
            *([] if total is None else score_warnings(total.candidate)), *filter(None, unreachable), *own,
        ]  # fmt: skip
        report("scoring the sentences that changed the most")
        page = Page(
            verdict=read_verdict(evaluation.uri),
            warnings=list(map(str, warnings)),
            results=results,
            curves=read_curves(model_run.uri),
            best_epoch=(read_training_record(model_run.uri) or {}).get("best_epoch"),
            precision=read_precision(model_run.uri),
            started_from=read_started_from(model_run.uri),
            drift=drift,
            trials=[
                trial for results in input_dict.get(specs.TUNER_RESULTS_KEY, []) for trial in read_trials(results.uri)
            ],
            counts=counts,
            max_length=max_length,
            max_length_is_smallest=max_length == smallest,
            standouts=find_standouts(total, input_dict),
            provenance=describe(input_dict),
            code_digest=exec_properties.get(CODE_DIGEST_KEY),
            config=json.loads(exec_properties[CONFIG_KEY]),
            pieces_per_word=(
                {split: counted.pieces_per_word for split, counted in counts.items()} if holds_pieces(words) else {}
            ),
        )
        with tf.io.gfile.GFile(path, "w") as file:
            file.write(render(page))

    def _count(
        self,
        input_dict: Artifacts,
        vocabulary: str,
        splits: list[str] | None,
        identity: Mapping[str, Any],
        folder: str,
    ) -> dict[str, TextCounts]:
        """Counts each split of the raw text; the analyzed one comes first, also unasked if `max_length` is unknown."""
        examples = input_dict[specs.EXAMPLES_KEY]
        needed = set() if "max_length" in identity else {ANALYZED}.intersection(split_names(examples))
        splits = sorted(
            split_names(examples) if splits is None else needed.union(splits), key=lambda name: (name != ANALYZED, name)
        )
        files = {split: split_files(examples, [split]) for split in splits}
        outputs = {split: posixpath.join(folder, f"counts-{split}.json") for split in splits}
        report(f"counting the words of {', '.join(splits)}")
        count = CountText(vocabulary, identity["tokenizer"], identity["lowercase"])
        with self._make_beam_pipeline() as pipeline:
            count_texts(pipeline, files, count, outputs)
        counts = {}
        for split, output in outputs.items():
            with tf.io.gfile.GFile(output) as file:
                counts[split] = TextCounts.from_json(file.read())
            tf.io.gfile.remove(output)
        return counts


def vocabulary_of(input_dict: Artifacts) -> str:
    """Returns the path of the vocabulary among the assets of the input `transform_graph`."""
    graph = artifact_utils.get_single_instance(input_dict[specs.TRANSFORM_GRAPH_KEY])
    vocabulary = tft.TFTransformOutput(graph.uri).vocabulary_file_by_name(VOCABULARY_NAME)
    if vocabulary is None:
        raise ValueError(f"transform_graph {graph.uri}: has no vocabulary {VOCABULARY_NAME!r}; give tfx_lm's own")
    return vocabulary


def find_standouts(total: SliceResult | None, input_dict: Artifacts) -> Standouts:
    """Scores the sentences that stand out with each model that can.

    Args:
        total: The evaluation of all sentences; None if nothing was scored.
        input_dict: `model` and optionally `baseline_model`.
    """
    if total is None:
        return Standouts()
    artifacts = {"candidate": artifact_utils.get_single_instance(input_dict[specs.MODEL_KEY])}
    # Without a baseline the input may still exist, as an empty folder.
    if total.baseline is not None:
        artifacts["baseline"] = artifact_utils.get_single_instance(input_dict[specs.BASELINE_MODEL_KEY])
    models: dict[str, ExportedModel] = {}
    problems = []
    for name, model in artifacts.items():
        try:
            models[name] = load_model(model_path(model), [SCORE])
        except ValueError as error:
            # The Evaluator needs less of a model than this; a report must not fail a run.
            problems.append(f"{name}: {error}")
    worse, better = total.extremes.most, total.extremes.fewest
    if total.baseline is not None:
        # If nearly all got better, even the last in the ranking did.
        worse = tuple(sentence for sentence in worse if sentence.bits > 0)
        better = tuple(sentence for sentence in better if sentence.bits < 0)
    return Standouts(tuple(score_sentences(models, worse)), tuple(score_sentences(models, better)), tuple(problems))
