"""Summary of a run, collected from ML Metadata and from the files of the components."""

from __future__ import annotations

import functools
import json
import math
import posixpath
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
from ml_metadata.proto import metadata_store_pb2
from tfx.types import standard_artifacts

from ...components.drift_validator.drift import Drift
from ...components.evaluator.results import read_verdict as read_gate
from ...components.evaluator.results import summarize_scores
from ...components.pusher.pushed_model import pushed_folder
from ...components.report.artifact import page_path, warnings_path
from ...components.serving_check.verdict import VERDICT_FILE, read_verdict
from ...components.starting_model.properties import SAME_INPUT, STARTING_MODEL
from ...components.text_example_gen.input_warnings import input_warnings
from ...components.text_example_gen.spans import SPANS_KEY
from ...components.text_transform.vocabulary_file import learned_words, vocabulary_file
from ...components.trainer.precision import read_precision
from ...components.trainer.started_from import read_started_from
from ...components.tuner.results import read_trials
from ...errors import messages
from ...exported.damage import UnreadableError, damage
from ...exported.score_warnings import score_warnings
from ...transform.normalized_words import normalized_warning
from ...transform.reachable_words import capitals_warning, reachable_warning
from ...transform.vocabulary import read_vocabulary
from ..config import PipelineConfig
from ..metadata.run_records import RunRecords
from ..nodes.node_result import NodeResult
from ..setting_names import yaml_key
from .pieces import held_out_pieces_per_word
from .summary import SCHEMA

_SCORES = ("evaluation", "baseline", "change", "slices")


def collect_summary(
    config: PipelineConfig, run_id: str, nodes: Sequence[NodeResult], records: RunRecords
) -> dict[str, Any]:
    """Collects the results of a run and the decision of its gate.

    Args:
        config: The run's configuration.
        run_id: The run's id.
        nodes: How each node ended.
        records: The run's ML Metadata.

    Returns:
        The content of `summary.json`. `evaluation`, `baseline`, `change`, `slices` and `gate` are null if the Evaluator
        did not end, and `serving_check` (see `components.serving_check.verdict.ServingVerdict`) if the ServingCheck did
        not; what a node's files should have and cannot be read is left out, with a warning; `spans` has the number,
        version and day of each span that was read, from the oldest to the newest, and is null if no pattern has
        markers; `precision` is the `value` of the Trainer's precision and the `reason` for it, null if nothing recorded
        it; `started_from` has the `model` that the training started from, empty if none was served yet, and the number
        of `new_words`, and is null without `trainer.warm_start`; `drift` stands there with a threshold of `drift` only:
        the model that the text was `compared_with`, or why it is `unmeasured`; `tokens_per_line`, `unknown_share` and
        `length_shares`, each `before` and `now`; and the `anomalies`, one sentence each; `pushed_model` is null if
        nothing was pushed, or if the version that a cached Pusher pushed is gone, with a warning; `pieces_per_word`
        stands there with subwords only; `report` is null if no report was written; `pruned` is null, since the pruning
        comes after this (see `pruned.Pruned`); `tuner` stands there with `tuner.trials` only: for each trial its
        `values` by option of the trainer, its lowest validation `perplexity`, null if it failed, its `failure` and its
        `seconds`. Losses are in nats.
    """
    ended = {node.id for node in nodes if node.state in ("COMPLETE", "CACHED")}

    def output(node: str, key: str) -> metadata_store_pb2.Artifact | None:
        return records.output(node, key) if node in ended else None

    evaluation, check = output("Evaluator", "evaluation"), output("ServingCheck", "blessing")
    model_run = output("Trainer", "model_run")
    graph = output("Transform", "transform_graph")
    pushed, report = output("Pusher", "pushed_model"), output("Report", "report")
    pushed_model = None if pushed is None else pushed_folder(pushed)
    warnings = _warnings(config, records)
    told = functools.partial(_told, config, warnings)
    pieces_of = functools.partial(_pieces_per_word, None if graph is None else graph.uri)
    pieces = told("Transform", "pieces per word", pieces_of, output("Transform", "transformed_examples"))
    drift = told("DriftValidator", "drift", _drift, output("DriftValidator", "anomalies"))
    trials = told("Tuner", "trials", _trials, output("Tuner", "tuner_results"))
    results = told("Evaluator", "scores", summarize_scores, evaluation) or dict.fromkeys(_SCORES)
    gate = told("Evaluator", "verdict", _gate, evaluation)
    served = told("ServingCheck", "verdict", _serving_verdict, check)
    precision = told("Trainer", "precision", read_precision, model_run)
    started_from = told("Trainer", "starting model", read_started_from, model_run)
    if results["evaluation"] is not None:
        warnings += [warning.with_names(yaml_key) for warning in score_warnings(results["evaluation"])]
    if pushed_model is not None and not Path(pushed_model).is_dir():
        warnings.append(
            f"{pushed_model}, which the Pusher pushed, is gone (removed, or rolled back); `tfx-lm push "
            f"{config.output}` pushes it again"
        )
        pushed_model = None
    elif pushed_model is not None:
        try:
            problem = damage(pushed_model)
        except UnreadableError as error:
            warnings.append(str(error))
        else:
            if problem is not None:
                warnings.append(
                    f"{pushed_model}, which the Pusher pushed, is damaged ({problem}): servers cannot load it; "
                    f"`tfx-lm push {config.output}` pushes it again"
                )
    warnings += told("Report", "warnings", _warnings_of_report, report) or []
    return {
        "schema": SCHEMA,
        "run_id": run_id,
        "config": config.model_dump(mode="json", by_alias=True),
        "nodes": [
            {"id": node.id, "state": node.state, "seconds": round(node.seconds, 3)}
            | ({"error": node.error} if node.error else {})
            for node in nodes
        ],
        "warnings": warnings,
        "spans": _spans(output("TextExampleGen", "examples")),
        **results,
        "gate": gate,
        **({} if pieces is None else {"pieces_per_word": round(pieces, 4)}),
        **({} if drift is None else {"drift": drift}),
        **({} if trials is None else {"tuner": trials}),
        "precision": None if precision is None else precision._asdict(),
        "started_from": None if started_from is None else started_from._asdict(),
        "serving_check": served,
        "pushed_model": pushed_model,
        "report": None if report is None else page_path(report.uri),
        "pruned": None,
    }


def _spans(examples: metadata_store_pb2.Artifact | None) -> list[dict[str, Any]] | None:
    if examples is None or SPANS_KEY not in examples.custom_properties:
        return None
    spans: list[dict[str, Any]] = json.loads(examples.custom_properties[SPANS_KEY].string_value)
    return spans


def _pieces_per_word(transform_graph: str | None, transformed_examples: str) -> float | None:
    pieces = None if transform_graph is None else held_out_pieces_per_word(transformed_examples, transform_graph)
    return None if pieces is None or math.isnan(pieces) else pieces


def _drift(uri: str) -> dict[str, Any]:
    return Drift.read(uri).as_json(yaml_key)


def _trials(uri: str) -> Any:
    return read_trials(uri, yaml_key)


def _gate(uri: str) -> dict[str, Any]:
    return read_gate(uri).as_json(yaml_key)


def _serving_verdict(uri: str) -> dict[str, Any]:
    verdict = read_verdict(uri, yaml_key)
    # What the terminal prints.
    needed = {"load_seconds", "latency_ms"} if verdict["blessed"] else {"reasons"}
    if missing := sorted(name for name in needed if verdict.get(name) is None):
        raise ValueError(f"{VERDICT_FILE} has no {' and no '.join(missing)}")
    return verdict


def _warnings_of_report(uri: str) -> list[str]:
    path = warnings_path(posixpath.dirname(page_path(uri)))
    if not tf.io.gfile.exists(path):  # An earlier release wrote none; a file that was deleted is found before a run.
        return []
    with tf.io.gfile.GFile(path) as file:
        return messages(json.load(file), yaml_key)


def _told(
    config: PipelineConfig,
    warnings: list[str],
    node: str,
    what: str,
    read: Callable[[str], Any],
    artifact: metadata_store_pb2.Artifact | None,
) -> Any:
    """Returns what a node recorded; None without an artifact, and, with a warning, if it cannot be read."""
    if artifact is None:
        return None
    try:
        return read(artifact.uri)
    except Exception as error:  # A damaged file can be wrong in any way, and must not cost the summary.
        # Without a remedy of its own, which is for a user of the component.
        reason = " ".join(str(error).split()).split("; ")[0][:200] or type(error).__name__
        warnings.append(
            f"{artifact.uri}: the {what} of the {node} cannot be read ({reason}), and so is not in this summary; "
            f"run again with --output {config.output}: the {node} then makes it again"
        )
        return None


def _warnings(config: PipelineConfig, records: RunRecords) -> list[str]:
    warnings = []
    graph = records.output("Transform", "transform_graph")
    # A default is no request that could not be met.
    asked = "size" in config.vocabulary.model_fields_set and config.vocabulary.size is not None
    if graph is not None and asked and config.vocabulary.file is None and config.vocabulary.from_ is None:
        words = learned_words(graph.uri)
        if words < (config.vocabulary.size or 0):
            has = f"{words} such words" if config.vocabulary.kind == "words" else f"words for {words} pieces"
            warnings.append(f"vocabulary.size={config.vocabulary.size}: the corpus has only {has}")
    if graph is not None and config.vocabulary.file is not None:
        pinned = read_vocabulary(vocabulary_file(graph.uri))
        of_words = (
            reachable_warning(pinned, config.data.tokenizer, config.data.lowercase),
            capitals_warning(pinned, config.data.tokenizer, config.data.lowercase),
            normalized_warning(pinned, config.data.normalization, config.data.lowercase),
        )
        warnings += [warning.with_names(yaml_key) for warning in of_words if warning is not None]
    start = records.output("StartingModel", "base_model")
    if config.needs_model() and start is not None and start.custom_properties[SAME_INPUT].string_value:
        model = start.custom_properties[STARTING_MODEL].string_value
        warnings.append(
            f"the run went on from {model}, which was trained on the same text, since the model before it is no longer "
            f"served; raise pusher.keep_versions ({config.pusher.keep_versions}), so that a repeated run starts from "
            "the same model as before"
        )
    examples = records.output("TextExampleGen", "examples")
    if examples is not None:
        artifact = standard_artifacts.Examples()
        artifact.set_mlmd_artifact(examples)
        warnings += [warning.with_names(yaml_key) for warning in input_warnings(artifact)]
    return warnings
