import numpy as np
import pytest
from tfx_lm.errors import SettingError
from tfx_lm.exported.completion_options import CompletionOptions
from tfx_lm.exported.sampling import chances, draw

# Reserved tokens are the likeliest here, and still never drawn.
TABLE = np.log([0.9, 0.9, 0.9, 0.9, 0.1, 0.5, 0.3, 0.1]) - 3.0


@pytest.mark.parametrize(
    ("options", "ids", "weights"),
    [
        ({}, [5, 6, 4, 7], [0.5, 0.3, 0.1, 0.1]),
        ({"top_k": 2}, [5, 6], [0.625, 0.375]),
        ({"top_p": 0.7}, [5, 6], [0.625, 0.375]),
        ({"top_p": 0.01}, [5], [1.0]),
        ({"temperature": 0.5, "top_k": 2}, [5, 6], [25 / 34, 9 / 34]),
        ({"top_k": 2, "top_p": 0.6}, [5], [1.0]),
        ({"temperature": 0}, [5], [1.0]),
        ({"top_k": 1}, [5], [1.0]),
        ({"top_k": 100}, [5, 6, 4, 7], [0.5, 0.3, 0.1, 0.1]),
    ],
)
def test_what_is_drawn_from(options, ids, weights):
    found_ids, found = chances(CompletionOptions(**options), TABLE)
    assert found_ids.tolist() == ids
    np.testing.assert_allclose(found, weights)


def test_draws_follow_the_weights():
    generator = np.random.default_rng(0)
    draws = [draw(CompletionOptions(top_k=2), TABLE, generator) for _ in range(4000)]
    assert draws.count(5) / 4000 == pytest.approx(0.625, abs=0.03)
    assert set(draws) == {5, 6}


def test_neither_small_probabilities_nor_a_small_temperature_end_in_zeros():
    ids, weights = chances(CompletionOptions(temperature=0.001), np.array([0, 0, 0, 0, -1000.0, -1800.0]))
    assert ids.tolist() == [4, 5]
    assert weights.tolist() == [1.0, 0.0]


@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_a_broken_model(value):
    with pytest.raises(ValueError, match="it is broken"):
        chances(CompletionOptions(), np.full(8, value))


def test_a_word_that_is_never_drawn_may_be_impossible():
    ids, weights = chances(CompletionOptions(), np.array([0, 0, 0, 0, 0.0, -np.inf]))
    assert weights[ids == 5].tolist() == [0.0]


@pytest.mark.parametrize(
    "options", [{"temperature": -1}, {"temperature": np.nan}, {"top_k": 0}, {"top_p": 0}, {"top_p": 1.1}]
)
def test_values_out_of_range(options):
    ((name, value),) = options.items()
    with pytest.raises(SettingError, match=f"^{name}={value}: .*; set {name}$"):
        CompletionOptions.parse(options)
