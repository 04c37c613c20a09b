import numpy as np
import pytest
from helpers.examples import ids_example, write_records
from tfx_lm.pipelines.results.unigram import count_ids, perplexity_of_counts


def test_the_docstrings_example():
    train = np.array([0, 0, 0, 1, 2])
    evaluation = np.array([0, 0, 0, 1, 1])
    assert perplexity_of_counts(train, evaluation) == pytest.approx((3 / 8 * 2 / 8) ** -0.5)
    assert perplexity_of_counts(train, evaluation) == pytest.approx(3.27, abs=0.005)


def test_what_a_killed_beam_step_left_beside_the_examples_is_not_counted(tmp_path):
    (tmp_path / "beam-temp-x").mkdir()
    for name, ids in (("1.gz", [3, 4]), ("2.gz", [4])):
        write_records(tmp_path / name, [ids_example(ids)])
    np.testing.assert_array_equal(count_ids(str(tmp_path), 5), [0, 0, 0, 1, 2])


def test_a_word_never_seen_in_training_has_a_probability():
    assert perplexity_of_counts(np.array([0, 9]), np.array([1, 0])) == pytest.approx(11.0)
