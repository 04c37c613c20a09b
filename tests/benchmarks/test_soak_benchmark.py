"""The soak of the model server: its criteria; tests/faults runs it."""

import pytest


def sample(memory_kb: int, descriptors: int = 20, threads: int = 12) -> dict[str, int]:
    return {"memory_kb": memory_kb, "descriptors": descriptors, "threads": threads}


@pytest.mark.parametrize(
    ("samples", "failures", "found"),
    [
        # The first swap may cost memory.
        ([sample(100), sample(200), sample(210)], [], []),
        ([sample(100), sample(200), sample(211), sample(200)], [], ["the memory grew by the factor 1.055"]),
        ([sample(100), sample(200, 20), sample(200, 21)], [], ["21 descriptors at the end: 20 after the first swap"]),
        ([sample(100), sample(200), sample(200, 19, 13)], [], ["13 threads at the end: 12 after the first swap"]),
        ([sample(100), sample(200)], ["503 instead of 200"], ["1 requests failed, such as: 503 instead of 200"]),
    ],
)
def test_what_must_not_be(benchmark_module, samples, failures, found):
    problems = benchmark_module("soak").problems(samples, failures)
    assert [problem.partition(" after the first swap: at")[0] for problem in problems] == found
