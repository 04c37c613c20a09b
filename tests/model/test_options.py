"""The trainer's options: complete, known, typed, in range."""

import pytest
from tfx_lm.model.options import TrainerOptions

GOOD = {
    "embedding_units": 200,
    "units": 200,
    "layers": 2,
    "dropout": 0.2,
    "variational_dropout": False,
    "tied_embedding": True,
    "output": "full",
    "adaptive_cutoffs": [8],
    "precision": "float32",
    "distribution": "auto",
    "batch_tokens": 2048,
    "epochs": 10,
    "optimizer": "adamw",
    "learning_rate": 0.003,
    "weight_decay": 0.0,
    "schedule": "plateau",
    "warmup_steps": 0,
    "clip_norm": 1.0,
    "plateau_patience": 1,
    "plateau_factor": 0.5,
    "early_stopping_patience": 3,
    "seed": 1,
}


def test_json_numbers_get_the_type_of_their_field():
    options = TrainerOptions.from_config({**GOOD, "dropout": 0, "epochs": 3.0})
    assert (options.dropout, type(options.dropout)) == (0.0, float)
    assert (options.epochs, type(options.epochs)) == (3, int)


def test_a_missing_key_is_named():
    config = dict(GOOD)
    del config["units"]
    with pytest.raises(ValueError, match=r"lacks units: set trainer\.units"):
        TrainerOptions.from_config(config)


def test_an_unknown_key_is_named():
    with pytest.raises(ValueError, match="unknown keys unit;"):
        TrainerOptions.from_config({**GOOD, "unit": 3})


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("layers", 0, r"layers=0: must be >= 1; set trainer\.layers"),
        ("dropout", 1.0, r"dropout=1.0: must be >= 0 and < 1"),
        ("learning_rate", 0, "learning_rate=0.0: must be > 0"),
        ("learning_rate", float("nan"), "learning_rate=nan: must be > 0"),
        ("plateau_factor", 1.5, "plateau_factor=1.5: must be > 0 and < 1"),
        ("weight_decay", -0.1, r"weight_decay=-0.1: must be >= 0 and finite"),
        ("optimizer", "adam", r"optimizer=adam: must be one of adamw, sgd; set trainer\.optimizer"),
        ("schedule", 3, "schedule=3: must be of type str"),
        ("seed", -1, "seed=-1: must be >= 0"),
        ("epochs", 2.5, "epochs=2.5: must be of type int"),
        ("epochs", float("inf"), "epochs=inf: must be of type int"),
        ("epochs", True, "epochs=True: must be of type int"),
        ("tied_embedding", 1, "tied_embedding=1: must be of type bool"),
        ("units", "200", "units='200': must be of type int"),
    ],
)
def test_a_bad_value_is_named_with_what_is_allowed(name, value, said):
    with pytest.raises(ValueError, match=said):
        TrainerOptions.from_config({**GOOD, name: value})


@pytest.mark.parametrize("cutoffs", [[], [4], [20, 20], [30, 20]])
def test_cutoffs_must_rise_where_they_count(cutoffs):
    TrainerOptions.from_config({**GOOD, "adaptive_cutoffs": cutoffs})
    with pytest.raises(ValueError, match=r"adaptive_cutoffs=.* must be rising ids above 4"):
        TrainerOptions.from_config({**GOOD, "output": "adaptive", "adaptive_cutoffs": cutoffs})
