"""The trainer's options: known, typed, in range, with defaults."""

import json

import pytest
from pydantic import ValidationError
from tfx_lm.errors import SettingError
from tfx_lm.model.options import FIRST_CUTOFF, TrainerOptions
from tfx_lm.pipelines.setting_names import in_yaml_terms
from tfx_lm.transform.vocabulary import RESERVED


def test_json_numbers_get_the_type_of_their_field():
    options = TrainerOptions.from_config({"dropout": 0, "epochs": 3.0})
    assert (options.dropout, type(options.dropout)) == (0.0, float)
    assert (options.epochs, type(options.epochs)) == (3, int)


def test_a_missing_key_takes_its_default():
    options = TrainerOptions.from_config({"units": 32})
    assert options == TrainerOptions(units=32)
    assert (options.units, options.embedding_units, options.adaptive_cutoffs) == (32, 200, (2000, 10000))


def test_a_float_may_be_text_because_pyyaml_reads_1e_3_as_text():
    assert TrainerOptions.from_config({"learning_rate": "1e-3"}).learning_rate == 0.001


def test_options_survive_json_and_never_change():
    options = TrainerOptions(units=32, adaptive_cutoffs=(8,))
    assert TrainerOptions.from_config(json.loads(options.model_dump_json())) == options
    with pytest.raises(ValidationError, match="frozen"):
        options.units = 3


def test_an_unknown_key_is_named():
    with pytest.raises(SettingError, match=r"^unit: unknown key; did you mean units\?$"):
        TrainerOptions.from_config({"unit": 3})


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("layers", 0, "layers=0: must be >= 1; set layers"),
        ("layers", 17, "layers=17: must be <= 16; set layers"),
        ("batch_tokens", 1, "batch_tokens=1: must be >= 2; set batch_tokens"),
        ("dropout", 1.0, "dropout=1.0: must be < 1.0; set dropout"),
        ("learning_rate", 0, "learning_rate=0: must be > 0.0; set learning_rate"),
        ("learning_rate", float("nan"), "learning_rate=nan: input should be a finite number; set learning_rate"),
        ("learning_rate", True, "learning_rate=True: input should be a valid number; set learning_rate"),
        ("clip_norm", float("inf"), "clip_norm=inf: input should be a finite number; set clip_norm"),
        ("plateau_factor", 1.5, "plateau_factor=1.5: must be < 1.0; set plateau_factor"),
        ("weight_decay", -0.1, "weight_decay=-0.1: must be >= 0.0; set weight_decay"),
        ("optimizer", "adam", "optimizer=adam: must be one of 'adamw' or 'sgd'; set optimizer"),
        ("schedule", 3, "schedule=3: must be one of 'plateau' or 'cosine'; set schedule"),
        ("seed", -1, "seed=-1: must be >= 0; set seed"),
        ("seed", 2**31, "seed=2147483648: must be <= 2147483647; set seed"),
        ("epochs", 2.5, "epochs=2.5: input should be a valid integer, got a number with a fractional part; set epochs"),
        ("epochs", float("inf"), "epochs=inf: input should be a finite number; set epochs"),
        ("units", float("-inf"), "units=-inf: input should be a finite number; set units"),
        ("epochs", 1e300, "epochs=1e+300: must be <= 2147483647; set epochs"),
        ("epochs", True, "epochs=True: input should be a valid integer; set epochs"),
        ("tied_embedding", 1, "tied_embedding=1: input should be a valid boolean; set tied_embedding"),
        ("units", "200", "units='200': input should be a valid integer; set units"),
    ],
)
def test_a_bad_value_is_named_with_what_is_allowed(name, value, expected):
    with pytest.raises(SettingError) as caught:
        TrainerOptions.from_config({name: value})
    assert str(caught.value) == expected
    assert in_yaml_terms(caught.value).startswith(f"trainer.{name}=")


@pytest.mark.parametrize("output", ["full", "adaptive"])
@pytest.mark.parametrize("cutoffs", [[20, 20], [30, 20]])
def test_cutoffs_must_rise(cutoffs, output):
    with pytest.raises(SettingError, match=r"^adaptive_cutoffs=.*: must be rising ids; set adaptive_cutoffs$"):
        TrainerOptions.from_config({"output": output, "adaptive_cutoffs": cutoffs})


def test_adaptive_needs_cutoffs():
    TrainerOptions.from_config({"adaptive_cutoffs": []})
    with pytest.raises(SettingError, match=r"^adaptive_cutoffs=\[\]: must be rising ids; set adaptive_cutoffs$"):
        TrainerOptions.from_config({"output": "adaptive", "adaptive_cutoffs": []})


def test_cutoffs_are_above_the_reserved_ids():
    assert len(RESERVED) + 1 == FIRST_CUTOFF
    with pytest.raises(SettingError, match=r"^adaptive_cutoffs=4: must be >= 5; set adaptive_cutoffs$"):
        TrainerOptions.from_config({"adaptive_cutoffs": [4]})


def test_an_option_that_is_off_changes_no_identity():
    off = TrainerOptions(ema_momentum=0.0, residual=False).identity()
    assert not {"ema_momentum", "residual"} & off.keys()
    on = TrainerOptions(ema_momentum=0.9, residual=True).identity()
    assert (on["ema_momentum"], on["residual"]) == (0.9, True)
