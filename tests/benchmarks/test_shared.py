"""What all benchmarks share: rounds, workers, made-up lines, the report."""

import io
import json

import pytest
from rich.console import Console


@pytest.fixture
def quiet():
    return Console(quiet=True)


def test_peers_take_turns(benchmark_module, quiet):
    rounds = benchmark_module("shared.rounds")
    calls = []
    peers = {name: lambda name=name: calls.append(name) or len(calls) for name in ("a", "b")}
    assert rounds.warm_up(peers, quiet) == {"a": 1, "b": 2}
    assert rounds.take_turns(peers, 2, quiet) == {"a": [3, 5], "b": [4, 6]}
    assert rounds.take_turns(peers, 0, quiet) == {"a": [], "b": []}
    assert calls == ["a", "b"] * 3


def test_made_up_lines_are_the_same_each_time(benchmark_module):
    made_up_lines = benchmark_module("shared.corpus").made_up_lines
    lines = made_up_lines(200)
    assert lines == made_up_lines(200)
    assert sum(len(line.split()) for line in lines) / 200 == pytest.approx(21, abs=2)


def test_blank_lines_of_a_text_are_passed_over(benchmark_module, tmp_path):
    (tmp_path / "text.txt").write_text("the cat\n\n \na  dog\n")
    assert benchmark_module("shared.corpus").read_lines(tmp_path / "text.txt") == ["the cat", "a  dog"]


def test_a_report_rounds_its_ratios(benchmark_module, tmp_path):
    shared = benchmark_module("shared.report")
    printed = io.StringIO()
    table = shared.figures_table(["peer"], ["tokens/s"])
    table.add_row("ours", "1,000")
    report = shared.Report("small", {"ours_vs_theirs": 2 / 3}, {"rounds": 5}, {"cores": 2})
    output = tmp_path / "out" / "small.json"
    report.publish([table], output, Console(file=printed, width=80))
    assert json.loads(output.read_text()) == {
        "name": "small",
        "ratios": {"ours_vs_theirs": 0.667},
        "figures": {"rounds": 5},
        "machine": {"cores": 2},
    }
    rows = [line.split() for line in printed.getvalue().splitlines()]
    assert ["ours", "1,000"] in rows and ["ours_vs_theirs", "0.667"] in rows


def test_a_worker_that_ends_by_itself_is_an_error(benchmark_module):
    worker = benchmark_module("shared.worker")
    with (
        worker.Worker("small", "json.tool", "/no/such/file") as small,
        pytest.raises(worker.WorkerError, match=r"small: ended with exit status [12]:\n(.|\n)*/no/such/file"),
    ):
        small.ask()
    with pytest.raises(worker.WorkerError, match="small: /no/python cannot be started"):
        worker.Worker("small", "json.tool", python="/no/python")
