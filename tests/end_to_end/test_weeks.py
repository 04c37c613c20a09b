"""A model that lives for three weeks; `tests/faults/test_year.py` has six."""

import pytest
from helpers.weeks import Weeks, sentences
from tfx_lm import exit_codes

pytestmark = pytest.mark.slow


def test_a_good_week_a_poisoned_and_an_empty_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    weeks = Weeks(tmp_path, keep_runs=1)
    weeks.add(1, sentences(600, seed=1))
    first = weeks.run()
    good = first.summary["pushed_model"]
    assert weeks.served() == good is not None
    assert first.summary["started_from"] == {"model": "", "new_words": 0}
    assert first.summary["pruned"] == {"runs": 0, "artifacts": 0, "backups": 0, "logs": 0, "bytes": 0}
    assert "Pruned: nothing" in first.done.stdout

    weeks.add(2, sentences(600, seed=2, shuffled=True))
    poisoned = weeks.run()
    assert poisoned.summary["started_from"] == {"model": good, "new_words": 0}
    assert poisoned.summary["gate"]["blessed"] is False
    # Each held-out file is a slice, and both got worse.
    slices = poisoned.summary["slices"]
    assert sorted(slices) == ["file: held-out/newer.txt", "file: held-out/older.txt"]
    assert all(of_file["change"]["bits_per_byte_change"] > 0.1 for of_file in slices.values())
    assert poisoned.summary["pushed_model"] is None
    assert weeks.served() == good
    # The first run made what is served.
    assert weeks.live()["TransformGraph"] == 2

    again = weeks.run()
    assert set(again.states.values()) == {"CACHED"}
    assert again.summary["gate"]["blessed"] is False
    assert weeks.served() == good

    weeks.add(3, "")
    files = weeks.files()
    refused = weeks.command()
    assert refused.returncode == exit_codes.BAD_INPUT
    assert refused.stderr.startswith("tfx-lm: data.splits.train: span 3 is empty: ")
    assert weeks.files() == files
