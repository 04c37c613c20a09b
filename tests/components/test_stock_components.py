"""TFX's own components around our model, in one pipeline: a user's own `Trainer`, `BulkInferrer` and `Evaluator`."""

import csv
import json
from pathlib import Path

import ml_metadata as mlmd
import pytest
from helpers.made_up_corpus import made_up_lines
from ml_metadata.proto import metadata_store_pb2
from tfx import v1 as tfx
from tfx_lm.transform.options import TextOptions

pytestmark = pytest.mark.slow

TEXT = TextOptions(tokenizer="word", vocabulary={"size": 24}).model_dump(mode="json")
TRAINER = {"units": 12, "embedding_units": 12, "layers": 1, "epochs": 1, "learning_rate": 0.003}
LINES = made_up_lines(300, seed=1)


def stock_pipeline(folder: Path) -> tfx.dsl.Pipeline:
    """Nothing but TFX's own components; what is ours are functions and a metric that they import."""
    (folder / "data").mkdir()
    with (folder / "data" / "lines.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["text"], *([line] for line in LINES)])
    (folder / "hyperparameters").mkdir()
    found = {"space": [], "values": {"learning_rate": 0.0075, "tuner/epochs": 3}}
    (folder / "hyperparameters" / "best_hyperparameters.txt").write_text(json.dumps(found))

    example_gen = tfx.components.CsvExampleGen(input_base=str(folder / "data"))
    examples = example_gen.outputs["examples"]
    statistics_gen = tfx.components.StatisticsGen(examples=examples)
    schema_gen = tfx.components.SchemaGen(statistics=statistics_gen.outputs["statistics"])
    transform = tfx.components.Transform(
        examples=examples,
        schema=schema_gen.outputs["schema"],
        preprocessing_fn="tfx_lm.transform.preprocessing.preprocessing_fn",
        custom_config=TEXT,
    )
    hyperparameters = tfx.dsl.Importer(
        source_uri=str(folder / "hyperparameters"), artifact_type=tfx.types.standard_artifacts.HyperParameters
    ).with_id("Tuned")
    trainer = tfx.components.Trainer(
        run_fn="tfx_lm.components.trainer.run_fn.run_fn",
        examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
        schema=schema_gen.outputs["schema"],
        hyperparameters=hyperparameters.outputs["result"],
        custom_config={"trainer": TRAINER, "transform": TEXT},
    )
    return tfx.dsl.Pipeline(
        pipeline_name="stock",
        pipeline_root=str(folder / "artifacts"),
        metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(
            str(folder / "metadata.sqlite")
        ),
        components=[example_gen, statistics_gen, schema_gen, transform, hyperparameters, trainer],
        beam_pipeline_args=["--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner"],
    )


class Run:
    """What a run of the pipeline left."""

    def __init__(self, folder: Path):
        self._folder = folder
        config = metadata_store_pb2.ConnectionConfig()
        config.sqlite.filename_uri = str(folder / "metadata.sqlite")
        self._store = mlmd.MetadataStore(config)

    def folder(self, kind: str) -> Path:
        """The folder of the only artifact of a type."""
        (artifact,) = self._store.get_artifacts_by_type(kind)
        return Path(artifact.uri)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stock")
    tfx.orchestration.LocalDagRunner().run(stock_pipeline(folder))
    return Run(folder)


def test_the_trainer_trains_with_a_tuners_hyperparameters(run):
    document = json.loads((run.folder("ModelRun") / "training.json").read_text())
    assert document["options"]["learning_rate"] == 0.0075
    assert document["epochs"][0]["learning_rate"] == pytest.approx(0.0075)
    assert (document["options"]["units"], document["options"]["epochs"]) == (12, 1)
