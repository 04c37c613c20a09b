"""What a run says at its end, from records that stand in for ML Metadata."""

import io
import json
import math
from types import SimpleNamespace

import pytest
import yaml
from ml_metadata.proto import metadata_store_pb2
from rich.console import Console
from tfx_lm import exit_codes
from tfx_lm.cli import cli
from tfx_lm.components.drift_validator.drift import Anomaly, Drift
from tfx_lm.components.evaluator import results
from tfx_lm.components.serving_check.verdict import ServingVerdict
from tfx_lm.exported.damage import write_sums
from tfx_lm.exported.gate import Verdict
from tfx_lm.exported.text_statistics import TextStatistics
from tfx_lm.pipelines import preflight
from tfx_lm.pipelines.config import load_config
from tfx_lm.pipelines.local import run
from tfx_lm.pipelines.local.terminal import plain_console
from tfx_lm.pipelines.nodes.node_result import NodeResult
from tfx_lm.pipelines.results import collect
from tfx_lm.pipelines.results.collect import collect_summary
from tfx_lm.pipelines.results.comparison_tables import print_comparison
from tfx_lm.pipelines.results.summary import write_summary
from tfx_lm.pipelines.results.summary_tables import print_summary
from tfx_lm.pipelines.results.tuned_configuration import write_tuned_configuration

CONFIG = load_config(None, ["gate.max_perplexity=100"])


class Records:
    """Of a run in which the Pusher alone has an output: a model that was pushed to a folder."""

    def __init__(self, folder):
        self._pushed = metadata_store_pb2.Artifact()
        self._pushed.custom_properties["pushed"].int_value = 1
        self._pushed.custom_properties["pushed_destination"].string_value = str(folder)

    def output(self, node_id, key):
        return self._pushed if (node_id, key) == ("Pusher", "pushed_model") else None


@pytest.fixture(autouse=True)
def version(tmp_path):
    """The test's folder is a pushed version."""
    (tmp_path / "variables").mkdir()
    for name in ("saved_model.pb", "variables/variables.index"):
        (tmp_path / name).write_text("whole")
    write_sums(str(tmp_path))


def summary_of(folder):
    return collect_summary(CONFIG, "run", [NodeResult("Pusher", "CACHED", 0.1)], Records(folder))


def printed(summary):
    stream = io.StringIO()
    print_summary(summary, plain_console(stream))
    return stream.getvalue()


def test_a_cached_pusher_whose_version_is_there(tmp_path):
    summary = summary_of(tmp_path)
    assert (summary["pushed_model"], summary["warnings"]) == (str(tmp_path), [])
    assert f"Pushed to {tmp_path}" in printed(summary)


def test_a_start_from_a_model_of_the_same_text(tmp_path):
    class WithStart(Records):
        def output(self, node_id, key):
            start = metadata_store_pb2.Artifact()
            start.custom_properties["starting_model"].string_value = "/serving/7"
            start.custom_properties["same_input"].string_value = "yes"
            return start if node_id == "StartingModel" else super().output(node_id, key)

    nodes, records = [NodeResult("Pusher", "CACHED", 0.1)], WithStart(tmp_path)
    # DriftValidator alone starts from nothing.
    assert collect_summary(CONFIG, "run", nodes, records)["warnings"] == []
    config = load_config(None, ["gate.max_perplexity=100", "trainer.warm_start=baseline"])
    summary = collect_summary(config, "run", nodes, records)
    assert summary["warnings"] == [
        "the run went on from /serving/7, which was trained on the same text, since the model before it is no longer "
        "served; raise pusher.keep_versions (10), so that a repeated run starts from the same model as before"
    ]


def test_a_cached_pusher_whose_version_was_withdrawn(tmp_path):
    summary = summary_of(tmp_path / "7")
    assert summary["pushed_model"] is None
    assert summary["warnings"] == [
        f"{tmp_path}/7, which the Pusher pushed, is gone (removed, or rolled back); `tfx-lm push output` pushes "
        "it again"
    ]
    assert "Nothing was pushed." in printed(summary)


def test_a_cached_pusher_whose_version_is_damaged(tmp_path):
    (tmp_path / "saved_model.pb").write_text("cut")
    summary = summary_of(tmp_path)
    assert summary["pushed_model"] == str(tmp_path)
    assert summary["warnings"] == [
        f"{tmp_path}, which the Pusher pushed, is damaged (saved_model.pb has changed since it was written): servers "
        "cannot load it; `tfx-lm push output` pushes it again"
    ]


def test_require_push_wants_a_version_that_is_there(tmp_path, monkeypatch):
    from click.testing import CliRunner

    monkeypatch.setattr(preflight, "check_run", lambda config: None)
    monkeypatch.setattr(run, "run_locally", lambda *arguments: summary_of(tmp_path / "7"))
    result = CliRunner().invoke(cli.main, ["run", "--set", "gate.max_perplexity=100", "--require-push"])
    assert result.exit_code == exit_codes.NOT_PUSHED


def test_warnings_reasons_and_paths_are_printed_as_they_are(tmp_path):
    summary = summary_of(tmp_path)
    summary["warnings"] = ["shape [batch, time]"]
    summary["gate"] = {"blessed": False, "reasons": ["worse in [/tmp/x]"]}
    summary["serving_check"] = {"blessed": False, "reasons": ["[red]not loaded"]}
    summary["pushed_model"], summary["report"] = "/tmp/[b]/7", "/tmp/[b]/index.html"
    text = printed(summary)
    expected = ("shape [batch, time]", "worse in [/tmp/x]", "[red]not loaded", "/tmp/[b]/7", "/tmp/[b]/index.html")
    assert [words for words in expected if words not in text] == []


def test_a_comparison_is_printed_as_it_is():
    scores = {"perplexity": 2.0, "perplexity_ci95": (1.0, 3.0), "bits_per_byte": 2.0, "bits_per_byte_ci95": (1.0, 3.0),
              "tokens": 9, "oov_tokens": 0}  # fmt: skip
    part = {"lines": 3, "change": 0.1, "change_lower95": 0.0, "change_upper95": 0.2}
    stream = io.StringIO()
    print_comparison(
        {**part, "candidate": scores, "baseline": scores, "slices": {"source: [b]": part},
         "gate": {"blessed": False, "reasons": ["worse in [/tmp/x]"]}},
        plain_console(stream),
    )  # fmt: skip
    shown = stream.getvalue()
    assert "source: [b]" in shown
    assert "worse in [/tmp/x]" in shown


def test_reasons_name_the_keys_of_the_configuration(tmp_path, monkeypatch):
    artifacts = {("Evaluator", "evaluation"): tmp_path / "evaluation", ("ServingCheck", "blessing"): tmp_path / "check"}

    class Verdicts:
        def output(self, node_id, key):
            return metadata_store_pb2.Artifact(uri=str(path)) if (path := artifacts.get((node_id, key))) else None

    monkeypatch.setattr(results, "load_results", lambda uri: {})
    monkeypatch.setattr(collect, "score_warnings", lambda scores: [])
    for folder in artifacts.values():
        folder.mkdir()
    results.write_verdict(
        str(tmp_path / "evaluation"), Verdict(False, ["perplexity 9 > {max_perplexity} 5", "{{max_perplexity}}: worse"])
    )
    ServingVerdict(("at most 5 ms ({max_latency_ms})",)).write(str(tmp_path / "check"))
    nodes = [NodeResult(node, "COMPLETE", 0.1) for node in ("Evaluator", "ServingCheck")]
    summary = collect_summary(CONFIG, "run", nodes, Verdicts())
    reasons = ["perplexity 9 > gate.max_perplexity 5", "{max_perplexity}: worse"]
    assert summary["gate"] == {"blessed": False, "reasons": reasons}
    assert summary["serving_check"] == {
        "blessed": False, "reasons": ["at most 5 ms (serving_check.max_latency_ms)"], "load_seconds": None,
        "latency_ms": None, "largest_difference": None,
    }  # fmt: skip
    summary["evaluation"] = None
    shown = printed(summary)
    assert [f"  {reason}" in shown for reason in (*reasons, *summary["serving_check"]["reasons"])] == [True] * 3


def test_a_summary_holds_null_for_nan(tmp_path):
    write_summary({"value": float("nan")}, tmp_path / "summary.json")
    assert (tmp_path / "summary.json").read_text() == '{\n  "value": null\n}\n'


def test_scores_and_intervals_fit_into_80_columns():
    scores = {"split": "eval", "perplexity": 12345.678, "perplexity_ci95": (12345.0, 12346.5), "bits_per_byte": 2.0,
              "perplexity_without_oov": 12000.0, "tokens": 9999999, "oov_tokens": 1, "truncated_tokens": 0,
              "bits_per_byte_ci95": (1.0, 3.0)}  # fmt: skip
    stream = io.StringIO()
    console = Console(file=stream, width=80)
    summary = {"evaluation": scores, "baseline": scores, "run_id": "r", "nodes": [], "warnings": [], "gate": None,
               "spans": [{"span": 20574, "version": 2, "date": "2026-05-01"},
                         {"span": 8, "version": None, "date": None}],
               "precision": {"value": "bfloat16", "reason": "this processor multiplies it: AMX"},
               "started_from": {"model": "/serving/7", "new_words": 1234},
               "serving_check": None, "pushed_model": None, "report": None,
               "pruned": {"runs": 1, "artifacts": 12, "backups": 0, "logs": 2, "bytes": 34567}}  # fmt: skip
    print_summary(summary, console)
    assert "Pruned: 12 artifacts of 1 old run, 0 backups, 2 logs: 34,567 bytes.\n" in stream.getvalue()
    assert stream.getvalue().count("12345.00 to 12346.50") == 2
    assert "Spans read: 2026-05-01 (version 2), 8.\n" in stream.getvalue()
    assert "Trained in bfloat16, since this processor multiplies it: AMX.\n" in stream.getvalue()
    assert "Started from /serving/7 (1,234 new words).\n" in stream.getvalue()
    part = {"lines": 3, "change": 0.1, "change_lower95": 0.0, "change_upper95": 0.2}
    found = {**part, "candidate": scores, "baseline": scores, "slices": {}, "gate": {"blessed": True, "reasons": []}}
    print_comparison(found, console)
    assert stream.getvalue().count("12345.00 to 12346.50") == 4
    assert max(map(len, stream.getvalue().splitlines())) <= 80


def test_huge_and_unknown_scores_fit_into_80_columns():
    nan = math.nan
    scores = {"split": "eval", "perplexity": 1.25e300, "perplexity_ci95": (nan, nan), "bits_per_byte": nan,
              "perplexity_without_oov": math.inf, "tokens": 2**53 + 1, "oov_tokens": 1, "truncated_tokens": 0,
              "bits_per_byte_ci95": (None, None)}  # fmt: skip
    stream = io.StringIO()
    summary = {"evaluation": scores, "baseline": scores, "run_id": "r", "nodes": [], "warnings": [], "gate": None,
               "spans": None, "precision": None, "started_from": None, "serving_check": None, "pushed_model": None,
               "report": None, "pruned": None,
               "tuner": [{"values": {"units": 8}, "perplexity": 1.25e300, "failure": "", "seconds": 1.0}]}  # fmt: skip
    print_summary(summary, Console(file=stream, width=80))
    unknown = dict.fromkeys(("perplexity", "bits_per_byte"))
    part = {"lines": 1, "change": 1.25e300, "change_lower95": None, "change_upper95": None}
    found = {**part, "candidate": scores, "baseline": {**scores, **unknown, "perplexity_ci95": (None, None)},
             "slices": {}, "gate": {"blessed": True, "reasons": []}}  # fmt: skip
    print_comparison(found, Console(file=stream, width=80))
    shown = stream.getvalue()
    assert max(map(len, shown.splitlines())) <= 80
    assert shown.count("1.25e+300") == 4
    assert "+1.25e+302 %" in shown
    assert shown.count("9,007,199,254,740,993") == 4
    assert "nan to nan" not in shown
    assert "none to none" not in shown


@pytest.mark.parametrize(
    ("settings", "warned"),
    [
        ([], []),
        (["vocabulary.size=10000"], ["vocabulary.size=10000: the corpus has only 2228 such words"]),
        (
            ["vocabulary.size=10000", "vocabulary.kind=subwords"],
            ["vocabulary.size=10000: the corpus has only words for 2228 pieces"],
        ),
    ],
)
def test_only_a_vocabulary_size_that_was_asked_for_is_warned_about(tmp_path, monkeypatch, settings, warned):
    monkeypatch.setattr(collect, "learned_words", lambda uri: 2228)
    records = Records(tmp_path)
    records.output = lambda node, key: metadata_store_pb2.Artifact() if node == "Transform" else None
    config = load_config(None, ["gate.max_perplexity=100", *settings])
    assert collect_summary(config, "run", [], records)["warnings"] == warned


def test_the_spans_that_were_read_are_in_the_summary():
    spans = [{"span": 7, "version": None, "date": None}]
    examples = metadata_store_pb2.Artifact()
    examples.custom_properties["spans"].string_value = json.dumps(spans)
    records = SimpleNamespace(output=lambda node, key: examples if node == "TextExampleGen" else None)
    nodes = [NodeResult("TextExampleGen", "CACHED", 0.1)]
    assert collect_summary(CONFIG, "run", nodes, records)["spans"] == spans
    del examples.custom_properties["spans"]
    assert collect_summary(CONFIG, "run", nodes, records)["spans"] is None


def test_what_the_examples_warn_of_is_in_the_summary_and_on_the_terminal(tmp_path):
    examples = metadata_store_pb2.Artifact()
    counts = {"examples_train": 500, "examples_eval": 200, "also_trained_eval": 100, "invalid_utf8_dropped": 2,
              "invalid_records_dropped": 1}  # fmt: skip
    for name, count in counts.items():
        examples.custom_properties[name].int_value = count
    examples.custom_properties["unmatched_patterns"].string_value = "/a/*.txt\n/b/[x].txt"
    records = Records(tmp_path)
    records.output = lambda node, key: examples if (node, key) == ("TextExampleGen", "examples") else None
    summary = collect_summary(CONFIG, "run", [], records)
    assert summary["warnings"] == [
        "data.files or data.splits: no file matches /a/*.txt",
        "data.files or data.splits: no file matches /b/[x].txt",
        "2 lines that are not UTF-8 were dropped (data.invalid_utf8)",
        "1 record without a usable text was dropped (data.invalid_records)",
        "100 of 200 held-out lines (50 %) are also trained on, so the scores look too good; remove them from "
        "data.splits.eval",
    ]
    shown = " ".join(printed(summary).split())
    assert [warning for warning in summary["warnings"] if f"warning: {warning}" not in shown] == []


def test_drift_is_in_the_summary_and_on_the_terminal(tmp_path):
    before, now = (TextStatistics.count({length: 9}, 0, 9) for length in (5, 9))
    anomaly = Anomaly("tokens_per_line", "moved, and {max_tokens_change} allows 25 %", 1.0, 0.25)
    Drift("/serving/7", "", before, now, (anomaly,)).write(str(tmp_path / "anomalies"))
    artifact = metadata_store_pb2.Artifact(uri=str(tmp_path / "anomalies"))
    records = SimpleNamespace(
        output=lambda node, key: artifact if (node, key) == ("DriftValidator", "anomalies") else None
    )
    summary = collect_summary(CONFIG, "run", [NodeResult("DriftValidator", "CACHED", 0.1)], records)
    assert summary["drift"]["tokens_per_line"] == {"before": 4.0, "now": 8.0}
    assert summary["drift"]["anomalies"] == ["moved, and drift.max_tokens_change allows 25 %"]
    assert "Drift against the text of /serving/7.\n  moved, and drift.max_tokens_change allows 25 %\n" in printed(
        summary
    )
    summary["drift"]["anomalies"] = []
    assert "No drift against the text of /serving/7.\n" in printed(summary)
    summary["drift"]["unmeasured"] = "no model of other text is served yet"
    assert "No drift is measured: no model of other text is served yet.\n" in printed(summary)


# The nodes that record what is neither a score nor a verdict, the record's file and what it is called.
RECORDS = {
    ("DriftValidator", "anomalies"): ("drift.json", "drift"),
    ("Tuner", "tuner_results"): ("trials.json", "trials"),
    ("Trainer", "model_run"): ("training.json", "precision"),
    ("Transform", "transformed_examples"): ("ids.gz", "pieces per word"),
    ("Report", "report"): ("warnings.json", "warnings"),
}


def summary_of_records(folder, content):
    """A run's summary whose records all have this content; None: their files are missing."""
    artifacts = {}
    for (node, key), (file, _) in RECORDS.items():
        (folder / key).mkdir()
        if content is not None:
            (folder / key / file).write_text(content)
        artifacts[node, key] = metadata_store_pb2.Artifact(uri=str(folder / key))
    artifacts["Transform", "transform_graph"] = artifacts["Transform", "transformed_examples"]
    records = SimpleNamespace(output=lambda node, key: artifacts.get((node, key)))
    return collect_summary(CONFIG, "run", [NodeResult(node, "COMPLETE", 0.1) for node, _ in RECORDS], records)


def test_damaged_records_of_nodes_cost_a_line_each_and_not_the_summary(tmp_path):
    summary = summary_of_records(tmp_path, "{")
    told = [warning.split(" cannot be read (")[0] for warning in summary["warnings"]]
    lost = {f"{tmp_path}/{key}: the {what} of the {node}" for (node, key), (_, what) in RECORDS.items()}
    assert set(told) == lost | {f"{tmp_path}/model_run: the starting model of the Trainer"}
    assert len(told) == 6
    assert f"run again with --output {CONFIG.output}: the Tuner then makes it again" in " ".join(summary["warnings"])
    assert [name for name in ("drift", "tuner", "pieces_per_word") if name in summary] == []
    assert (summary["precision"], summary["started_from"]) == (None, None)
    assert summary["report"] == f"{tmp_path}/report/index.html"
    assert f"Report: {tmp_path}/report/index.html" in printed(summary)


def test_records_that_an_earlier_release_did_not_write_are_no_damage(tmp_path):
    """It wrote no warnings of a report; TFX's own Trainer writes no `training.json`."""
    told = [warning.split(" of the ")[1].split()[0] for warning in summary_of_records(tmp_path, None)["warnings"]]
    assert sorted(told) == ["DriftValidator", "Transform", "Tuner"]


METRICS, BLESSED, SERVED = "metrics-00000-of-00001.tfrecord", "verdict.json", "serving_check.json"
WHOLE = {
    BLESSED: json.dumps({"blessed": True, "reasons": ["good"], "templates": ["good"]}),
    SERVED: json.dumps(
        {"blessed": True, "reasons": [], "load_seconds": 1.0, "latency_ms": {"median": 1.0, "p95": 2.0}}
    ),
}


@pytest.mark.parametrize(
    ("file", "content", "told", "lost"),
    [
        (METRICS, "not a record of TFRecord", "the scores of the Evaluator cannot be read (", "evaluation"),
        (METRICS, None, "the scores of the Evaluator cannot be read (no file metrics*)", "evaluation"),
        (BLESSED, '{"blessed": tr', "the verdict of the Evaluator cannot be read (Expecting value: line 1", "gate"),
        (BLESSED, "[]", "the verdict of the Evaluator cannot be read (", "gate"),
        (BLESSED, "{}", "the verdict of the Evaluator cannot be read ('blessed')", "gate"),
        (BLESSED, None, "the verdict of the Evaluator cannot be read (", "gate"),
        (SERVED, "\x00", "the verdict of the ServingCheck cannot be read (Expecting value: line 1", "serving_check"),
        (SERVED, "[1]", "the verdict of the ServingCheck cannot be read (", "serving_check"),
        (SERVED, "{}", "the verdict of the ServingCheck cannot be read ('blessed')", "serving_check"),
        (SERVED, '{"blessed": true}', "the verdict of the ServingCheck cannot be read (serving_", "serving_check"),
        (SERVED, None, "the verdict of the ServingCheck cannot be read (", "serving_check"),
    ],
)
def test_a_damaged_verdict_costs_a_line_and_not_the_summary(tmp_path, file, content, told, lost):
    for name, whole in {METRICS: "", **WHOLE}.items():
        text = content if name == file else whole
        if text is not None:
            (tmp_path / name).write_text(text)
    artifact = metadata_store_pb2.Artifact(uri=str(tmp_path))
    made = {("Evaluator", "evaluation"): artifact, ("ServingCheck", "blessing"): artifact}
    records = SimpleNamespace(output=lambda node, key: made.get((node, key)))
    nodes = [NodeResult(node, "COMPLETE", 0.1) for node, _ in made]
    summary = collect_summary(CONFIG, "run", nodes, records)
    (warning,) = (each for each in summary["warnings"] if "cannot be read" in each)
    assert warning.startswith(f"{tmp_path}: {told}")
    node = "ServingCheck" if lost == "serving_check" else "Evaluator"
    assert warning.endswith(f"; run again with --output output: the {node} then makes it again")
    assert "\n" not in warning
    assert [name for name in ("evaluation", "gate", "serving_check") if summary[name] is None] == [lost]
    assert "Nothing was pushed." in printed(summary)


TRIALS = [
    {"values": {"units": 8, "dropout": 0.5}, "perplexity": 52.25, "failure": None},
    {"values": {"units": 16, "dropout": 0.0}, "perplexity": 41.125, "failure": None},
    {"values": {"units": 32, "dropout": 0.0}, "perplexity": None, "failure": "loss=nan in epoch 1"},
]


def test_failures_of_trials_are_told_in_yaml_keys(tmp_path):
    trials = [*TRIALS[:2], TRIALS[2] | {"failure": "loss=nan; lower {learning_rate}"}]
    (tmp_path / "trials.json").write_text(json.dumps(trials))
    artifact = metadata_store_pb2.Artifact(uri=str(tmp_path))
    records = SimpleNamespace(output=lambda node, key: artifact if (node, key) == ("Tuner", "tuner_results") else None)
    summary = collect_summary(CONFIG, "run", [NodeResult("Tuner", "COMPLETE", 0.1)], records)
    assert summary["tuner"] == [*TRIALS[:2], TRIALS[2] | {"failure": "loss=nan; lower trainer.learning_rate"}]


def test_all_trials_are_printed_and_the_best_is_marked(tmp_path):
    lines = [line.replace("│", " ").split() for line in printed(summary_of(tmp_path) | {"tuner": TRIALS}).splitlines()]
    rows = [line for line in lines if line and line[0] in ("1", "2", "3")]
    assert rows == [["1", "52.25", "8", "0.5"], ["2", "41.12", "*", "16", "0"], ["3", "failed", "32", "0"]]


def test_the_configuration_with_the_best_trial_is_one_to_run(tmp_path):
    config = load_config(None, ["tuner.trials=3", "trainer.units=4", "data.files=corpus.txt", "gate.max_perplexity=9"])
    path = write_tuned_configuration(config, {"tuner": TRIALS}, tmp_path)
    assert path == tmp_path / "tuned.yaml"
    heading, *lines = path.read_text().splitlines()
    assert heading == "# The best trial of 3: validation perplexity 41.12."
    assert yaml.safe_load("\n".join(lines)) == {
        "data": {"files": ["corpus.txt"]},
        "trainer": {"units": 16, "dropout": 0.0},
        "gate": {"max_perplexity": 9.0},
    }
    assert load_config(path).tuner.trials == 0
    assert write_tuned_configuration(config, {}, tmp_path) is None
