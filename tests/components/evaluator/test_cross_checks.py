"""The Evaluator's numbers against computations that share no code with it."""

import math

import numpy as np
import pytest
import tensorflow as tf
from scipy import special
from tfx_lm.exported import scoring
from tfx_lm.exported.sums import EvaluationSums
from tfx_lm.transform import accounting, tokenizer

pytestmark = pytest.mark.slow

WORDS = [f"w{index}" for index in range(40)]
RESERVED = ["<pad>", "<unk>", "<s>", "</s>"]


def random_lines(generator, count=300):
    return [
        " ".join(generator.choice([*WORDS, "zzz"], generator.integers(1, 50))).encode() for _ in range(count)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def found(save_table_model):
    """Scores of random lines, and the lines with the log-probabilities that they were scored by."""
    generator = np.random.default_rng(11)
    table = special.log_softmax(generator.normal(0, 3, (44, 44)), axis=1)
    model = scoring.load_model(save_table_model(WORDS, table.tolist(), max_length=30))
    lines = random_lines(generator)
    total = EvaluationSums.merge(score.sums for score in scoring.score_lines(model, lines))
    return total, lines, table


def log_likelihoods(lines, table):
    """Word by word, in plain Python: log-likelihood and tokens of each line, and the words that were left out."""
    ids = {word: index for index, word in enumerate(RESERVED + WORDS)}
    for line in lines:
        words = [*line.decode().split(), "</s>"]
        kept = [ids.get(word, 1) for word in words[:30]]
        steps = zip([2, *kept[:-1]], kept, strict=True)
        spelled = [word for position, word in enumerate(words[:-1]) if position >= 30 or word not in ids]
        charge = sum(len(word) + 1 for word in spelled)
        yield math.fsum(table[before, after] for before, after in steps), len(kept), charge


def test_perplexity_by_numpy_and_scipy(found):
    total, lines, table = found
    scores = list(log_likelihoods(lines, table))
    nats, tokens = -math.fsum(score for score, _, _ in scores), sum(count for _, count, _ in scores)
    assert total.tokens == tokens
    assert total.perplexity == pytest.approx(math.exp(nats / tokens), rel=1e-5)


def test_bits_per_byte_by_the_definition_of_lm_evaluation_harness(found):
    """There: -Σ log-likelihood / Σ bytes / ln 2. Ours adds what it takes to spell out the words that were left out."""
    total, lines, table = found
    log_likelihood, size = 0.0, 0
    for line, (score, _, charge) in zip(lines, log_likelihoods(lines, table), strict=True):
        # A word that is spelled out with a uniform code has the log-likelihood ln(1/256) for each of its bytes.
        log_likelihood += score - charge * math.log(256)
        size += len(line) + len(b"\n")
    assert total.bits_per_byte == pytest.approx(-(log_likelihood / size) / math.log(2), rel=1e-5)


def unigram_scores(lines, words):
    """The best unigram model that knows the given words only, scored on the very lines that it was fitted to."""
    known = set(words)
    tokens = [[*line.split(), b"</s>"] for line in lines]
    flat = [word if word in known or word == b"</s>" else b"<unk>" for line in tokens for word in line]
    values, counts = np.unique(flat, return_counts=True)
    nats = dict(zip(values, -np.log(counts / counts.sum()), strict=True))
    ids = tf.ragged.constant(
        [[3 if word == b"</s>" else 4 if word in known else 1 for word in line] for line in tokens], tf.int64
    )
    text = tf.constant(lines)
    sums = accounting.line_sums(text, tokenizer.tokenize(text, "whitespace", False), ids, "whitespace")
    nll = sum(nats[word] for word in flat)
    return EvaluationSums(nll=nll, **{name: float(tf.reduce_sum(value)) for name, value in sums._asdict().items()})


def test_a_smaller_vocabulary_lowers_perplexity_and_cannot_win():
    generator = np.random.default_rng(4)
    words = np.array([b"word%d" % index for index in range(10_000)])
    shares = 1 / np.arange(1, 10_001)
    lines = [b" ".join(generator.choice(words, 20, p=shares / shares.sum())) for _ in range(2000)]
    large, small = (unigram_scores(lines, words[:size].tolist()) for size in (10_000, 100))
    assert small.perplexity < large.perplexity / 10
    assert small.bits_per_byte > 1.2 * large.bits_per_byte
