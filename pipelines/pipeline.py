"""Pipeline for every orchestrator."""

from __future__ import annotations

import contextlib
from typing import Any

from tfx.components.example_validator.component import ExampleValidator
from tfx.components.schema_gen.component import SchemaGen
from tfx.orchestration.pipeline import Pipeline
from tfx.proto import pusher_pb2

from ..components.baseline.component import Baseline
from ..components.baseline.served import absolute
from ..components.drift_validator.component import DriftValidator
from ..components.evaluator.component import MaskedEvaluator
from ..components.pusher.component import AtomicPusher
from ..components.report.component import Report
from ..components.serving_check.component import ServingCheck
from ..components.starting_model.component import StartingModel
from ..components.text_example_gen.component import TextExampleGen
from ..components.text_statistics import TextStatistics
from ..components.text_transform.component import TextTransform
from ..components.trainer.component import MaskedTrainer
from ..components.tuner.component import MaskedTuner
from ..exported.gate_options import FILE
from ..remote import is_remote
from .beam.arguments import beam_arguments
from .code_digest import CODE_DIGEST_KEY, code_digest
from .config import BASELINE, PipelineConfig
from .metadata.metadata_store import connection_config, make_folder


def create_example_gen(config: PipelineConfig) -> TextExampleGen:
    """Returns the component that reads the input."""
    return TextExampleGen.from_files(
        files=config.data.files,
        splits=config.data.splits,
        eval_percent=config.data.eval_percent,
        invalid_utf8=config.data.invalid_utf8,
        text_field=config.data.text_field,
        invalid_records=config.data.invalid_records,
        spans=config.data.spans,
        span_window=config.data.span_window,
        span_gaps=config.data.span_gaps,
        documents=config.data.documents,
        context_tokens=config.data.context_tokens,
        normalization=config.data.normalization,
        file_feature=FILE in config.gate.slices,
    )


def create_pipeline(config: PipelineConfig) -> Pipeline:
    """Builds the whole DAG: text in, a gated language model out.

    Args:
        config: The checked configuration. `config.output` gets all outputs of the runs. If ML Metadata is a
            SQLite file, its folder is made.

    Returns:
        A pipeline that any TFX orchestrator runs. Its nodes, in order: TextExampleGen, StatisticsGen, SchemaGen,
        ExampleValidator, Transform, Trainer, Baseline, Evaluator, Report, ServingCheck, Pusher. With
        `trainer.warm_start` or `vocabulary.from`, StartingModel comes before Transform; with a threshold of `drift`,
        DriftValidator comes after StartingModel; with `tuner.trials`, Tuner comes before Trainer.
    """
    output = config.output_folder()
    push_destination = f"{output}/serving"
    text_options = config.text_options()

    example_gen = create_example_gen(config)
    statistics_gen = TextStatistics(examples=example_gen.outputs["examples"]).with_id("StatisticsGen")
    schema_gen = SchemaGen(statistics=statistics_gen.outputs["statistics"])
    example_validator = ExampleValidator(
        statistics=statistics_gen.outputs["statistics"], schema=schema_gen.outputs["schema"]
    )
    start = config.trainer.warm_start
    named_model = served_model = None
    if start not in (None, BASELINE):
        named_model = StartingModel(examples=example_gen.outputs["examples"], model_path=absolute(str(start)))
    if config.drift.watches() or (config.needs_model() and named_model is None):
        served_model = StartingModel(examples=example_gen.outputs["examples"], push_destination=push_destination)
    if named_model and served_model:
        served_model.with_id("ServedModel")
    starting_model = named_model or served_model
    base_model = None if starting_model is None else starting_model.outputs["base_model"]
    drift_validator = None
    if served_model is not None and config.drift.watches():
        drift_validator = DriftValidator(
            examples=example_gen.outputs["examples"],
            base_model=served_model.outputs["base_model"],
            **config.drift.model_dump(),
        )
    transform = TextTransform(
        examples=example_gen.outputs["examples"],
        schema=schema_gen.outputs["schema"],
        options=text_options,
        base_model=None if config.vocabulary.from_ is None else base_model,
        # The next DriftValidator passes over a model of its own text. The digest does not come from `base_model`, with
        # which each served model would be another key of the cache; Transform or Trainer has that for its own reasons.
        record_input=drift_validator is not None and not config.needs_model(),
    )
    if drift_validator is not None and config.drift.on_anomaly == "stop":
        transform.add_upstream_node(drift_validator)
    tuner = None
    if config.tuner.trials:
        tuner = MaskedTuner(
            examples=transform.outputs["transformed_examples"],
            transform_graph=transform.outputs["transform_graph"],
            schema=schema_gen.outputs["schema"],
            tuner=config.tuner,
            trainer=config.trainer.options(),
            transform=text_options,
            search_directory=f"{output}/tuning_backup",
        )
    trainer = MaskedTrainer(
        examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
        schema=schema_gen.outputs["schema"],
        trainer=config.trainer.options(),
        transform=text_options,
        backup_directory=f"{output}/training_backup",
        base_model=None if config.trainer.warm_start is None else base_model,
        hyperparameters=None if tuner is None else tuner.outputs["best_hyperparameters"],
    )
    baseline = Baseline(model=trainer.outputs["model"], push_destination=push_destination)
    evaluator = MaskedEvaluator(
        examples=example_gen.outputs["examples"],
        model=trainer.outputs["model"],
        baseline_model=baseline.outputs["baseline"],
        **config.gate.model_dump(),
    )
    serving_check = ServingCheck(
        model=trainer.outputs["model"],
        examples=example_gen.outputs["examples"],
        max_latency_ms=config.serving_check.max_latency_ms,
        timeout_seconds=config.serving_check.timeout_seconds,
    )
    # It needs nothing of the Evaluator, but is useless if that fails.
    serving_check.add_upstream_node(evaluator)
    # Without `model`, the serving check's copy is pushed, which has the warm-up requests.
    pusher = AtomicPusher(
        model_blessing=evaluator.outputs["blessing"],
        infra_blessing=serving_check.outputs["blessing"],
        push_destination=pusher_pb2.PushDestination(
            filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=push_destination)
        ),
        keep_versions=config.pusher.keep_versions,
        require_push=config.pusher.require_push,
    )
    report = Report(
        evaluation=evaluator.outputs["evaluation"],
        model=trainer.outputs["model"],
        baseline_model=baseline.outputs["baseline"],
        model_run=trainer.outputs["model_run"],
        examples=example_gen.outputs["examples"],
        transform_graph=transform.outputs["transform_graph"],
        anomalies=None if drift_validator is None else drift_validator.outputs["anomalies"],
        tuner_results=None if tuner is None else tuner.outputs["tuner_results"],
        config=config.model_dump(mode="json", by_alias=True),
    )
    components = [
        example_gen, statistics_gen, schema_gen, example_validator, transform, trainer, baseline, evaluator,
        serving_check, pusher, report,
    ]  # fmt: skip
    components += [node for node in (named_model, served_model, drift_validator, tuner) if node is not None]
    for component in components:
        add_to_fingerprint(component, CODE_DIGEST_KEY, code_digest())
    # If the output is not on this machine, it has no store: Kubeflow has its own.
    keeps_no_metadata = is_remote(config.output) and config.metadata is None
    connection = None if keeps_no_metadata else connection_config(config.metadata_url())
    if connection is not None:
        # TFX's own runners do not make it. The pipeline may be compiled here for another machine, whose folder this is.
        with contextlib.suppress(OSError):
            make_folder(connection)
    return Pipeline(
        pipeline_name=config.name,
        pipeline_root=f"{output}/artifacts",
        metadata_connection_config=connection,
        components=components,
        beam_pipeline_args=[*beam_arguments(config.beam)],
        enable_cache=True,
    )


def add_to_fingerprint(component: Any, key: str, value: str) -> None:
    """Adds an execution property, so that TFX's cache key changes with it; only the report shows it."""
    component.spec.exec_properties[key] = value
