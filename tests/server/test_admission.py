"""The memory of all answers that are being made is bounded."""

import asyncio
import contextlib
import gc

import numpy as np
import pytest
from tfx_lm.server.options import Limits
from tfx_lm.server.predict_request import PredictRequest
from tfx_lm.server.predictor import Predictor
from tfx_lm.server.request_error import RequestError


@pytest.fixture
def predictor(bigram_model):
    made = Predictor(bigram_model, "model", Limits(rows=5, tokens=1, values=10, body_bytes=10, held_values=20), 1.0)
    yield made
    asyncio.run(made.close())
    gc.unfreeze()


def candidates(rows):
    inputs = {"text": np.array([b""] * rows, object), "k": np.full([rows], 2**31 - 1, np.int32)}
    return PredictRequest("next_word", inputs, rows)


def test_large_answers_at_once_are_refused_until_others_are_made(predictor):
    # 3 rows × 2 values, as the longest: the token that a text may have, and the end of the line.
    request = PredictRequest("score", {"text": np.array([b"a b", b"", b""], object)}, 3)
    with predictor.in_use("model") as model, contextlib.ExitStack() as stack:
        for _ in range(3):
            assert stack.enter_context(predictor.admitted(model, request)) is request
        with pytest.raises(RequestError, match="is making as many large answers as it may") as caught:
            stack.enter_context(predictor.admitted(model, request))
        assert caught.value.status == 429
        stack.close()
        with predictor.admitted(model, request):
            pass


def test_more_candidates_than_words_count_as_all_words(predictor):
    with predictor.in_use("model") as model:
        assert model.words == 6
        with predictor.admitted(model, candidates(5)) as admitted:
            assert admitted.inputs["k"].tolist() == [6] * 5
            assert admitted.inputs["k"].dtype == np.int32
            assert len(asyncio.run(predictor.predict(model, admitted))["words"][0]) == 2
        with (
            pytest.raises(RequestError, match="words: the answer has 12 values: at most 10; send fewer rows") as caught,
            predictor.admitted(model, candidates(6)),
        ):
            pass
        assert caught.value.status == 400


def test_a_step_with_too_large_an_answer_is_refused_before_the_model_makes_it(predictor):
    with predictor.in_use("model") as model:
        shape = [2, *model.inputs["step"]["states"].shape[1:]]
        inputs = {"ids": np.full([2, 1], 5, np.int64), "states": np.zeros(shape, np.float32)}
        with (
            pytest.raises(RequestError, match="log_probabilities: the answer has 12 values: at most 10; send fewer"),
            predictor.admitted(model, PredictRequest("step", inputs, 2)),
        ):
            pass
        one = PredictRequest("step", {name: array[:1] for name, array in inputs.items()}, 1)
        with predictor.admitted(model, one) as admitted:
            assert asyncio.run(predictor.predict(model, admitted))["log_probabilities"].shape == (1, 6)


def test_every_request_within_the_limits_can_be_answered():
    assert Limits(held_values=1).held_values == 256 * 4097
    assert Limits(body_bytes=2**30).held_values == 2**30
