"""A whole run into a folder that TFX, Beam and TensorFlow would take for a pattern; `make test-faults` runs it."""

import json
import shutil

import pytest
from helpers.local_run import CONFIG, made_up_corpus, tfx_lm

pytestmark = [pytest.mark.slow, pytest.mark.faults]


def test_a_run_into_a_pattern_is_cached_scored_and_pushed_again(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "a[b]*?"
    folder.mkdir()
    (folder / "corpus.txt").write_text(made_up_corpus(), encoding="utf-8", newline="")
    (folder / "small.yaml").write_text(CONFIG)
    output = folder / "run[1]"
    states = []
    for _ in range(2):
        done = tfx_lm(
            "run", "--config", folder / "small.yaml", "--data", folder / "corpus.txt", "--output", output,
            "--require-push",
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        assert "contains * ? [ ], which TFX and Beam take for patterns. So this run names it" in done.stdout
        summary = json.loads((output / "summary.json").read_text())
        states.append({node["state"] for node in summary["nodes"]})
    assert states == [{"COMPLETE"}, {"CACHED"}]
    # Everything is in the folder, and nothing in a link's place.
    (version,) = (output / "serving").glob("[0-9]*")
    scored = tfx_lm("score", output / "serving", folder / "corpus.txt")
    assert scored.returncode == 0, scored.stderr
    shutil.rmtree(version)
    pushed = tfx_lm("push", output)
    assert pushed.returncode == 0, pushed.stderr
    (again,) = (output / "serving").glob("[0-9]*")
    assert again != version
