"""What TFMA's own functions read of an evaluation agrees with the gate; `Evaluation` asserts it of every run."""

import pytest
from helpers.evaluation_run import Evaluation

pytestmark = pytest.mark.slow


def test_what_tfma_reads_agrees_with_the_gate(tmp_path, uniform_model, save_uniform_model, save_table_model):
    blessed = Evaluation(tmp_path / "1", uniform_model)
    assert blessed.validation.validation_ok
    assert blessed.eval_result()["perplexity"] == pytest.approx(16, rel=1e-6)

    bound = Evaluation(tmp_path / "2", uniform_model, max_perplexity=15.0)
    ((name, failure),) = bound.failures()
    assert (name, failure.metric_key.name, failure.message) == ("", "perplexity", "perplexity 16 > max_perplexity 15")
    assert failure.metric_threshold.value_threshold.upper_bound.value == 15
    assert failure.metric_value.double_value.value == pytest.approx(16, rel=1e-6)
    assert bound.eval_result()["perplexity"] == pytest.approx(16, rel=1e-6)

    worse = Evaluation(tmp_path / "3", save_uniform_model(20), uniform_model)
    ((name, failure),) = worse.failures()
    assert (name, failure.metric_key.name) == ("", "bits_per_byte_change_upper95")
    assert failure.metric_threshold.value_threshold.upper_bound.value == 0.005
    assert failure.metric_value.double_value.value > 0.046
