"""A model that lives for six weeks, with all that can happen to them.

| week | its text | what comes of it |
|---|---|---|
| 1 | sentences | pushed |
| 2 | sentences with a new word | pushed, from the weights and with the ids of week 1 |
| 3 | the same words shuffled | refused by the gate |
| 4 | sentences with a new word | pushed; run again: all from the cache; then rolled back |
| 5 | nothing | refused before any work |
| 6 | sentences with a new word | pushed, from the weights of week 2 |
"""

from pathlib import Path

import pytest
from helpers.local_run import run_here
from helpers.weeks import Weeks, sentences, vocabulary
from tfx_lm import exit_codes

pytestmark = [pytest.mark.slow, pytest.mark.faults]

KEPT = 2


def check_bounds(weeks: Weeks) -> None:
    """The newest runs, and that of the served model, have their artifacts; no other one has."""
    live = weeks.live()
    assert live["TransformGraph"] <= KEPT + 1
    # Of each run the model, the baseline and the one to start from.
    assert live["Model"] <= 3 * (KEPT + 1)
    assert len(list((weeks.output / "logs").iterdir())) <= KEPT + 1


def test_six_weeks(tmp_path, monkeypatch, faults):
    monkeypatch.chdir(tmp_path)
    weeks = Weeks(tmp_path, keep_runs=KEPT)

    weeks.add(1, sentences(600, seed=1))
    first = weeks.run()
    one = first.summary["pushed_model"]
    assert weeks.served() == one is not None
    assert first.summary["started_from"] == {"model": "", "new_words": 0}

    weeks.add(2, sentences(600, seed=2, more="muddy"))
    second = weeks.run()
    two = second.summary["pushed_model"]
    assert weeks.served() == two != one
    assert second.summary["started_from"] == {"model": one, "new_words": 1}
    assert vocabulary(two) == [*vocabulary(one), "muddy"]
    check_bounds(weeks)

    with faults.survived():
        weeks.add(3, sentences(600, seed=3, shuffled=True))
        third = weeks.run()
        assert third.summary["started_from"]["model"] == two
        assert third.summary["gate"]["blessed"] is False
        assert third.summary["pushed_model"] is None
        assert weeks.served() == two
        assert third.summary["pruned"]["runs"] == 1
        assert third.summary["pruned"]["bytes"] > 100_000
        check_bounds(weeks)

    weeks.add(4, sentences(600, seed=4, more="windy"))
    fourth = weeks.run()
    four = fourth.summary["pushed_model"]
    assert weeks.served() == four not in (one, two)
    assert fourth.summary["started_from"] == {"model": two, "new_words": 1}
    assert vocabulary(four) == [*vocabulary(two), "windy"]
    check_bounds(weeks)

    again = weeks.run()
    assert set(again.states.values()) == {"CACHED"}
    assert weeks.served() == four
    check_bounds(weeks)

    with faults.survived():
        assert run_here("rollback", weeks.output / "serving").returncode == 0
        assert weeks.served() == two

    faults.bad_input()
    weeks.add(5, "")
    files = weeks.files()
    refused = weeks.command()
    assert refused.returncode == exit_codes.BAD_INPUT
    assert refused.stderr.startswith("tfx-lm: data.splits.train: span 5 is empty: ")
    faults.printed(refused.stderr)
    assert weeks.files() == files
    assert weeks.served() == two

    weeks.add(6, sentences(600, seed=6, more="snowy"))
    sixth = weeks.run()
    six = sixth.summary["pushed_model"]
    assert weeks.served() == six not in (one, two, four)
    assert sixth.summary["started_from"] == {"model": two, "new_words": 1}
    assert vocabulary(six) == [*vocabulary(two), "snowy"]
    check_bounds(weeks)
    faults.lost([each for each in (one, two, six) if not Path(each, "saved_model.pb").is_file()])
