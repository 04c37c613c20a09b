"""The compiled specification, run without a cluster, to the pushed model."""

import json
from pathlib import Path

import pytest
from helpers.complete_versions import complete_versions
from helpers.local_run import made_up_corpus
from tfx_lm.exported import load, score
from tfx_lm.pipelines.config import load_config
from tfx_lm.pipelines.kubeflow import kubeflow_runner

pytestmark = pytest.mark.slow


def compiled(config: Path, output: Path, *overrides: str) -> Path:
    kubeflow_runner.compile_pipeline(load_config(config, overrides), output)
    return output


@pytest.fixture(scope="module")
def specification(small_config, tmp_path_factory) -> Path:
    return compiled(small_config, tmp_path_factory.mktemp("specification") / "small.yaml")


@pytest.fixture(scope="module")
def first(cluster, specification):
    (cluster.bucket / "corpus").mkdir()
    (cluster.bucket / "corpus" / "animals.txt").write_text(made_up_corpus(), encoding="utf-8", newline="")
    # Its container starts every kind of process: the entry point, the driver and the executor.
    return cluster.run(specification, fresh=("TextExampleGen",))


@pytest.fixture(scope="module")
def second(cluster, specification, first):
    """Another learning rate, given when the run is started."""
    return cluster.run(specification, {"trainer_learning_rate": 0.03})


def evaluation(run) -> dict:
    from tfx_lm.components.evaluator.results import summarize_evaluation

    return summarize_evaluation(str(run.uri("Evaluator", "evaluation")))


def trained_with(run) -> dict:
    return json.loads((run.uri("Trainer", "model_run") / "training.json").read_text())["options"]


def test_the_model_is_pushed(first, cluster):
    assert first.cached == []
    assert first.outputs["Pusher"]["pushed_model"].properties["pushed"] == 1
    (version,) = complete_versions(f"{cluster.bucket}/small/serving")
    (scored,) = score(load(version), [b"The old cat sees a dog"])
    assert scored.sums.tokens == 7
    assert 1 < scored.sums.perplexity < 1000


def test_the_perplexity_is_that_of_a_local_run(first, local_run):
    here, there = evaluation(first), local_run.summary
    for key in ("perplexity", "bits_per_byte", "nll_nats"):
        assert here["evaluation"][key] == pytest.approx(there["evaluation"][key], rel=1e-6)
    assert here["evaluation"]["tokens"] == there["evaluation"]["tokens"]
    assert here["baseline"] is there["baseline"] is None


def test_a_parameter_of_the_run_reaches_the_trainer(first, second):
    assert trained_with(first)["learning_rate"] == 0.02
    assert trained_with(second)["learning_rate"] == 0.03
    assert set(second.cached) == {"TextExampleGen", "StatisticsGen", "SchemaGen", "ExampleValidator", "Transform"}


def test_the_second_model_is_compared_with_the_one_that_is_served(first, second, cluster):
    served = evaluation(second)["baseline"]
    assert served["perplexity"] == pytest.approx(evaluation(first)["evaluation"]["perplexity"], rel=1e-6)
    assert len(complete_versions(f"{cluster.bucket}/small/serving")) == 2


def test_the_report_is_the_page_that_kubeflow_shows(second):
    page = second.uri("Report", "report")
    assert page.name == "index.html"
    assert "Got better the most" in page.read_text(encoding="utf-8")


def test_what_a_node_reads_on_the_way_is_typed_and_annotated(first):
    examples = first.outputs["TextExampleGen"]["examples"].properties
    assert examples["lines"] == 1508
    assert examples["input_fingerprint"].startswith("split:files,num_files:1")


def test_the_newest_span_is_read(cluster, small_config, tmp_path):
    """Kubeflow calls no driver, so the container's own command has to."""
    for span, text in (("1", "an old sentence\n"), ("2", "a new sentence\n")):
        folder = cluster.bucket / "spans" / f"span-{span}"
        folder.mkdir(parents=True)
        (folder / "text.txt").write_text("".join(f"{number} {text}" for number in range(100)))
    files = "data.files=gs://bucket/spans/span-{SPAN}/*.txt"
    specification = compiled(small_config, tmp_path / "spans.yaml", files, "kubeflow.cache=false")
    run = cluster.run(specification, only={"TextExampleGen"})
    examples = run.outputs["TextExampleGen"]["examples"].properties
    assert examples["lines"] == 100
    assert 2 in (examples.get("span"), examples.get("custom:span"))


def test_a_container_that_fails_says_why(cluster, specification):
    with pytest.raises(Exception, match="no file matches") as caught:
        cluster.run(specification, {"data_path": f"{cluster.bucket}/nowhere"}, only={"TextExampleGen"})
    assert "TextExampleGen ended with 1" in str(caught.value)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"trainer_epochs": 0}, "parameter trainer_epochs=0: must be >= 1; set trainer_epochs"),
        (
            {"data_path": "https://example.org/corpus"},
            "parameter data_path: https://example.org/corpus is a web address",
        ),
    ],
)
def test_bad_parameters_are_refused_before_any_work(cluster, specification, parameters, message):
    with pytest.raises(Exception, match="CheckParameters ended with 1") as caught:
        cluster.run(specification, parameters)
    assert message in str(caught.value)
