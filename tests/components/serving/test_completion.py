import math

import numpy as np
import pytest
from tfx_lm.components.serving import completion, scoring


@pytest.fixture(scope="module")
def bigram(bigram_model):
    return scoring.load_model(bigram_model)


def test_candidates_by_hand(bigram):
    assert completion.candidates(bigram, "see the", 5) == [
        ("cat", pytest.approx(-math.log(2))),
        ("the", pytest.approx(-math.log(8))),
    ]
    assert completion.candidates(bigram, "", 1) == [("the", pytest.approx(-math.log(2)))]


def test_the_greedy_continuation(bigram):
    assert completion.complete(bigram, "", 4, temperature=0) == "the cat the cat"
    assert completion.complete(bigram, "The  cat", 2, temperature=0) == "The  cat the cat"
    assert completion.complete(bigram, "as it is ", 0) == "as it is "


def test_top_k_one_is_greedy(bigram):
    assert completion.complete(bigram, "the", 3, top_k=1, seed=5) == "the cat the cat"


def test_the_seed_decides(bigram):
    texts = {seed: completion.complete(bigram, "the", 20, seed=seed) for seed in range(4)}
    assert texts[1] == completion.complete(bigram, "the", 20, seed=1)
    assert len(set(texts.values())) > 1


def test_draws_follow_the_probabilities():
    generator = np.random.default_rng(0)
    proposed = [("a", math.log(0.6)), ("b", math.log(0.2))]
    draws = [completion.draw(proposed, 1.0, generator) for _ in range(4000)]
    assert draws.count("a") / 4000 == pytest.approx(0.75, abs=0.03)
    sharp = [completion.draw(proposed, 0.5, generator) for _ in range(4000)]
    assert sharp.count("a") / 4000 == pytest.approx(0.9, abs=0.03)
    assert completion.draw([("a", -1000.0), ("b", -1800.0)], 0.001, generator) == "a"


def test_bad_arguments(bigram):
    with pytest.raises(ValueError, match="temperature=-1: must be a number >= 0"):
        completion.complete(bigram, "the", 1, temperature=-1)
    with pytest.raises(ValueError, match="length=-1: must be >= 0"):
        completion.complete(bigram, "the", -1)
    with pytest.raises(ValueError, match="top_k=0: must be >= 1"):
        completion.complete(bigram, "the", 1, top_k=0)
    with pytest.raises(ValueError, match="top_n=0: must be >= 1"):
        completion.candidates(bigram, "the", 0)


def test_a_broken_model_says_so(nan_model):
    model = scoring.load_model(nan_model)
    assert completion.candidates(model, "w1") == []
    with pytest.raises(ValueError, match="it is broken"):
        completion.complete(model, "w1", 1)


def test_text_that_is_not_unicode(bigram):
    assert completion.complete(bigram, "\udcff the", 1, temperature=0) == "� the cat"
