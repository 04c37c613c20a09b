"""The benchmark of ways to regularise: its variants and its ratios. Its trainings are those of the trainer's tests."""

import pytest
from tfx_lm.model.options import TrainerOptions


@pytest.fixture
def regularisation(benchmark_module):
    return benchmark_module("regularisation")


def test_every_variant_is_a_configuration(regularisation):
    for variant in regularisation.VARIANTS.values():
        TrainerOptions.from_config({**regularisation.TRAINER, **variant.options})


def test_the_ratios(regularisation):
    results = {
        name: regularisation.Result(perplexity, 3, 4, 240.0) for name, perplexity in (("baseline", 200.0), ("x", 150.0))
    }
    assert regularisation.ratios_of(results) == {"x": 0.75}
    assert regularisation.ratios_of({"x": results["x"]}) == {}
