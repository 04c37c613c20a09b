"""Length buckets: the best boundaries, and an exact count of the batches."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tfx_lm.components.trainer import buckets
from tfx_lm.components.trainer.buckets import choose_buckets


def test_the_worked_example():
    found = choose_buckets(np.bincount([2, 2, 2, 7]), batch_tokens=20)
    assert found.boundaries == (2, 7)
    assert found.batch_sizes == (10, 2)
    assert found.batches == 2
    assert found.padding == 0.0


def test_a_sentence_longer_than_the_batch_is_a_batch():
    found = choose_buckets(np.bincount([3, 50, 50]), batch_tokens=20)
    assert found.boundaries == (3, 50)
    assert found.batch_sizes == (6, 1)
    assert found.batches == 3


def test_a_natural_corpus_pads_less_than_five_per_cent():
    lengths = np.clip(np.random.default_rng(0).lognormal(3, 0.6, 70_000).astype(int), 1, 120)
    found = choose_buckets(np.bincount(lengths), batch_tokens=2048)
    assert found.padding < 0.05
    assert len(found.boundaries) <= buckets.MOST_BUCKETS
    assert found.boundaries[-1] == lengths.max()


def test_very_many_lengths():
    lengths = np.clip(np.random.default_rng(0).lognormal(6, 1.0, 50_000).astype(int), 1, 20_000)
    found = choose_buckets(np.bincount(lengths), batch_tokens=8192)
    assert found.padding < 0.15
    assert found.boundaries[-1] == lengths.max()


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=60), st.integers(1, 100))
def test_every_length_has_a_bucket_and_the_numbers_add_up(lengths, batch_tokens):
    found = choose_buckets(np.bincount(lengths), batch_tokens)
    assert list(found.boundaries) == sorted(set(found.boundaries))
    assert found.boundaries[-1] == max(lengths)
    bucket = np.searchsorted(found.boundaries, lengths)
    batches = sum(-(-int(n) // size) for n, size in zip(np.bincount(bucket), found.batch_sizes, strict=True))
    assert found.batches == batches
    positions = np.take(found.boundaries, bucket).sum()
    assert found.padding == pytest.approx(1 - sum(lengths) / positions)
    for boundary, size in zip(found.boundaries, found.batch_sizes, strict=True):
        assert size == 1 or size * boundary <= batch_tokens


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(1, 12), min_size=1, max_size=30))
def test_no_other_boundaries_of_the_same_number_pad_less(lengths):
    found = choose_buckets(np.bincount(lengths), 10)
    occurring = sorted(set(lengths))
    others = itertools.combinations(occurring[:-1], len(found.boundaries) - 1)
    positions = [
        np.take([*other, occurring[-1]], np.searchsorted([*other, occurring[-1]], lengths)).sum() for other in others
    ]
    assert found.padding == pytest.approx(1 - sum(lengths) / min(positions))


def test_nothing_to_choose_from():
    with pytest.raises(ValueError, match="no sentences"):
        choose_buckets(np.zeros(5, int), 10)
    with pytest.raises(ValueError, match="2 sentences have no tokens"):
        choose_buckets(np.array([2, 1]), 10)
