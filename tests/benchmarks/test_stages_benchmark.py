"""The benchmark of the first two stages: its text, and one round on a small one."""

import pytest


def test_the_text_grows_with_new_rare_words(benchmark_module):
    stages = benchmark_module("stages")
    lines = ["a a a b", "a a c d"]
    assert list(stages.grown(lines, 8)) == lines
    longer = list(stages.grown(lines, 12))
    assert longer[:2] == lines
    (third,) = longer[2:]
    # Two of the three rare words are new ones in the second copy: 4 words of 8 become 4 * 2 ** 0.6 = 6.06 of 16.
    assert third.split()[:3] == ["a", "a", "a"]
    assert third.split()[3] in ("b", "bx1")


def test_one_line_in_ten_is_held_out(benchmark_module, tmp_path):
    stages = benchmark_module("stages")
    stages.write_lines([f'line "{number}"' for number in range(11)], tmp_path)
    assert (tmp_path / "eval.txt").read_text() == 'line "0"\nline "10"\n'
    assert (tmp_path / "eval.csv").read_text() == 'text\n"line ""0"""\n"line ""10"""\n'
    assert len((tmp_path / "train.txt").read_text().splitlines()) == 9


@pytest.mark.slow
def test_both_pairs_write_the_same(run_benchmark, run_in_a_fork):
    """The benchmark itself compares vocabulary, Examples and ids."""
    report, _ = run_benchmark("stages", "--words", "2000", start=run_in_a_fork)
    assert set(report["ratios"]) == {
        f"{stage}_{clock}" for stage in ("example_gen", "transform", "both") for clock in ("processor", "wall")
    }
    assert report["figures"]["words"] >= 2000
    for peer in ("stock", "ours"):
        seconds = report["figures"][peer]["processor"]
        assert 0 < seconds["example_gen"] < seconds["both"]
