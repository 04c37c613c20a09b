"""The file of all trials, beside that of TFX's Tuner."""

import pytest
from tfx_lm.components.tuner.results import read_trials
from tfx_lm.errors import SettingError


def test_the_results_of_another_tuner_are_refused(tmp_path):
    (tmp_path / "tuner_results.json").write_text("[]")
    with pytest.raises(
        SettingError, match=rf"^tuner_results={tmp_path}: has no trials\.json; give the output of a MaskedTuner$"
    ):
        read_trials(str(tmp_path))


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / "trials.json").write_text("[")
    with pytest.raises(ValueError, match=rf"^{tmp_path}/trials\.json: is damaged; run MaskedTuner again$"):
        read_trials(str(tmp_path))
