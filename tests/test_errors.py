import pickle

from tfx_lm.errors import SettingError, escape


def test_the_docstrings_example():
    error = SettingError("{units}=0: must be >= 1")
    assert str(error) == "units=0: must be >= 1"
    assert error.with_names(lambda name: f"trainer.{name}") == "trainer.units=0: must be >= 1"


def test_values_keep_their_braces():
    error = SettingError(f"{{files}}={escape('a-{SPAN}.txt')}: no file matches")
    assert str(error) == "files=a-{SPAN}.txt: no file matches"


def test_the_names_survive_pickling():
    error = pickle.loads(pickle.dumps(SettingError("set {epochs}")))
    assert error.with_names(str.upper) == "set EPOCHS"
