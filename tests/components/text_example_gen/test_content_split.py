from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tfx_lm.components.text_example_gen.splitting import HashSplit, content_bucket

texts = st.text(st.characters(exclude_categories=["Cs"]))


def test_buckets_never_change_between_versions():
    assert [content_bucket(text, 10) for text in ("the cat", "sat", "猫", "")] == [9, 0, 0, 2]


@given(texts, st.integers(1, 1000))
def test_a_bucket_is_in_range(text, buckets):
    assert 0 <= content_bucket(text, buckets) < buckets


@given(texts, st.text(alphabet=" \t\r\n\u3000"), st.text(alphabet=" \t\r\n\u3000"))
def test_white_space_around_a_line_does_not_move_it(text, before, after):
    assert content_bucket(before + text + after, 100) == content_bucket(text, 100)


@given(st.lists(texts), st.lists(texts))
def test_more_lines_never_move_a_line(corpus, more):
    split = HashSplit({"train": 9, "eval": 1})
    before = {text: split.split_of(text) for text in corpus}
    after = {text: split.split_of(text) for text in corpus + more}
    assert before.items() <= after.items()


@given(st.dictionaries(st.text(min_size=1, max_size=5), st.integers(1, 50), min_size=1, max_size=4), texts)
def test_a_line_is_in_one_of_the_splits(buckets, text):
    assert HashSplit(buckets).split_of(text) in buckets


def test_proportions_and_order():
    split = HashSplit({"train": 8, "eval": 1, "test": 1})
    lines = [f"line number {number}" for number in range(20_000)]
    sizes = Counter(map(split.split_of, lines))
    # Five standard deviations.
    assert abs(sizes["train"] - 16_000) < 285
    assert abs(sizes["eval"] - 2_000) < 215
    assert abs(sizes["test"] - 2_000) < 215
    assert {split.split_of(line) for line in lines if content_bucket(line, 10) == 8} == {"eval"}


def test_a_larger_eval_share_only_moves_lines_into_eval():
    small, large = HashSplit({"train": 90, "eval": 10}), HashSplit({"train": 80, "eval": 20})
    for number in range(2000):
        if small.split_of(f"line {number}") == "eval":
            assert large.split_of(f"line {number}") == "eval"


@pytest.mark.parametrize("buckets", [{}, {"train": 0}, {"train": 9, "eval": -1}, {"": 1}])
def test_bad_buckets(buckets):
    with pytest.raises(ValueError, match="hash_buckets="):
        HashSplit(buckets)
