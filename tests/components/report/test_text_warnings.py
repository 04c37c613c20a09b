"""Warnings about long lines."""

from collections import Counter

import pytest
from tfx_lm.components.report.text_warnings import longest_lines_of_half, text_warnings
from tfx_lm.components.text_counts import TextCounts
from tfx_lm.pipelines.setting_names import yaml_key


@pytest.mark.parametrize(
    ("lengths", "expected"),
    [
        ({5: 99, 900: 1}, (1, 900)),
        ({10: 4}, (2, 20)),
        ({10: 3}, (2, 20)),
        ({10: 2, 1: 60}, (22, 40)),
        ({}, (0, 0)),
    ],
)
def test_the_longest_lines_that_hold_half(lengths, expected):
    assert longest_lines_of_half(TextCounts(Counter(lengths))) == expected


def test_one_line_that_holds_most_of_the_tokens_and_is_cut():
    long, cut = (
        warning.with_names(yaml_key) for warning in text_warnings("train", TextCounts(Counter({5: 99, 900: 1})), 50)
    )
    assert long == (
        "1 of the 100 lines of train holds 65% of its tokens, the longest 900; a line should be a sentence: split long "
        "lines before the pipeline"
    )
    assert cut == (
        "61% of the tokens of train are cut off, in 1 lines of more than 50 tokens; raise data.max_length (at most "
        "trainer.batch_tokens), or split long lines"
    )


def test_ordinary_text_is_not_warned_about():
    assert text_warnings("train", TextCounts(Counter({5: 50, 10: 50, 40: 1})), 40) == []
    assert text_warnings("eval", TextCounts(), 40) == []
