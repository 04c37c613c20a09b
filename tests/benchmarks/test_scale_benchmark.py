"""The scale benchmark: its corpora, its figures, and a run with tiny sizes."""

import json
import random
from collections import Counter

import click
import pytest
from click.testing import CliRunner


def speeches(sentences=3000, seed=3):
    """Sentences of words by Zipf's law, as a list of words each."""
    chance = random.Random(seed)
    ranks = range(1, 5001)
    words = [f"w{rank}" for rank in ranks]
    weights = [1 / rank for rank in ranks]
    return [[*chance.choices(words, weights, k=chance.randint(4, 20)), "."] for _ in range(sentences)]


@pytest.fixture
def corpus_module(benchmark_module):
    return benchmark_module("shared.growing_corpus")


def test_sentences_of_a_text(corpus_module, tmp_path):
    (tmp_path / "a.txt").write_text("We won. Don't go, now!\n\nWhy?\n", encoding="utf-8")
    assert corpus_module.read_sentences([tmp_path / "a.txt"]) == [
        ["We", "won", "."],
        ["Don't", "go", ",", "now", "!"],
        ["Why", "?"],
    ]


def test_heaps_law_of_a_text(corpus_module):
    # 1 distinct word among the first 8, and 4 among 64: the exponent is log 4 / log 8.
    law = corpus_module.Heaps.of([["a"] * 8, ["a"] * 53 + ["b", "c", "d"]])
    assert law.exponent == pytest.approx(2 / 3)
    assert law.distinct(64) == pytest.approx(4)
    assert corpus_module.Heaps.of([["a", "b"]]).distinct(100) == 2


@pytest.mark.slow
def test_the_vocabulary_grows_by_the_law_and_frequent_words_stay(corpus_module, tmp_path):
    sentences = speeches()
    law = corpus_module.Heaps.of(sentences)
    files = {words: tmp_path / f"{words}.txt" for words in (40_000, 160_000)}
    sizes = corpus_module.write_corpora(sentences, files)
    small, large = (path.read_text() for path in files.values())
    assert large.startswith(small)
    for words, size in sizes.items():
        tokens = files[words].read_text().split()
        assert (size.words, size.distinct) == (len(tokens), len(set(tokens)))
        assert words <= size.words < words + 21
        assert size.megabytes == pytest.approx(files[words].stat().st_size / 1e6)
        assert size.distinct == pytest.approx(law.distinct(words), rel=0.1)
    # More than the real text has.
    assert sizes[160_000].distinct > 5000
    share = Counter(large.split())["w1"] / sizes[160_000].words
    real = Counter(word for sentence in sentences for word in sentence)
    assert share == pytest.approx(real["w1"] / sum(real.values()), rel=0.05)


def rows(seconds, peaks):
    return [
        {"stage": "Transform", "scale": scale, "words": 1_000_000 * scale, "processor_seconds": second,
         "peak_megabytes": peak}
        for scale, second, peak in zip((1, 4, 16), seconds, peaks, strict=True)
    ]  # fmt: skip


def test_costs_leave_out_what_does_not_depend_on_the_corpus(benchmark_module):
    scale = benchmark_module("scale")
    found = scale.with_costs(rows([10.0, 16.0, 43.0], [500.0, 600.0, 660.0]))
    assert [row["microseconds_per_word"] for row in found] == [None, 2.0, 2.2]
    assert scale.ratios_of(found) == pytest.approx({"Transform_16x_vs_4x_cost": 1.1, "Transform_16x_vs_4x_memory": 1.1})
    assert scale.ratios_of(found[:2]) == {}


def test_a_stage_brings_what_it_needs(benchmark_module):
    needed = benchmark_module("scale").needed
    assert needed(["TextExampleGen"]) == ["TextExampleGen"]
    assert needed(["Transform"]) == ["TextExampleGen", "StatisticsGen", "SchemaGen", "Transform"]
    assert needed(["Report", "BulkScore"])[-4:] == ["Baseline", "Evaluator", "Report", "BulkScore"]


def test_a_failure_costs_nothing_that_was_measured(benchmark_module, tmp_path, monkeypatch):
    scale = benchmark_module("scale")

    def run_all(*arguments):
        yield {**rows([10.0, 16.0, 43.0], [500.0, 600.0, 660.0])[0], "wall_seconds": 9.0, "disk_megabytes": 1.0}
        raise click.ClickException("the Evaluator failed")

    monkeypatch.setattr(scale, "run_all", run_all)
    # It sets these for the processes that it starts; here they must not stay.
    for name, value in scale.ON_CPU.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "1.txt").write_text("\n".join(" ".join(sentence) for sentence in speeches(300)))
    arguments = ["--base-words", "1000", "--speeches", str(tmp_path), "--output", str(tmp_path / "scale.json")]
    result = CliRunner().invoke(scale.main, arguments)
    assert result.exit_code == 1
    assert "the Evaluator failed" in result.output
    assert [row["stage"] for row in json.loads((tmp_path / "scale.json").read_text())["figures"]["rows"]] == [
        "Transform"
    ]


@pytest.mark.slow
def test_a_stage_is_measured_at_each_size(run_in_a_fork, tmp_path, monkeypatch, assert_readable):
    monkeypatch.setenv("COLUMNS", "80")
    (tmp_path / "speeches").mkdir()
    lines = (" ".join(sentence) for sentence in speeches(300))
    (tmp_path / "speeches" / "1.txt").write_text("\n".join(lines) + "\n")
    output = tmp_path / "scale.json"
    arguments = ["--scales", "1,2", "--stages", "StatisticsGen", "--base-words", "4000"]
    printed = run_in_a_fork("scale", [*arguments, "--speeches", tmp_path / "speeches", "--output", output])
    report = json.loads(output.read_text())
    assert report["name"] == "scale"
    found = report["figures"]["rows"]
    stages = ["TextExampleGen", "StatisticsGen"]
    assert [(row["stage"], row["scale"]) for row in found] == [(stage, scale) for scale in (1, 2) for stage in stages]
    assert all(row["wall_seconds"] > 0 and row["peak_megabytes"] > 0 for row in found)
    # The Examples are larger with more words; the log and ML Metadata are in it, too.
    assert 0 < found[0]["disk_megabytes"] < found[2]["disk_megabytes"]
    printed_lines = printed.splitlines()
    assert printed_lines[-1] == f"Written: {output}"
    assert_readable(printed_lines[:-1])
