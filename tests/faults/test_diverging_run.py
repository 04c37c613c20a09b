"""A run whose training breaks down: it fails with a sentence, blesses and pushes nothing, and costs nothing."""

from pathlib import Path

import pytest
from helpers.complete_versions import complete_versions
from helpers.local_run import CONFIG, made_up_corpus, run_pipeline, tfx_lm
from helpers.pushed_versions import files_and_sizes
from tfx_lm import exit_codes

pytestmark = [pytest.mark.slow, pytest.mark.faults]


def outputs(output: Path) -> set[Path]:
    """The models, blessings and pushed models of all runs."""
    return {folder for kind in ("model", "blessing", "pushed_model") for folder in output.glob(f"artifacts/*/{kind}/*")}


def test_a_learning_rate_of_a_million(tmp_path, faults):
    (tmp_path / "corpus.txt").write_text(made_up_corpus(), encoding="utf-8", newline="")
    (tmp_path / "small.yaml").write_text(CONFIG)
    good = run_pipeline(tmp_path)
    before, made = files_and_sizes(Path(good.summary["pushed_model"])), outputs(good.output)
    for setting in ("trainer.precision=float32", "trainer.precision=bfloat16"):
        with faults.survived():
            done = tfx_lm(
                "run", "--config", tmp_path / "small.yaml", "--data", tmp_path / "corpus.txt", "--output", good.output,
                "--set", "trainer.learning_rate=1e6", "--set", setting,
            )  # fmt: skip
            assert done.returncode == exit_codes.NODE_FAILED, done.stdout + done.stderr
            faults.printed(done.stdout + done.stderr)
            assert "Trainer failed: loss=" in done.stdout
            assert "the training diverged, since a uniform guess has 3." in done.stdout
            assert "nothing is exported; lower trainer.learning_rate (1e+06) or trainer.clip_norm (1)" in done.stdout
            assert outputs(good.output) == made
            faults.lost([each for each in [good.summary["pushed_model"]] if files_and_sizes(Path(each)) != before])
            assert complete_versions(str(good.output / "serving")) == [good.summary["pushed_model"]]
    again = run_pipeline(tmp_path)
    assert set(again.states.values()) == {"CACHED"}
    assert again.summary["pushed_model"] == good.summary["pushed_model"]
