"""The benchmark of words, subwords and bytes: its texts, its times and its ratios."""

import json

import pytest


@pytest.fixture
def tokens(benchmark_module):
    return benchmark_module("tokens")


def test_the_texts(tokens, tmp_path):
    (tmp_path / "1790-name.txt").write_text("We won. We go on.\n")
    for book, chapter, verses in ((10, 1, ["last"]), (2, 10, ["second"]), (2, 9, ["first", "one more"])):
        (tmp_path / str(book)).mkdir(exist_ok=True)
        (tmp_path / str(book) / f"{chapter}.json").write_text(json.dumps(verses))
    assert list(tokens.read_addresses(tmp_path)) == ["We won.", "We go on."]
    assert list(tokens.read_verses(tmp_path)) == ["first", "one more", "second", "last"]


def test_lines_that_would_be_cut_as_bytes_are_left_out(tokens):
    """The line has as many bytes as positions, and `</s>` needs one, too."""
    lines = tokens.short_lines(iter(["x" * tokens.LINES_BYTES, "", *(f"line {n}" for n in range(100))]))
    assert sorted([*lines["train"], *lines["eval"]]) == sorted(f"line {n}" for n in range(100))
    assert 0 < len(lines["eval"]) < 30
    assert tokens.sample({"train": ["a", "b", "c"], "eval": ["d"]}, 2) == {"train": ["a", "c"], "eval": ["d"]}


@pytest.mark.parametrize(("seconds", "epochs"), [(100, 10), (3, 1), (104, 10)])
def test_epochs_that_fit_into_a_time(tokens, seconds, epochs):
    """The worked example; the second that is spent once does not count."""
    assert tokens.epochs_in(seconds, once=2.0, twice=3.0, share=10) == epochs


def test_the_ratios(tokens):
    words, subwords = (tokens.Result(bits, 0.0, 5, 600.0, 300.0, 1000) for bits in (2.0, 1.9))
    results = {"addresses": {"words": words, "subwords": subwords}, "chichewa": {"subwords": subwords}}
    assert tokens.ratios_of(results) == {"addresses_subwords_vs_words": pytest.approx(0.95)}
