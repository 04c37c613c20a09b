"""The component's own executor on what the Evaluator, the Trainer and the Transform leave."""

import json
import shutil

import pytest
import tensorflow as tf
import tensorflow_transform as tft
from helpers.examples import text_example, write_records
from tfx import types
from tfx.types import artifact_utils, channel_utils, standard_artifacts
from tfx_lm.components.drift_validator.drift import Anomaly, Drift
from tfx_lm.components.evaluator.component import MaskedEvaluator
from tfx_lm.components.evaluator.executor import Executor as EvaluatorExecutor
from tfx_lm.components.evaluator.extremes import Extremes, Sentence
from tfx_lm.components.evaluator.results import SliceResult
from tfx_lm.components.report import executor
from tfx_lm.components.report.artifact import HTML, page_path
from tfx_lm.components.report.component import Report
from tfx_lm.components.report.executor import Executor, vocabulary_of
from tfx_lm.exported.text_statistics import TextStatistics
from tfx_lm.exported.token_identity import FILE, write_token_identity
from tfx_lm.transform import vocabulary

pytestmark = pytest.mark.slow

LINES = [b"the cat", b"cat", b"dog <script>alert(1)</script>"] * 10
IDENTITY = {"tokenizer": "whitespace", "lowercase": False}


def test_the_file_of_the_page():
    assert page_path("out/Report/report/12") == "out/Report/report/12/index.html"
    # As Kubeflow's launcher names it.
    assert page_path("gs://b/run/report/index.html") == "gs://b/run/report/index.html"


def channels():
    kinds = {"evaluation": "ModelEvaluation", "model": "Model", "model_run": "ModelRun", "examples": "Examples",
             "transform_graph": "TransformGraph"}  # fmt: skip
    return {name: types.Channel(type=getattr(standard_artifacts, kind)) for name, kind in kinds.items()}


def test_the_component():
    component = Report(**channels(), config={"name": "small"})
    assert component.id == "Report"
    assert {name: json.loads(value) for name, value in component.exec_properties.items()} == {
        "config": {"name": "small"},
        "example_splits": None,
    }
    assert component.outputs["report"].type is HTML
    # Kubeflow shows artifacts of this type as a page.
    assert HTML.TYPE_NAME == "system.HTML"
    assert Report(**channels(), example_splits=["test"]).exec_properties["example_splits"] == '["test"]'


def artifact(kind, folder):
    made = kind()
    made.uri = str(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return made


def write_transform_graph(folder, words):
    """The graph of a Transform that keeps a vocabulary."""
    assets = folder / tft.TFTransformOutput.TRANSFORM_FN_DIR
    file = folder.parent / vocabulary.VOCABULARY_NAME
    file.write_text("\n".join([*vocabulary.RESERVED, *words]) + "\n")
    module = tf.Module()
    module.file = tf.saved_model.Asset(str(file))
    tf.saved_model.save(module, str(assets))
    (folder / tft.TFTransformOutput.ASSET_MAP).write_text(json.dumps({vocabulary.VOCABULARY_NAME: file.name}))


class Run:
    """A run of the Evaluator, if `folder` holds none, and of the report on it."""

    def __init__(self, folder, saved_model, baseline=None, lines=LINES):
        self.folder = folder
        examples = artifact(standard_artifacts.Examples, folder / "examples")
        examples.split_names = artifact_utils.encode_split_names(["eval", "train"])
        examples.set_int_custom_property("lines", len(lines))
        for split in ("train", "eval"):
            (folder / "examples" / f"Split-{split}").mkdir(exist_ok=True)
            write_records(folder / "examples" / f"Split-{split}" / "data.gz", map(text_example, lines))
        models = {"model": [self.model(saved_model, "candidate")]}
        if baseline is not None:
            models["baseline_model"] = [self.model(baseline, "baseline")]
        evaluated = (folder / "evaluation").exists()
        evaluation = artifact(standard_artifacts.ModelEvaluation, folder / "evaluation")
        blessing = artifact(standard_artifacts.ModelBlessing, folder / "blessing")
        if not evaluated:
            evaluator = MaskedEvaluator(
                **{key: channel_utils.as_channel(value) for key, value in {"examples": [examples], **models}.items()},
                max_perplexity=500.0,
                tolerance=0.005,
            )
            EvaluatorExecutor().Do(
                {"examples": [examples], **models},
                {"evaluation": [evaluation], "blessing": [blessing]},
                evaluator.exec_properties,
            )
        model_run = artifact(standard_artifacts.ModelRun, folder / "model_run")
        writer = tf.summary.create_file_writer(str(folder / "model_run" / "validation"))
        with writer.as_default(step=1):
            tf.summary.scalar("perplexity", 77.25)
        writer.close()
        graph = artifact(standard_artifacts.TransformGraph, folder / "transform" / "graph")
        write_transform_graph(folder / "transform" / "graph", ["the", "cat"])
        self.inputs = {
            "evaluation": [evaluation], "model_run": [model_run], "examples": [examples], "transform_graph": [graph],
            **models,
        }  # fmt: skip
        self.report = artifact(HTML, folder / "report")

    def model(self, saved_model, name):
        made = artifact(standard_artifacts.Model, self.folder / name)
        copy = shutil.copytree(saved_model, self.folder / name / "Format-Serving", dirs_exist_ok=True)
        words = self.folder / "words"
        words.write_text("\n".join([*vocabulary.RESERVED, "the", "cat"]) + "\n")
        write_token_identity(str(copy), IDENTITY, str(words))
        return made

    def page(self, example_splits=None):
        """Writes the page and returns it."""
        component = Report(**channels(), config={"name": "small <b>"}, example_splits=example_splits)
        properties = {**component.exec_properties, "code_digest": "0123456789abcdef"}
        Executor().Do(self.inputs, {"report": [self.report]}, properties)
        page, warnings = sorted((self.folder / "report").iterdir())
        assert (page.name, warnings.name) == ("index.html", "warnings.json")
        return page.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory, bigram_model):
    """The folder of a run without a baseline. Its evaluation takes seconds, so tests share it."""
    folder = tmp_path_factory.mktemp("evaluated")
    Run(folder, bigram_model)
    return folder


@pytest.fixture
def first_run(evaluated, bigram_model, tmp_path):
    """A run of this test's own with that evaluation."""
    for name in ("evaluation", "blessing"):
        shutil.copytree(evaluated / name, tmp_path / name)
    return Run(tmp_path, bigram_model)


def test_a_report_on_a_candidate_and_its_baseline(tmp_path, bigram_model, uniform_model):
    run = Run(tmp_path, bigram_model, uniform_model)
    anomalies = artifact(standard_artifacts.ExampleAnomalies, tmp_path / "anomalies")
    before, now = (TextStatistics.count({length: 9}, 0, 9) for length in (5, 9))
    anomaly = Anomaly("tokens_per_line", "tokens per line moved; {max_tokens_change} allows 25 %", 1.0, 0.25)
    Drift("/serving/7", "", before, now, (anomaly,)).write(anomalies.uri)
    run.inputs["anomalies"] = [anomalies]
    text = run.page()
    assert "<h1>small &lt;b&gt;</h1>" in text
    assert "Blessed" in text
    assert "Got better the most" in text
    assert 'title="baseline: 4.00 bits, the unknown word"' in text
    assert "<script" not in text
    # Two of three lines are of known words; four of five words, two of which are cat.
    assert '<th scope="row">train</th><td>30</td><td>80</td><td>3</td>' in text
    assert '<th scope="row">train</th><td>50</td><td>20 <span class="interval">40.00 %</span></td>' in text
    assert "<td>77.25</td>" in text
    assert "0123456789abcdef" in text
    assert str(tmp_path / "evaluation") in text
    assert "lines: 30" in text
    assert "<li>tokens per line moved; max_tokens_change allows 25 %</li>" in text
    assert '<tr><th scope="row">Tokens per line</th><td>4.00</td><td>8.00</td></tr>' in text
    assert run.page() == text


def test_the_best_epoch_is_that_of_the_record_and_not_of_the_rounded_curve(first_run, tmp_path):
    writer = tf.summary.create_file_writer(str(tmp_path / "model_run" / "validation"))
    for epoch, perplexity in ((1, 77.2500002), (2, 77.2500001)):  # Equal as float32, which the curve has.
        with writer.as_default(step=epoch):
            tf.summary.scalar("perplexity", perplexity)
    writer.close()
    assert "The weights are those of epoch" not in first_run.page()  # As TFX's own Trainer leaves no record.
    record = {"best_epoch": 2, "epochs": [], "train": {"batches": 10}}
    (tmp_path / "model_run" / "training.json").write_text(json.dumps(record))
    assert "The weights are those of epoch 2, the lowest validation perplexity." in first_run.page()


def test_the_automatic_length_is_that_of_the_analyzed_split_also_if_only_others_are_shown(first_run):
    """The longest line, `dog <script>alert(1)</script>`, has three targets."""
    text = first_run.page(example_splits=["eval"])
    assert "are cut off" not in text
    assert "max_length 3" in text
    assert '<th scope="row">eval</th><td>30</td><td>80</td><td>3</td>' in text
    assert '<th scope="row">train</th>' not in text


def test_what_the_examples_warn_of_is_on_the_page(first_run, tmp_path):
    (examples,) = first_run.inputs["examples"]
    counts = {"examples_eval": 30, "also_trained_eval": 30, "invalid_utf8_dropped": 2, "invalid_records_dropped": 3}
    for name, count in counts.items():
        examples.set_int_custom_property(name, count)
    examples.set_string_custom_property("unmatched_patterns", "/a/*.txt")
    text = first_run.page()
    expected = (
        "30 of 30 held-out lines (100 %) are also trained on, so the scores look too good; remove them",
        "2 lines that are not UTF-8 were dropped (invalid_utf8)",
        "3 records without a usable text were dropped (invalid_records)",
        "files or splits: no file matches /a/*.txt",
    )
    assert [warning for warning in expected if warning not in text] == []
    # The summary has these from the Examples.
    assert "held-out" not in (tmp_path / "report" / "warnings.json").read_text()


def test_max_length_is_the_models_own(first_run, tmp_path):
    file = tmp_path / "candidate" / "Format-Serving" / FILE
    file.write_text(json.dumps({**json.loads(file.read_text()), "max_length": 2}))
    assert "<code>max_length</code> is 2 tokens; what is longer is cut." in first_run.page()


def test_a_first_report(first_run):
    text = first_run.page()
    assert "There was no baseline." in text
    assert "The hardest" in text
    # The model does not say its own.
    assert "<code>max_length</code> is 3 tokens (the smallest that keeps 99.9 % of the training tokens)" in text
    assert "<script" not in text
    assert "<bdi>&lt;script&gt;alert(1)&lt;/script&gt;</bdi>" in text


def test_a_report_on_no_sentences(tmp_path, uniform_model):
    text = Run(tmp_path, uniform_model, lines=[]).page()
    assert "Nothing was scored" in text
    assert "Not blessed" in text


def test_a_baseline_that_cannot_score_words_is_left_out(tmp_path, bigram_model, uniform_model):
    loaded = tf.saved_model.load(uniform_model)
    tf.saved_model.save(loaded, str(tmp_path / "old"), {"evaluate": loaded.signatures["evaluate"]})
    inputs = {}
    for name, saved_model in (("model", bigram_model), ("baseline_model", tmp_path / "old")):
        inputs[name] = [artifact(standard_artifacts.Model, tmp_path / name)]
        (tmp_path / name / "Format-Serving").symlink_to(saved_model)
    extremes = Extremes((Sentence(2.0, "the cat"), Sentence(-1.0, "cat")), (Sentence(-1.0, "cat"),))
    standouts = executor.find_standouts(SliceResult({}, {}, extremes), inputs)
    # What got better is not among the worse, even where nothing else is left.
    assert [scored.text for scored in standouts.worse] == ["the cat"]
    assert [scored.text for scored in standouts.better] == ["cat"]
    assert standouts.worse[0].totals == pytest.approx({"candidate": 3.0})
    (problem,) = standouts.problems
    assert problem.startswith("baseline: ")
    assert "has no signature `score`" in problem


def test_without_a_baseline_all_are_shown(tmp_path, bigram_model):
    inputs = {"model": [artifact(standard_artifacts.Model, tmp_path / "model")], "baseline_model": []}
    (tmp_path / "model" / "Format-Serving").symlink_to(bigram_model)
    extremes = Extremes((Sentence(2.0, "the cat"), Sentence(0.5, "cat")), (Sentence(0.5, "cat"),))
    standouts = executor.find_standouts(SliceResult({}, None, extremes), inputs)
    assert ([of.text for of in standouts.worse], [of.text for of in standouts.better]) == (["the cat", "cat"], ["cat"])
    assert executor.find_standouts(None, inputs) == executor.Standouts()


def test_a_graph_without_a_vocabulary(tmp_path):
    folder = tmp_path / "graph"
    tf.saved_model.save(tf.Module(), str(folder / tft.TFTransformOutput.TRANSFORM_FN_DIR))
    graph = artifact(standard_artifacts.TransformGraph, folder)
    with pytest.raises(ValueError, match=r"transform_graph .*: has no vocabulary 'vocabulary'"):
        vocabulary_of({"transform_graph": [graph]})
