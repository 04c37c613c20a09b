"""What a notebook shows of our artifacts."""

import json

import pytest
from tfx.orchestration.experimental.interactive import visualizations as registry
from tfx.orchestration.experimental.interactive.standard_visualizations import ModelEvaluationVisualization
from tfx.types import standard_artifacts
from tfx_lm.components import register_visualizations
from tfx_lm.components.report import visualizations
from tfx_lm.components.report.artifact import HTML
from tfx_lm.components.serving_check.verdict import ServingVerdict


@pytest.fixture
def show(monkeypatch):
    """A function that shows an artifact as `context.show` does, and returns the HTML."""
    shown = [""]
    monkeypatch.setattr(visualizations, "display", lambda page: shown.append(page.data))
    monkeypatch.setattr(registry, "_REGISTRY", registry.ArtifactVisualizationRegistry())
    register_visualizations()

    def show(kind, folder):
        artifact = kind()
        artifact.uri = str(folder)
        registry.get_registry().get_visualization(artifact.type_name).display(artifact)
        return shown[-1]

    return show


def write_verdict(folder, blessed, *reasons):
    (folder / "verdict.json").write_text(json.dumps({"blessed": blessed, "reasons": reasons}))


@pytest.mark.slow
def test_registered_after_the_context_ours_counts(monkeypatch, tmp_path):
    monkeypatch.setattr(registry, "_REGISTRY", registry.ArtifactVisualizationRegistry())
    # Imported here, since Jupyter's modules take a second of each process that collects the tests.
    from tfx.orchestration.experimental.interactive.interactive_context import InteractiveContext

    InteractiveContext(pipeline_root=str(tmp_path))
    assert type(registry.get_registry().get_visualization("ModelEvaluation")) is ModelEvaluationVisualization
    register_visualizations()
    assert type(registry.get_registry().get_visualization("ModelEvaluation")) is visualizations.EvaluationVisualization
    assert set(registry.get_registry().visualizations) == {
        "ExampleAnomalies", "ExampleStatistics", "InfraBlessing", "ModelBlessing", "ModelEvaluation", "Schema",
        "system.HTML",
    }  # fmt: skip


def test_the_report_is_a_frame_without_scripts(show, tmp_path, attack):
    (tmp_path / "index.html").write_text(f'<p class="a">{attack}</p>')
    assert show(HTML, tmp_path).startswith(
        '<div>\n<iframe title="Report" sandbox srcdoc="&lt;p class=&#34;a&#34;&gt;&lt;script&gt;document.title = &#39;'
    )


def test_a_blessing_says_why(show, tmp_path, attack):
    write_verdict(tmp_path, True, "perplexity 90 <= max_perplexity 120")
    shown = show(standard_artifacts.ModelBlessing, tmp_path)
    assert "</span> Blessed</p>\n<ul>\n<li>perplexity 90 &lt;= max_perplexity 120</li>\n</ul>" in shown
    write_verdict(tmp_path, False, attack)
    shown = show(standard_artifacts.ModelBlessing, tmp_path)
    assert "</span> Not blessed</p>" in shown
    assert "<li>&lt;script&gt;" in shown


@pytest.mark.parametrize(("file", "words"), [("BLESSED", "Blessed"), ("NOT_BLESSED", "Not blessed")])
def test_a_blessing_of_another_evaluator_has_no_reasons(show, tmp_path, file, words):
    (tmp_path / file).touch()
    shown = show(standard_artifacts.ModelBlessing, tmp_path)
    assert f"</span> {words}</p>" in shown
    assert "<li>" not in shown


def test_an_evaluation_is_the_verdict_and_tables(show, tmp_path, pages, monkeypatch):
    monkeypatch.setattr(visualizations, "load_results", lambda _: pages["blessed"]().results)
    write_verdict(tmp_path, False, "too hard")
    shown = show(standard_artifacts.ModelEvaluation, tmp_path)
    assert "<li>too hard</li>" in shown
    assert (
        '<tr><th scope="row">Perplexity per token</th><td>90.00 <span class="interval">87.30 to 92.70</span>' in shown
    )
    assert '<th scope="col">Baseline’s perplexity</th>' in shown
    assert "<bdi>sentence_length: over 80</bdi>" in shown


def test_names_of_slices_are_escaped(show, tmp_path, pages, monkeypatch):
    monkeypatch.setattr(visualizations, "load_results", lambda _: pages["hostile"]().results)
    write_verdict(tmp_path, False)
    shown = show(standard_artifacts.ModelEvaluation, tmp_path)
    assert "<bdi>source: &lt;script&gt;" in shown
    assert "<script" not in shown


def test_an_evaluation_of_nothing(show, tmp_path, monkeypatch):
    monkeypatch.setattr(visualizations, "load_results", lambda _: {})
    write_verdict(tmp_path, False, "no sentences")
    shown = show(standard_artifacts.ModelEvaluation, tmp_path)
    assert "<p>Nothing was scored: the split that is evaluated holds no sentences.</p>" in shown
    assert "<table>" not in shown


def test_an_evaluation_of_another_evaluator_is_shown_as_tfx_does(show, tmp_path, monkeypatch):
    shown_by_tfx = []
    monkeypatch.setattr(ModelEvaluationVisualization, "display", lambda _, artifact: shown_by_tfx.append(artifact.uri))
    assert show(standard_artifacts.ModelEvaluation, tmp_path) == ""
    assert shown_by_tfx == [str(tmp_path)]


def test_a_serving_check_says_how_fast_the_model_is(show, tmp_path):
    ServingVerdict((), 1.25, {"median": 3.21, "p95": 4.0}, 1e-7).write(str(tmp_path))
    shown = show(standard_artifacts.InfraBlessing, tmp_path)
    assert "</span> Blessed</p>" in shown
    assert "<li>loads in 1.2 s</li>\n<li>scores a sentence in 3.2 ms (median)</li>" in shown


def test_a_serving_check_says_why_not(show, tmp_path):
    ServingVerdict(("the serving process ended with code 1",)).write(str(tmp_path))
    shown = show(standard_artifacts.InfraBlessing, tmp_path)
    assert "</span> Not blessed</p>\n<ul>\n<li>the serving process ended with code 1</li>\n</ul>" in shown
