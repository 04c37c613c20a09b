import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tfx_lm.components.text_example_gen.input_counts import NAMED_FILES, Counts, first_files
from tfx_lm.text_files.parsing import Problem

pytestmark = pytest.mark.slow

numbers = st.integers(0, 100)
paths = st.integers(0, 30).map(lambda number: f"/corpus/{number:02}.txt")
problems = st.sampled_from(Problem)
counts = st.builds(
    Counts,
    lines=numbers,
    empty_lines_dropped=numbers,
    invalid_utf8_dropped=numbers,
    examples=st.dictionaries(st.sampled_from(["train", "eval"]), numbers),
    problems=st.dictionaries(problems, numbers),
    problem_files=st.dictionaries(st.tuples(problems, paths), numbers).map(first_files),
    unreadable_files=st.dictionaries(paths, st.sampled_from(["damaged", "denied"]), max_size=NAMED_FILES),
    also_trained=st.dictionaries(st.sampled_from(["eval", "test"]), numbers),
)


@given(counts)
def test_empty_is_the_identity(value):
    assert value + Counts() == Counts() + value == value


@given(counts, counts, counts)
def test_order_and_grouping_do_not_matter(one, two, three):
    merged = one + two + three
    assert one + (two + three) == merged
    for order in itertools.permutations([one, two, three]):
        assert Counts.merge(iter(order)) == merged


@given(counts)
def test_json_round_trip(value):
    assert Counts.from_json(value.to_json()) == value


def test_sums():
    one = Counts(3, 1, 0, {"train": 2}, {Problem.NOT_JSON: 1}, {(Problem.NOT_JSON, "a"): 1}, {"c": "damaged"})
    two = Counts(4, 0, 2, {"eval": 1, "train": 1}, {Problem.NOT_JSON: 2}, {(Problem.NOT_JSON, "a"): 2}, {})
    assert one + two == Counts(
        7, 1, 2, {"train": 3, "eval": 1}, {Problem.NOT_JSON: 3}, {(Problem.NOT_JSON, "a"): 3}, {"c": "damaged"}
    )


def test_only_the_first_files_are_remembered_but_all_are_counted():
    total = Counts()
    for number in reversed(range(100)):
        path = f"/corpus/{number:02}.txt"
        total += Counts(
            problems={Problem.NOT_JSON: 5},
            problem_files={(Problem.NOT_JSON, path): 5},
            unreadable_files={path: "damaged"},
        )
    assert total.problems == {Problem.NOT_JSON: 500}
    first = [f"/corpus/{number:02}.txt" for number in range(NAMED_FILES)]
    assert [path for _, path in total.problem_files] == first
    assert set(total.problem_files.values()) == {5}
    assert list(total.unreadable_files) == first
