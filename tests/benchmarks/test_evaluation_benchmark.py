"""The evaluation benchmark, run as a whole with tiny sizes."""

import pytest


@pytest.mark.slow
def test_both_peers_score_the_same_text_alike(run_benchmark, run_in_a_fork):
    report, _ = run_benchmark("evaluation", "--tokens", "3000", start=run_in_a_fork)
    assert set(report["ratios"]) == {"evaluator_vs_loop", "memory_all_vs_few"}
    ours, plain = (report["figures"][peer] for peer in ("evaluator", "loop"))
    assert ours["perplexity"] == pytest.approx(plain["perplexity"], rel=1e-5)
    assert ours["tokens"] == plain["tokens"]
    # The last line may be one of 12 words.
    assert 3000 <= ours["tokens"] <= 3012
    assert report["ratios"]["evaluator_vs_loop"] == pytest.approx(ours["rates"][0] / plain["rates"][0], abs=1e-3)
