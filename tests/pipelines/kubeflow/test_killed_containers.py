"""Containers that are killed, and runs that go on after them; `make test-faults` runs it."""

import pytest
from helpers.killable_pipeline import BACKUP, backup, resumed
from helpers.local_run import made_up_corpus
from helpers.pushed_versions import PollingServer, check_only_version
from tfx_lm.components.evaluator.results import summarize_evaluation
from tfx_lm.pipelines.config import load_config
from tfx_lm.pipelines.kubeflow import kubeflow_runner

pytestmark = [pytest.mark.slow, pytest.mark.faults]


def test_the_next_run_goes_on_to_the_same_model(cluster, small_config, local_run, tmp_path, faults):
    """The Trainer's container is killed once it has a backup, and in the next run the Pusher's within its push."""
    root = cluster.bucket / "killed"
    (root / "corpus").mkdir(parents=True)
    (root / "corpus" / "animals.txt").write_text(made_up_corpus(), encoding="utf-8", newline="")
    settings = ["data.files=gs://bucket/killed/corpus/*.txt", "kubeflow.pipeline_root=gs://bucket/killed"]
    specification = tmp_path / "killed.yaml"
    kubeflow_runner.compile_pipeline(load_config(small_config, settings), specification)

    def there(pattern):
        return lambda: next(root.glob(pattern), None)

    with PollingServer(root / "serving") as server:
        with faults.survived():
            with pytest.raises(Exception, match=r"^Trainer ended with -9"):
                cluster.run(specification, killed={"Trainer": there(BACKUP)})
            before = backup(root)
            assert before > (0, 0)
        with faults.survived():
            with pytest.raises(Exception, match=r"^Pusher ended with -9"):
                cluster.run(specification, killed={"Pusher": there("serving/.pushing-*")})
            run = cluster.run(specification)
    assert "Trainer" in run.cached
    assert resumed(run.uri("Trainer", "model_run")) == before
    assert list((root / "training_backup").iterdir()) == []

    check_only_version(root / "serving", local_run.summary["pushed_model"], server, faults)
    assert list((root / "serving").glob(".pushing-*")) == []
    evaluation = summarize_evaluation(str(run.uri("Evaluator", "evaluation")))
    assert evaluation["gate"]["blessed"] is True
    expected = local_run.summary["evaluation"]["perplexity"]
    assert evaluation["evaluation"]["perplexity"] == pytest.approx(expected, rel=1e-6)
