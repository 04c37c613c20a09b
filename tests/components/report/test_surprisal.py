import math

import pytest
from tfx_lm.components.evaluator.extremes import TEXT_BYTES, Sentence
from tfx_lm.components.report import surprisal
from tfx_lm.components.report.surprisal import Word, level, score_sentences
from tfx_lm.exported.exported_model import load_model
from tfx_lm.exported.signatures import SCORE

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def models(bigram_model, uniform_model):
    return {"candidate": load_model(bigram_model, [SCORE]), "baseline": load_model(uniform_model, [SCORE])}


def test_the_bits_of_each_word_to_each_model(models):
    # To the bigram model: the 1/2, cat 1/2, </s> 1/2; dog is unknown, 1/8, and 4 spelled bytes. The other is uniform
    # over 16 words, of which it knows none.
    known, unknown = score_sentences(models, [Sentence(-7.5, "the cat"), Sentence(3.0, "dog")])
    (reading,) = known.readings
    assert reading.models == ("candidate", "baseline")
    assert reading.left_out == 0
    assert [(word.text, word.unknown) for word in reading.words] == [
        ("the", (False, True)), ("cat", (False, True)), ("</s>", (False, False)),
    ]  # fmt: skip
    for word in reading.words:
        assert word.bits == pytest.approx((1.0, 4.0))
    assert known.totals == pytest.approx({"candidate": 3.0, "baseline": 12 + 8 * 8})
    assert (known.bits, known.text, known.shortened) == (-7.5, "the cat", False)
    assert unknown.readings[0].words[0].unknown == (True, True)
    assert unknown.totals["candidate"] == pytest.approx(3 + 1 + 8 * 4)


def test_models_that_split_differently_have_a_reading_each(models, save_table_model, bigram_table):
    cut = load_model(save_table_model(*bigram_table, max_length=1), [SCORE])
    (scored,) = score_sentences({"candidate": models["candidate"], "baseline": cut}, [Sentence(1.0, "the cat")])
    assert [(reading.models, len(reading.words)) for reading in scored.readings] == [
        (("candidate",), 3),
        (("baseline",), 1),
    ]


def test_a_long_sentence_is_shortened(models):
    text = ("the " * TEXT_BYTES)[:TEXT_BYTES]
    (scored,) = score_sentences({"candidate": models["candidate"]}, [Sentence(1.0, text)])
    assert scored.shortened
    (reading,) = scored.readings
    # The fixture cuts to 64.
    assert (len(reading.words), reading.left_out) == (64, 0)


def test_only_so_many_words_are_shown(models, monkeypatch):
    monkeypatch.setattr(surprisal, "SHOWN_WORDS", 2)
    (scored,) = score_sentences({"candidate": models["candidate"]}, [Sentence(1.0, "the cat the")])
    assert (len(scored.readings[0].words), scored.readings[0].left_out) == (2, 2)


def test_a_model_that_is_nan(nan_model):
    (scored,) = score_sentences({"candidate": load_model(nan_model, [SCORE])}, [Sentence(1.0, "w1")])
    assert math.isnan(scored.totals["candidate"])
    assert isinstance(scored.readings[0].words[0], Word)
    assert math.isnan(scored.readings[0].words[0].bits[0])


def test_without_models_there_are_the_sentences():
    (scored,) = score_sentences({}, [Sentence(1.0, "the cat")])
    assert (scored.text, scored.totals, scored.readings) == ("the cat", {}, ())
    assert score_sentences({}, []) == []


def test_levels():
    bits = (0.0, 1.9, 2.0, 5.0, 8.0, 12.0, math.inf, math.nan)
    assert [level(value) for value in bits] == [0, 0, 1, 2, 3, 4, 4, 4]
