import math
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tfx_lm.errors import SettingError
from tfx_lm.exported.keep import SCORE_NAMES, Keep
from tfx_lm.exported.scoring import scores_of
from tfx_lm.exported.sums import EvaluationSums

SCORES = {
    **dict.fromkeys(SCORE_NAMES, 0.0),
    "bits_per_byte": 1.5,
    "tokens": 7,
    "perplexity": 30.0,
    "log_probability": -9,
}


def test_the_worked_example():
    keep = Keep("bits_per_byte < 2 and 5 <= tokens < 100")
    assert keep(SCORES)
    assert not keep({**SCORES, "bits_per_byte": None, "tokens": 0})


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("", True),
        ("  tokens >= 7 ", True),
        ("tokens > 7", False),
        ("tokens == 7.0", True),
        ("tokens != 7", False),
        ("perplexity < 10 or tokens < 8", True),
        ("(perplexity < 10 or tokens < 8) and bits_per_byte > 1.4", True),
        ("log_probability > -10", True),
        ("-log_probability < 9", False),
        ("tokens < perplexity", True),
    ],
)
def test_conditions(condition, holds):
    assert Keep(condition)(SCORES) is holds
    assert pickle.loads(pickle.dumps(Keep(condition)))(SCORES) is holds


@pytest.mark.parametrize("operator", ["<", "<=", ">", ">=", "==", "!="])
@pytest.mark.parametrize("value", [None, math.nan])
def test_a_score_that_is_not_a_number_fulfils_no_comparison(operator, value):
    assert not Keep(f"bits_per_byte {operator} 2")({**SCORES, "bits_per_byte": value})


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("bits_per_byte <", "cannot be read"),
        ("bits_per_byte = 2", "cannot be read"),
        ("surprisal < 2", "`surprisal` is neither a number nor one of log_probability, tokens"),
        ("tokens", "`tokens` is not a comparison"),
        ("not tokens < 2", "`not tokens < 2` is not a comparison"),
        ("tokens in 2", "compares by another operator than < <= > >= == !="),
        ("__import__('os').system('x') < 2", "is neither a number"),
        ("tokens < 'a'", "`'a'` is neither a number"),
        ("tokens < True", "`True` is neither a number"),
        ("tokens < 1e9**9", "is neither a number"),
        ("tokens < 1" + "0" * 400, "a number is too large"),
        ("tokens < 1 and " * 100 + "tokens < 2", "longer than 1,000 characters"),
        ("(" * 300 + "tokens" + ")" * 300 + " < 2", "cannot be read"),
    ],
)
def test_what_is_no_condition(condition, message):
    with pytest.raises(SettingError) as caught:
        Keep(condition)
    assert message in str(caught.value)
    assert str(caught.value).endswith("write a condition such as 'bits_per_byte < 2 and tokens >= 5'")


@given(st.text(max_size=60))
def test_any_text_is_a_condition_or_refused_in_one_sentence(text):
    try:
        Keep(text)
    except SettingError as error:
        assert "write a condition such as" in str(error)


def test_the_names_are_those_of_the_scores():
    assert set(SCORE_NAMES) == set(scores_of(EvaluationSums()))
