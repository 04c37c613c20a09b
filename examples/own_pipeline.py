"""A pipeline of your own: TFX's components for CSV files with a column `text`, ours for the language model.

python examples/own_pipeline.py FOLDER_OF_CSV_FILES OUTPUT
"""

import sys

from tfx import v1 as tfx
from tfx_lm.components import AtomicPusher, Baseline, MaskedEvaluator, MaskedTrainer, ServingCheck, TextTransform
from tfx_lm.transform import TextOptions


def own_pipeline(data: str, output: str) -> tfx.dsl.Pipeline:
    """Builds the pipeline; it pushes to `OUTPUT/serving`."""
    # No line is longer than a batch of the trainer, its `batch_tokens`.
    text = TextOptions(tokenizer="word", vocabulary={"size": 5000}, auto_limit=2048)
    example_gen = tfx.components.CsvExampleGen(input_base=data)
    examples = example_gen.outputs["examples"]
    statistics_gen = tfx.components.StatisticsGen(examples=examples)
    schema_gen = tfx.components.SchemaGen(statistics=statistics_gen.outputs["statistics"])
    schema = schema_gen.outputs["schema"]
    transform = TextTransform(examples, schema, text)
    trainer = MaskedTrainer(
        examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
        schema=schema,
        trainer={"units": 32, "embedding_units": 32, "layers": 1, "epochs": 2},
        transform=text,
    )
    model = trainer.outputs["model"]
    baseline = Baseline(model=model, push_destination=f"{output}/serving")
    evaluator = MaskedEvaluator(examples, model, baseline.outputs["baseline"], max_perplexity=1000.0)
    serving_check = ServingCheck(model=model, examples=examples)
    pusher = AtomicPusher(
        push_destination=tfx.proto.PushDestination(
            filesystem=tfx.proto.PushDestination.Filesystem(base_directory=f"{output}/serving")
        ),
        model_blessing=evaluator.outputs["blessing"],
        infra_blessing=serving_check.outputs["blessing"],
    )
    return tfx.dsl.Pipeline(
        pipeline_name="own",
        pipeline_root=f"{output}/artifacts",
        metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(
            f"{output}/metadata.sqlite"
        ),
        components=[
            example_gen, statistics_gen, schema_gen, transform, trainer, baseline, evaluator, serving_check, pusher
        ],
        beam_pipeline_args=[
            # Newer Beams resolve "DirectRunner" to one that downloads a binary first.
            "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner",
            # Otherwise TFX packs its own installation for workers, which takes seconds for each component.
            "--sdk_container_image=none",
        ],
    )  # fmt: skip


if __name__ == "__main__":
    tfx.orchestration.LocalDagRunner().run(own_pipeline(*sys.argv[1:]))
