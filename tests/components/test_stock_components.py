"""TFX's own components around our model, in one pipeline: a user's own `Trainer`, `BulkInferrer` and `Evaluator`.

Its examples and their schema are those of the example pipeline (`own_run`), which TFX's own components made as well.
"""

import json
from pathlib import Path

import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma
from tensorflow_serving.apis import prediction_log_pb2
from tfx.dsl.components.common.importer import Importer
from tfx.types import standard_artifacts
from tfx_lm.components import MaskedEvaluator
from tfx_lm.components.evaluator.eval_config import eval_config
from tfx_lm.components.evaluator.results import load_results
from tfx_lm.exported import CorpusScore, load, score
from tfx_lm.pipelines.beam.arguments import beam_arguments
from tfx_lm.pipelines.beam.options import BeamConfig
from tfx_lm.transform.options import TextOptions

pytestmark = pytest.mark.slow

EXAMPLES = standard_artifacts.Examples

TEXT = TextOptions(tokenizer="word", vocabulary={"size": 24}).model_dump(mode="json")
TRAINER = {"units": 12, "embedding_units": 12, "layers": 1, "epochs": 1, "learning_rate": 0.003}


def imported(name: str, kind: type, folder: Path, *splits: str) -> Importer:
    """A component that imports what another pipeline has made."""
    properties = {"split_names": json.dumps(splits)} if splits else {}
    return Importer(source_uri=str(folder), artifact_type=kind, properties=properties).with_id(name)


def stock_components(folder: Path, made: "Outputs") -> list:
    """TFX's own components, which import functions and a metric of ours; and MaskedEvaluator to compare with."""
    # Imported here, since the clients of Google Cloud take seconds of each process that collects the tests.
    from tfx import v1 as tfx

    (folder / "hyperparameters").mkdir()
    found = {"space": [], "values": {"learning_rate": 0.0075, "tuner/epochs": 3}}
    (folder / "hyperparameters" / "best_hyperparameters.txt").write_text(json.dumps(found))

    examples_of_run = imported("Examples", EXAMPLES, made("CsvExampleGen", "examples"), "train", "eval")
    schema_of_run = imported("Schema", standard_artifacts.Schema, made("SchemaGen", "schema"))
    examples, schema = examples_of_run.outputs["result"], schema_of_run.outputs["result"]
    transform = tfx.components.Transform(
        examples=examples,
        schema=schema,
        preprocessing_fn="tfx_lm.transform.preprocessing.preprocessing_fn",
        custom_config=TEXT,
    )
    hyperparameters = tfx.dsl.Importer(
        source_uri=str(folder / "hyperparameters"), artifact_type=standard_artifacts.HyperParameters
    ).with_id("Tuned")
    trainer = tfx.components.Trainer(
        run_fn="tfx_lm.components.trainer.run_fn.run_fn",
        examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
        schema=schema,
        hyperparameters=hyperparameters.outputs["result"],
        custom_config={"trainer": TRAINER, "transform": TEXT},
    )
    bulk_inferrer = tfx.components.BulkInferrer(
        examples=examples,
        model=trainer.outputs["model"],
        data_spec=tfx.proto.DataSpec(example_splits=["eval"]),
        model_spec=tfx.proto.ModelSpec(model_signature_name=["evaluate"]),
    )
    config = eval_config()
    config.metrics_specs[0].thresholds["perplexity"].value_threshold.upper_bound.value = 1000.0
    model = trainer.outputs["model"]
    masked_evaluator = MaskedEvaluator(examples, model, max_perplexity=1000.0, slices=[])
    evaluator = tfx.components.Evaluator(examples=examples, model=model, eval_config=config).with_id("Stock")
    return [
        examples_of_run, schema_of_run, transform, hyperparameters, trainer, bulk_inferrer, masked_evaluator, evaluator,
    ]  # fmt: skip


def run_pipeline(folder: Path, components: list) -> None:
    from tfx import v1 as tfx

    pipeline = tfx.dsl.Pipeline(
        pipeline_name="stock",
        pipeline_root=str(folder / "artifacts"),
        metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(
            str(folder / "metadata.sqlite")
        ),
        components=components,
        beam_pipeline_args=beam_arguments(BeamConfig()),
    )
    tfx.orchestration.LocalDagRunner().run(pipeline)


class Outputs:
    """What the nodes of a run left, and what they should have."""

    def __init__(self, folder: Path, examples: "Outputs | None" = None):
        self._folder = folder / "artifacts"
        self._examples = examples or self

    def __call__(self, node: str, key: str) -> Path:
        """The folder of a node's output."""
        (folder,) = (self._folder / node / key).iterdir()
        return folder

    @property
    def model(self) -> Path:
        return self("Trainer", "model") / "Format-Serving"

    def lines(self) -> list[bytes]:
        """The raw lines of the eval split."""
        (file,) = (self._examples("CsvExampleGen", "examples") / "Split-eval").iterdir()
        records = tf.data.TFRecordDataset(str(file), "GZIP").as_numpy_iterator()
        examples = map(tf.train.Example.FromString, records)
        return [example.features.feature["text"].bytes_list.value[0] for example in examples]


@pytest.fixture(scope="module")
def made(own_run):
    return Outputs(own_run)


@pytest.fixture(scope="module")
def outputs(tmp_path_factory, made):
    folder = tmp_path_factory.mktemp("stock")
    run_pipeline(folder, stock_components(folder, made))
    return Outputs(folder, made)


def test_the_trainer_trains_with_a_tuners_hyperparameters(outputs):
    document = json.loads((outputs("Trainer", "model_run") / "training.json").read_text())
    assert document["options"]["learning_rate"] == 0.0075
    assert document["epochs"][0]["learning_rate"] == pytest.approx(0.0075)
    assert (document["options"]["units"], document["options"]["epochs"]) == (12, 1)


def test_the_bulk_inferrer_scores_each_line_as_score_does(outputs):
    files = [str(path) for path in outputs("BulkInferrer", "inference_result").glob("*.gz")]
    got = {}
    for record in tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator():
        log = prediction_log_pb2.PredictionLog.FromString(record).predict_log
        (serialized,) = log.request.inputs["examples"].string_val
        (text,) = tf.train.Example.FromString(serialized).features.feature["text"].bytes_list.value
        values = {name: tensor.float_val[0] for name, tensor in log.response.outputs.items()}
        got[text] = values["tokens"], values["nll"]
    lines = outputs.lines()
    scores = score(load(outputs.model), lines)
    expected = {line: (of.sums.tokens, of.sums.nll) for line, of in zip(lines, scores, strict=True)}
    assert len(lines) > 50
    assert got.keys() == expected.keys()
    for line, values in expected.items():
        assert got[line] == pytest.approx(values, rel=1e-4), line


@pytest.mark.parametrize(
    ("node", "key", "signatures", "expected"),
    [
        ("CsvExampleGen", "examples", [], "holds a serialized tf.Example, not a line; use the signature evaluate"),
        ("Transform", "transformed_examples", ["evaluate"], "so they are transformed; give the raw ones"),
    ],
    ids=["raw ones to the default signature", "transformed ones"],
)
def test_the_bulk_inferrer_refuses_other_examples(outputs, made, tmp_path, node, key, signatures, expected):
    from tfx import v1 as tfx

    examples = imported("Examples", EXAMPLES, (made if node == "CsvExampleGen" else outputs)(node, key), "eval")
    model = imported("Model", standard_artifacts.Model, outputs("Trainer", "model"))
    bulk_inferrer = tfx.components.BulkInferrer(
        examples=examples.outputs["result"],
        model=model.outputs["result"],
        model_spec=tfx.proto.ModelSpec(model_signature_name=signatures),
    )
    with pytest.raises(Exception, match=expected):
        run_pipeline(tmp_path, [examples, model, bulk_inferrer])


def metrics(folder: Path) -> dict[str, float]:
    """The metrics of all sentences, read by TFMA."""
    (by_slice,) = tfma.load_eval_result(str(folder)).slicing_metrics
    name, values = by_slice
    assert name == ()
    return {key: value["doubleValue"] for key, value in values[""][""].items() if "doubleValue" in value}


def test_the_evaluator_gives_the_scores_of_masked_evaluator(outputs):
    stock, ours = metrics(outputs("Stock", "evaluation")), metrics(outputs("Evaluator", "evaluation"))
    assert stock.keys() == ours.keys() >= {"perplexity", "bits_per_byte", "perplexity_ci95_low", "tokens"}
    assert stock == pytest.approx(ours, rel=1e-6)
    total = CorpusScore.empty()
    for line in score(load(outputs.model), outputs.lines()):
        total += CorpusScore.from_line(line)
    assert stock["perplexity"] == pytest.approx(total.sums.perplexity, rel=1e-4)
    assert stock["tokens"] == total.sums.tokens
    assert [path.name for path in outputs("Stock", "blessing").iterdir()] == ["BLESSED"]


def test_the_evaluator_finds_the_same_sentences(outputs):
    found = [load_results(str(outputs(node, "evaluation")))[""].extremes for node in ("Stock", "Evaluator")]
    assert {item.text.encode() for item in found[0].most} <= set(outputs.lines())
    assert [item.text for item in found[0].most] == [item.text for item in found[1].most]
