"""Pages with literal content."""

import math
from collections import Counter

import numpy as np
import pytest
from tfx_lm.components.evaluator.extremes import Extremes
from tfx_lm.components.evaluator.metrics import METRICS, PAIRED_METRICS
from tfx_lm.components.evaluator.results import SliceResult
from tfx_lm.components.report.page import Page, Standouts
from tfx_lm.components.report.provenance import Source
from tfx_lm.components.report.surprisal import Reading, ScoredSentence, Word
from tfx_lm.components.text_counts import TextCounts
from tfx_lm.components.trainer.precision import Precision
from tfx_lm.components.trainer.started_from import StartedFrom
from tfx_lm.exported.gate import Verdict

ATTACK = "<script>document.title = 'attacked'</script><img src=x onerror=\"alert(1)\"> & \"quotes\" 'too'"


def scores(perplexity=98.5, bits=1.653, sentences=2700.0):
    values = dict.fromkeys(METRICS, 0.0) | {
        "perplexity": perplexity, "perplexity_ci95_low": 0.97 * perplexity, "perplexity_ci95_high": 1.03 * perplexity,
        "perplexity_without_oov": 0.9 * perplexity, "bits_per_byte": bits, "bits_per_byte_ci95_low": bits - 0.02,
        "bits_per_byte_ci95_high": bits + 0.02, "cross_entropy": 4.59, "oov_rate": 0.031, "truncation_rate": 0.0004,
        "sentences": sentences, "tokens": 20 * sentences, "bytes": 110 * sentences,
    }  # fmt: skip
    return values


def result(candidate, baseline=None, change=0.012):
    paired = {}
    if baseline is not None:
        paired = dict.fromkeys(PAIRED_METRICS, change)
        for criterion in ("bits_per_byte", "perplexity"):
            paired |= {f"{criterion}_change_lower95": change - 0.003, f"{criterion}_change_upper95": change + 0.003}
    return SliceResult({**candidate, **paired}, baseline, Extremes())


def sentence(text, bits, models=("candidate", "baseline")):
    words = tuple(
        Word(word, tuple(3.0 * position + 4 * index for index, _ in enumerate(models)), (position == 2,) * len(models))
        for position, word in enumerate([*text.split(" "), "</s>"])
    )
    totals = {model: 80.0 + index for index, model in enumerate(models)}
    return ScoredSentence(bits, text, False, totals, (Reading(models, words, 0),))


def make_page(**changes):
    """A page with a baseline, blessed; `changes` replace parts of it."""
    slices = ["", "sentence_length: 0 to 10", "sentence_length: 11 to 20", "sentence_length: over 80",
              "unknown_words: no", "unknown_words: yes"]  # fmt: skip
    results = {
        name: result(scores(90 + 5 * n, 1.6 + 0.05 * n), scores(92 + 5 * n, 1.62 + 0.04 * n))
        for n, name in enumerate(slices)
    }
    epochs = range(1, 8)
    curves = {
        "train": {
            "perplexity": {n: 80 + 900 / n**1.5 for n in epochs}, "learning_rate": {n: 0.003 / n for n in epochs},
            "tokens_per_second": {n: 14000.0 + n for n in epochs},
        },
        "validation": {"perplexity": {n: 96 + 500 / n**1.5 + 0.4 * n for n in epochs}},
    }  # fmt: skip
    lengths = Counter({n: round(4000 * n * math.exp(-n / 9)) + 1 for n in range(1, 90)})
    words = np.concatenate([[0, 9000, 0, 0], 1e6 / np.arange(1, 8001)]).astype(np.int64)
    texts = [
        "the cat sat on the mat , and nobody minded very much until the dog came in .",
        "Донаудампфшиффартсгезельшафтскапитэн " + "x" * 120,
        "מה שלומך היום",
        "猫 は 犬 が 好き 。 🦉",
    ]
    content = {
        "verdict": Verdict(True, ["perplexity 98.5 <= max_perplexity 120", "bits per byte is equal"]),
        "warnings": ["21 % of the scored tokens are unknown words; raise vocabulary_size"],
        "results": results,
        "curves": curves,
        "best_epoch": 7,
        "precision": Precision("bfloat16", "this processor multiplies it: AMX"),
        "started_from": StartedFrom("gs://bucket/my-model/serving/1764000000", 21),
        "counts": {"train": TextCounts(lengths, words), "eval": TextCounts(lengths, words // 9)},
        "max_length": 67,
        "max_length_is_smallest": True,
        "standouts": Standouts(
            tuple(sentence(text, 12.3 - n) for n, text in enumerate(texts)),
            tuple(sentence(text, -12.3 + n) for n, text in enumerate(texts)),
        ),
        "provenance": [
            Source("examples", "Examples", 1, "/somewhere/a-long-folder/artifacts/TextExampleGen/examples/1",
                   {"lines": "27204", "span": "0"}),
            Source("model", "Model", 9, "gs://bucket/pipelines/Trainer/model/6", {}),
        ],
        "code_digest": "0123456789abcdef",
        "config": {"name": "speeches", "trainer": {"units": 128, "learning_rate": 0.003}},
    }  # fmt: skip
    return Page(**{**content, **changes})


def hostile_page():
    """Every text of it is an attack, and too long for a phone."""
    results = {"": result(scores(), scores()), f"source: {ATTACK}": result(scores(), scores())}
    attacked = Standouts((sentence(ATTACK, 3.0),), (sentence(ATTACK, -3.0),), (ATTACK,))
    return make_page(
        verdict=Verdict(False, [ATTACK]), warnings=[ATTACK], results=results, standouts=attacked, code_digest=ATTACK,
        provenance=[Source(ATTACK, ATTACK, 1, ATTACK, {ATTACK: ATTACK})], config={"name": ATTACK, ATTACK: ATTACK},
        counts={ATTACK: make_page().counts["train"]},
    )  # fmt: skip


def first_page():
    """A first run: no baseline."""
    results = {name: result(of.candidate) for name, of in make_page().results.items()}
    standouts = Standouts((sentence("the cat", 9.0, ("candidate",)),), (sentence("cat", 0.4, ("candidate",)),))
    return make_page(verdict=Verdict(False, ["perplexity 98.5 > max_perplexity 50", "no baseline"]),
                     results=results, standouts=standouts)  # fmt: skip


def empty_page():
    """Nothing was trained, counted or scored."""
    return make_page(
        verdict=Verdict(False, ["no sentences: the split that is evaluated is empty"]), results={},
        curves={"train": {}, "validation": {}}, counts={"train": TextCounts(), "eval": TextCounts()}, max_length=2,
        best_epoch=None, precision=None, started_from=None,
        max_length_is_smallest=False, warnings=[], standouts=Standouts(), provenance=[], code_digest=None, config={},
    )  # fmt: skip


def broken_page():
    """A model whose every score is NaN, beside a baseline whose scores are infinite."""
    nan, infinite = dict.fromkeys(scores(), math.nan), dict.fromkeys(scores(), math.inf)
    for of in (nan, infinite):
        of |= {"sentences": 20.0, "tokens": 400.0, "bytes": 2000.0}
    words = (Word("cat", (math.nan, math.inf), (False, False)),)
    odd = ScoredSentence(math.inf, "cat", True, {"candidate": math.nan, "baseline": math.inf},
                         (Reading(("candidate", "baseline"), words, 3),))  # fmt: skip
    curves = {"train": {"perplexity": {1: math.inf}}, "validation": {"perplexity": {1: math.nan}}}
    return make_page(
        verdict=Verdict(False, ["perplexity is NaN"]), results={"": result(nan, infinite, math.nan)}, curves=curves,
        best_epoch=0,
        standouts=Standouts((odd,), (odd,)),
    )  # fmt: skip


PAGES = {"blessed": make_page, "hostile": hostile_page, "first": first_page, "empty": empty_page, "broken": broken_page}


@pytest.fixture(scope="session")
def pages():
    """Functions that make pages, by name."""
    return PAGES


@pytest.fixture
def attack():
    """The text of the hostile page."""
    return ATTACK
