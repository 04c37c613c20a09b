import itertools
import math
import re
import xml.etree.ElementTree as ElementTree
from collections import Counter

import numpy as np
import pytest
from tfx_lm.components.report import figures
from tfx_lm.components.text_counts import TextCounts

PARSED = "{http://www.w3.org/2000/svg}"


def texts(svg):
    """The texts that a chart shows; fails if it is no XML."""
    tree = ElementTree.fromstring(str(svg).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))
    assert tree.get("role") == "img"
    assert tree.get("aria-label")
    return ["".join(element.itertext()) for element in tree.iter(f"{PARSED}text")]


def test_the_docstrings_bins():
    bins = figures.length_bins([TextCounts(Counter({1: 1, 2: 1, 3: 1, 9: 1}))], 2)
    assert [group.sentences[0] for group in bins] == [1, 1, 1, 0, 0, 0, 0, 1]
    assert bins[-1][:2] == (8, None)


@pytest.mark.parametrize("max_length", [2, 19, 20, 21, 67, 1000])
def test_bins_hold_every_sentence_once_and_one_ends_at_max_length(max_length):
    lengths = Counter({length: length for length in range(1, 3 * max_length)})
    bins = figures.length_bins([TextCounts(lengths), TextCounts()], max_length)
    assert sum(group.sentences[0] for group in bins) == sum(lengths.values())
    assert sum(group.sentences[1] for group in bins) == 0
    assert max_length in [group.last for group in bins]
    assert all(left.last + 1 == right.first for left, right in itertools.pairwise(bins))
    cut = sum(group.sentences[0] for group in bins if group.first > max_length)
    assert cut == TextCounts(lengths).cut(max_length)[0]


def test_nothing_to_draw_is_no_chart(pages):
    empty = pages["empty"]()
    assert figures.length_bins([TextCounts(), TextCounts()], 5) == []
    assert figures.lengths_chart([], ["train"], 5) is None
    assert figures.coverage_chart({"train": np.array([])}) is None
    assert figures.coverage_chart({"train": np.array([math.nan])}) is None
    assert figures.curves_chart(empty.curves) is None
    assert figures.slices_chart({}, "bits_per_byte", "bits") is None
    assert figures.slices_chart(pages["broken"]().results, "bits_per_byte", "bits") is None


@pytest.mark.slow
def test_charts_say_what_they_show(pages):
    page = pages["blessed"]()
    assert {"all", "length 0 to 10", "unknown: yes", "candidate", "baseline"} <= set(
        texts(figures.slices_chart(page.results, "bits_per_byte", "bits per byte"))
    )
    assert {"epoch", "perplexity", "train", "validation"} <= set(texts(figures.curves_chart(page.curves)))
    bins = figures.length_bins(list(page.counts.values()), page.max_length)
    assert {"max_length 67", "train", "eval"} <= set(texts(figures.lengths_chart(bins, ["train", "eval"], 67)))
    coverage = {name: of.coverage() for name, of in page.counts.items()}
    assert {"1,000", "100 %"} <= set(texts(figures.coverage_chart(coverage)))


def test_a_small_vocabulary_has_no_labels_in_markup():
    shown = texts(figures.coverage_chart({"train": np.linspace(0.2, 1, 6)}))
    assert "1" in shown
    assert not [text for text in shown if "$" in text or "mathdefault" in text]


@pytest.mark.slow
def test_text_alternatives_say_the_most_important_numbers(pages):
    page = pages["blessed"]()
    bins = figures.length_bins(list(page.counts.values()), page.max_length)
    coverage = {name: of.coverage() for name, of in page.counts.items()}
    assert "train from 980 to 128.6, validation from 596.4 to 125.8" in figures.curves_chart(page.curves)
    assert "1,374 of 323,585 in train" in figures.lengths_chart(bins, ["train", "eval"], 67)
    assert "The whole vocabulary covers 99.9 % of train" in figures.coverage_chart(coverage)


def test_a_first_run_has_no_baseline_in_its_chart(pages):
    shown = texts(figures.slices_chart(pages["first"]().results, "bits_per_byte", "bits per byte"))
    assert "candidate" in shown
    assert "baseline" not in shown


def test_names_of_slices_are_shown_as_they_are(pages):
    page = pages["blessed"]()
    names = ["$\\frac{1}$", "<b>&", "a\0b\n", "猫が好き", "x" * 99]
    results = dict.fromkeys(names, page.results[""])
    shown = texts(figures.slices_chart(results, "bits_per_byte", "bits per byte"))
    assert {"$\\frac{1}$", "<b>&", "a�b�", "猫が好き", "x" * 17 + "…"} <= set(shown)


def test_colours_are_those_of_the_page(pages):
    svg = figures.curves_chart(pages["blessed"]().curves)
    assert {"var(--ink)", "var(--grid)", "var(--first)", "var(--second)"} <= set(re.findall(r"var\(--\w+\)", svg))
    assert re.findall(r"#[0-9a-f]{6}\b", svg) == []


def test_ids_of_different_charts_differ(pages):
    page = pages["blessed"]()
    bins = figures.length_bins(list(page.counts.values()), page.max_length)
    charts = [figures.curves_chart(page.curves), figures.lengths_chart(bins, ["train", "eval"], 67)]
    ids = [re.findall(r'\bid="([^"]+)"', svg) for svg in charts]
    assert all(ids)
    assert not set(ids[0]) & set(ids[1])
    for svg, known in zip(charts, ids, strict=True):
        assert set(re.findall(r'(?:href="#|url\(#)([^")]+)', svg)) <= set(known)


def test_an_interval_that_a_rounding_turned_around_is_drawn(pages):
    result = pages["first"]().results[""]
    value = result.candidate["bits_per_byte"]
    ends = {"bits_per_byte_ci95_low": np.nextafter(value, np.inf), "bits_per_byte_ci95_high": np.nextafter(value, 0)}
    turned = result._replace(candidate={**result.candidate, **ends})
    assert "candidate" in texts(figures.slices_chart({"": turned, "a": turned}, "bits_per_byte", "bits per byte"))
