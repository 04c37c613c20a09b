import base64
import dataclasses
import functools
import hashlib
import re
from html.parser import HTMLParser

import pytest
from tfx_lm.components.drift_validator.drift import Drift
from tfx_lm.components.report.page import render
from tfx_lm.components.report.provenance import Source
from tfx_lm.exported.text_statistics import TextStatistics

VOID = {"meta"}


class Outline(HTMLParser):
    """Checks that every tag is closed where it should be, and collects ids, tags and text."""

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.tags, self.texts, self.attributes = [], [], set(), [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.ids += [value for name, value in attrs if name == "id"]
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        self.tags.add(tag)
        self.ids += [value for name, value in attrs if name == "id"]
        self.attributes += attrs

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


@pytest.fixture(scope="module")
def rendered(pages):
    """A function that renders a page as it is, once; the figures take a second."""
    return functools.cache(lambda name: render(pages[name]()))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["blessed", "hostile", "first", "empty", "broken"])
def test_pages_are_well_formed_and_the_same_each_time(pages, rendered, name):
    text = rendered(name)
    assert text == render(pages[name]())
    assert text.startswith("<!DOCTYPE html>")
    outline = Outline(text)
    assert len(outline.ids) == len(set(outline.ids))
    assert not outline.tags & {"script", "iframe", "link", "img", "object", "base", "form"}
    assert not [name for name, _ in outline.attributes if name.startswith("on")]
    # The name of a namespace is no address.
    assert set(re.findall(r"https?://[^\s\"'<]*", text)) <= {"http://www.w3.org/1999/xlink"}
    assert not re.search(r"@import|url\((?!#)", text)


@pytest.mark.slow
def test_a_page_with_a_baseline(rendered):
    text = Outline(rendered("blessed")).text
    assert "✓ Blessed perplexity 98.5 <= max_perplexity 120" in text
    assert "Warnings 21 % of the scored tokens are unknown words; raise vocabulary_size" in text
    assert "Perplexity per token 90.00 87.30 to 92.70 92.00 89.24 to 94.76 +1.20 % +0.90 % to +1.50 %" in text
    assert "sentence_length: 0 to 10 2,700 95.00 92.15 to 97.85 1.6500 1.6300 to 1.6700 97.00 1.6600 +1.20 %" in text
    assert "The weights are those of epoch 7" in text
    assert "max_length is 67 tokens (the smallest that keeps 99.9 % of the training tokens)" in text
    assert "train 323,585 5,819,059 89 1,374 0.42 % 10,842 0.186 %" in text
    assert "+12.3 bits candidate 80.0 baseline 81.0 ▼ the 0.0 4.0" in text
    assert "0123456789abcdef" in text
    assert "gs://bucket/pipelines/Trainer/model/6" in text
    assert "learning_rate: 0.003" in text
    assert "NaN" not in text


@pytest.mark.slow
def test_a_page_with_a_search(pages):
    trials = [
        {"values": {"units": 8, "dropout": 0.0}, "perplexity": 52.25, "failure": None, "seconds": 2.0},
        {"values": {"units": 16, "dropout": 0.0}, "perplexity": 41.0, "failure": None, "seconds": 2.0},
        {"values": {"units": 8, "dropout": 0.5}, "perplexity": None, "failure": "loss=nan in epoch 1", "seconds": 1.0},
    ]
    text = Outline(render(dataclasses.replace(pages["first"](), trials=trials))).text
    assert (
        "Trial Validation perplexity units dropout 1 52.25 8 0 2, the best 41.00 16 0 3 loss=nan in epoch 1 8 0.5"
        in text
    )


@pytest.mark.slow
def test_a_first_run(rendered):
    text = Outline(rendered("first")).text
    assert "✗ Not blessed" in text
    assert "There was no baseline." in text
    assert "The hardest 9.00 bits per byte candidate 80.0 the 0.0 cat 3.0 </s> 6.0" in text
    assert "Got worse" not in text
    assert "Change" not in text


def test_nothing_scored_trained_or_counted(rendered):
    text = Outline(rendered("empty")).text
    for sentence in (
        "Nothing was scored: the split that is evaluated holds no sentences.",
        "The Trainer left no TensorBoard events.",
        "There are no words, so there is nothing to draw.",
        "There are none: nothing was scored, or every score is NaN.",
    ):
        assert sentence in text


@pytest.mark.slow
def test_scores_that_are_no_numbers(rendered):
    text = Outline(rendered("broken")).text
    assert "Perplexity per token NaN ∞ ∞ to ∞ NaN" in text
    assert "No bits per byte is finite" in text
    assert "No perplexity is finite" in text
    assert "The weights are those of epoch" not in text
    assert (
        "+∞ bits candidate NaN baseline ∞ only its beginning is shown and counted here cat NaN ∞ … and 3 more" in text
    )


@pytest.mark.slow
def test_perplexities_of_other_tokens_are_not_compared(pages):
    page = pages["blessed"]()
    total = page.results[""]
    unknown = {name: float("nan") for name in total.candidate if name.startswith("perplexity_change")}
    results = {**page.results, "": total._replace(candidate={**total.candidate, **unknown})}
    text = Outline(render(pages["blessed"](results=results))).text
    assert "Perplexity per token 90.00 87.30 to 92.70 92.00 89.24 to 94.76 not comparable: other tokens Bits" in text
    assert "NaN" not in text


@pytest.mark.slow
def test_every_text_is_escaped(attack, rendered):
    text = rendered("hostile")
    assert "<script" not in text
    assert "<img" not in text
    outline = Outline(text)
    # Whole where it stands as it is; in words in the sentences.
    assert outline.text.count(" ".join(attack.split())) >= 8


def test_the_policy_allows_this_style_alone(rendered):
    text = rendered("blessed")
    (policy,) = re.findall(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', text)
    (style,) = re.findall("<style>(.*?)</style>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    # Matplotlib's charts have attributes of style.
    assert policy == (
        f"default-src 'none'; style-src-elem 'sha256-{digest}'; style-src-attr 'unsafe-inline'; base-uri 'none'; "
        "form-action 'none'"
    )


@pytest.mark.slow
def test_no_sentence_got_worse(pages):
    page = pages["blessed"]()
    only_better = type(page.standouts)((), page.standouts.better)
    text = Outline(render(pages["blessed"](standouts=only_better))).text
    assert "Got worse the most None did. Got better the most −12.3 bits" in text


@pytest.mark.slow
def test_the_page_says_which_spans_were_read(pages, rendered):
    read = '[{"span": 20574, "version": 2, "date": "2026-05-01"}, {"span": 20575, "version": 1, "date": "2026-05-02"}]'
    source = Source("examples", "Examples", 1, "/examples", {"spans": read})
    page = dataclasses.replace(pages["blessed"](), provenance=[source])
    assert "Spans read 2026-05-01 (version 2), 2026-05-02 (version 1)" in Outline(render(page)).text
    assert "Spans read" not in rendered("blessed")


def test_the_page_shows_the_drift(pages, rendered):
    before, now = (TextStatistics.count({length: 9}, 1, 9) for length in (5, 16))
    text = Outline(render(dataclasses.replace(pages["empty"](), drift=Drift("/serving/7", "", before, now)))).text
    assert "Tokens per line 4.00 15.00" in text
    assert "Lines of 11 to 20 tokens 0.00 % 100.00 %" in text
    unmeasured = Drift("", "no model of other text is served yet")
    text = Outline(render(dataclasses.replace(pages["empty"](), drift=unmeasured))).text
    assert "Drift No drift is measured: no model of other text is served yet." in text
    assert "Drift" not in Outline(rendered("empty")).text
