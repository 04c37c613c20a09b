import io
import itertools
import json
import math
import tracemalloc

import numpy as np
import pytest
import tensorflow as tf
from tfx_lm.exported import scoring
from tfx_lm.exported.sums import EvaluationSums

pytestmark = pytest.mark.slow

MODEL_OUTPUTS = ("nll", "tokens", "bytes", "oov_tokens", "oov_nll", "truncated_tokens", "spelled_bytes")


@pytest.fixture(scope="module")
def uniform(uniform_model):
    return scoring.load_model(uniform_model)


@pytest.fixture(scope="module")
def bigram(bigram_model):
    return scoring.load_model(bigram_model)


def corpus(lines):
    total = scoring.CorpusScore.empty()
    for line in lines:
        total += scoring.CorpusScore.from_line(line)
    return total


def test_a_uniform_models_perplexity_is_its_vocabulary_size(uniform):
    lines = [b"w1 w2 w3\n", b"w4\n", b"nothing known here\n", b"w5 w6"]
    scores = list(scoring.score_lines(uniform, lines))
    assert [score.sums.perplexity for score in scores] == pytest.approx([16.0] * 4, rel=1e-6)
    assert corpus(scores).sums.perplexity == pytest.approx(16.0, rel=1e-6)


def test_the_bigram_model_by_hand(bigram):
    # <s> the 1/2, the cat 1/2, cat </s> 1/2: 3 bits in 8 bytes.
    # <s> <unk> 1/8, <unk> </s> 1/2: 4 bits, and 4 spelled bytes ("dog" and one), in 4 bytes.
    first, second = scoring.score_lines(bigram, [b"the cat\n", b"dog\n"])
    assert first.as_json() == {
        "line": 1,
        "log_probability": pytest.approx(-3 * math.log(2), rel=1e-6),
        "tokens": 3,
        "bytes": 8,
        "oov_tokens": 0,
        "truncated_tokens": 0,
        "perplexity": pytest.approx(2.0, rel=1e-6),
        "bits_per_byte": pytest.approx(3 / 8, rel=1e-6),
    }
    assert second.sums.bits_per_byte == pytest.approx((4 + 8 * 4) / 4, rel=1e-6)
    total = corpus([first, second]).as_json()
    assert total["corpus"] is True
    assert total["lines"] == 2
    assert total["perplexity"] == pytest.approx(2 ** (7 / 5), rel=1e-6)
    assert total["bits_per_byte"] == pytest.approx((7 + 32) / 12, rel=1e-6)


def test_a_cut_line_is_charged_for_what_was_cut(save_table_model, bigram_table):
    model = scoring.load_model(save_table_model(*bigram_table, max_length=2))
    (score,) = scoring.score_lines(model, [b"the cat dog the\n"])
    # Kept: the, cat. Cut: dog, the, </s>.
    assert score.sums.tokens == 2
    assert score.sums.truncated_tokens == 3
    assert score.sums.spelled_bytes == 8
    assert score.sums.oov_tokens == 0


def test_scores_come_in_order_whatever_the_lengths(bigram, monkeypatch):
    monkeypatch.setattr(scoring, "WINDOW_LINES", 7)
    generator = np.random.default_rng(1)
    lines = [b" ".join(generator.choice([b"the", b"cat", b"dog"], size=n + 1)) for n in generator.integers(0, 40, 60)]
    alone = [next(scoring.score_lines(bigram, [line])) for line in lines]
    for batch_bytes in (1, 200, 100_000):
        together = list(scoring.score_lines(bigram, lines, batch_bytes=batch_bytes))
        assert [score.line for score in together] == list(range(1, 61))
        for one, other in zip(alone, together, strict=True):
            assert one.sums.nll == pytest.approx(other.sums.nll, rel=1e-6)
            assert one.sums.tokens == other.sums.tokens


def test_lines_are_those_of_the_pipeline(bigram):
    raw = b"\xef\xbb\xbfthe cat\r\n\n   \t\n\xe3\x80\x80\nthe\rcat\nthe cat"
    scores = list(scoring.score_lines(bigram, io.BytesIO(raw)))
    assert [score.line for score in scores] == [1, 5, 6]
    assert [score.sums.bytes for score in scores] == [8, 8, 8]
    assert [score.sums.tokens for score in scores] == [3, 3, 3]


def test_a_mark_inside_the_text_is_text(bigram):
    first, second = scoring.score_lines(bigram, [b"the\n", b"\xef\xbb\xbfthe\n"])
    assert first.sums.oov_tokens == 0
    assert second.sums.oov_tokens == 1


@pytest.mark.parametrize("line", [b"\xff\xfe the", b"\x00", "日本語 😀".encode(), b"the " * 5000, b"x" * 1_000_000])
def test_odd_lines_are_scored(bigram, line):
    (score,) = scoring.score_lines(bigram, [line + b"\n"])
    assert score.sums.bytes == len(line) + 1
    assert math.isfinite(score.sums.nll)


def test_nothing_to_score(bigram):
    assert list(scoring.score_lines(bigram, [b"\n", b"  \n"])) == []
    assert corpus([]).as_json() == {
        "corpus": True, "lines": 0, "log_probability": 0.0, "tokens": 0, "bytes": 0, "oov_tokens": 0,
        "truncated_tokens": 0, "perplexity": None, "bits_per_byte": None,
    }  # fmt: skip


def test_a_broken_models_nan_is_null_and_reaches_the_corpus(nan_model):
    model = scoring.load_model(nan_model)
    scores = list(scoring.score_lines(model, [b"w1\n", b"w2\n"]))
    text = json.dumps([score.as_json() for score in scores] + [corpus(scores).as_json()], allow_nan=False)
    assert [item["perplexity"] for item in json.loads(text)] == [None, None, None]
    assert json.loads(text)[-1]["tokens"] == 4


def test_the_text_is_streamed(bigram):
    produced = 0

    def lines():
        nonlocal produced
        while True:
            produced += 1
            yield b"the cat the cat the cat\n"

    scores = scoring.score_lines(bigram, lines())
    next(scores)
    assert produced == scoring.WINDOW_LINES

    tracemalloc.start()
    for _ in itertools.islice(scores, 2 * scoring.WINDOW_LINES):
        pass
    early = tracemalloc.get_traced_memory()[0]
    for _ in itertools.islice(scores, 10 * scoring.WINDOW_LINES):
        pass
    late = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert late - early < 200_000


def test_lines_are_the_same_as_one_call_of_the_signature(bigram):
    lines = [b"the cat", b"dog the", b"cat cat cat"]
    outputs = bigram.call("score", text=tf.constant(lines))
    whole = EvaluationSums.from_outputs({name: outputs[name] for name in MODEL_OUTPUTS})
    total = corpus(scoring.score_lines(bigram, lines)).sums
    assert total.nll == pytest.approx(whole.nll, rel=1e-6)
    assert (total.tokens, total.sentences) == (whole.tokens, 3)
