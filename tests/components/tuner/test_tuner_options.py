import pytest
from tfx_lm.components.tuner.options import TunerOptions
from tfx_lm.errors import SettingError
from tfx_lm.pipelines.config import load_config
from tfx_lm.pipelines.errors import ConfigurationError

GATE = {"gate.max_perplexity": 100}


def test_values_are_read_as_the_trainer_reads_them():
    options = TunerOptions.parse({"trials": 2, "space": {"learning_rate": ["1e-3", 0.01], "units": [8, 16.0]}})
    assert options.space == {"learning_rate": (0.001, 0.01), "units": (8, 16)}
    assert TunerOptions.parse(options.model_dump(mode="json")) == options


def test_nothing_is_tried_by_default():
    assert TunerOptions().trials == 0
    assert TunerOptions.parse(TunerOptions().model_dump(mode="json")) == TunerOptions()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"max_minutes": 5}, "trials=0: nothing is tried, and max_minutes has no effect; set trials"),
        ({"space": {"units": [8]}}, "trials=0: nothing is tried, and space has no effect; set trials"),
        ({"trials": 3, "space": {}}, "trials=3: space has no options to try"),
        (
            {"trials": 3, "space": {"unit": [1]}},
            "space: unit is not tuned; the options that can be are embedding_units",
        ),
        ({"trials": 3, "space": {"epochs": [1, 2]}}, "space: epochs is not tuned"),
        ({"trials": 3, "space": {"units": []}}, "space: units has no values"),
        ({"trials": 3, "space": {"units": [0, 8]}}, "space.units=0: must be >= 1; set space.units"),
        ({"trials": 3, "space": {"dropout": [0.1, "0.1"]}}, "space: dropout=[0.1, 0.1] has a value twice"),
        ({"trials": -1}, "trials=-1"),
    ],
)
def test_a_search_that_cannot_be_is_refused(options, named):
    with pytest.raises(SettingError) as refused:
        TunerOptions.parse(options)
    assert named in str(refused.value)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        (
            ["tuner.max_minutes=5"],
            "tuner.trials=0: nothing is tried, and tuner.max_minutes has no effect; set tuner.trials",
        ),
        (["tuner.trials=2", "tuner.space={units: [0]}"], "tuner.space.units=0: must be >= 1; set tuner.space.units"),
        (
            ["tuner.trials=2", "tuner.space={output: [full, adaptive]}", "trainer.adaptive_cutoffs=[]"],
            "tuner.space: output=adaptive cannot be trained: trainer.adaptive_cutoffs=[]: must be rising ids; set "
            "trainer.adaptive_cutoffs, or leave adaptive out of tuner.space",
        ),
        (["tuner.trials=2", "trainer.warm_start=baseline"], "tuner.trials=2: trials start from new weights"),
        (["tuner.trials=2", "trainer.workers=2"], "tuner.trials=2: trials train in one process"),
        (["tuner.trials=2", "trainer.distribution=multi_worker"], "tuner.trials=2: trials train in one process"),
        (["tuner.trials=2", "data.max_length=1500"], "a batch holds only tuner.space.batch_tokens=1024 tokens"),
    ],
)
def test_a_configuration_is_refused_in_its_own_keys(settings, named):
    with pytest.raises(ConfigurationError) as refused:
        load_config(None, settings, GATE)
    assert named in str(refused.value)


def test_every_line_fits_into_the_smallest_batch_that_is_tried():
    assert load_config(None, ["tuner.trials=2"], GATE).text_options().auto_limit == 1024
    assert load_config(None, [], GATE).text_options().auto_limit == 2048


def test_a_search_is_left_out_with_null():
    assert load_config(None, ["tuner.trials=2", "tuner.space={units: [8]}", "tuner=null"], GATE).tuner == TunerOptions()
