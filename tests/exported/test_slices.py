import numpy as np
import pytest
from tfx_lm.exported import slices


def test_the_worked_example():
    outputs = {
        "tokens": np.array([2.0, 30.0]), "truncated_tokens": np.array([0.0, 0.0]), "oov_tokens": np.array([0.0, 1.0]),
    }  # fmt: skip
    assert slices.derived("sentence_length", outputs).tolist() == ["0 to 10", "21 to 40"]
    assert slices.derived("unknown_words", outputs).tolist() == ["no", "yes"]
    assert slices.derived("source", outputs) is None
    assert slices.groups({"a": ["x", "y", "x"]}, 3)[0][1].tolist() == [0, 2]
    assert [common for common, _ in slices.groups({"a": ["x", "y", "x"]}, 3)] == [{"a": "x"}, {"a": "y"}]


@pytest.mark.parametrize(
    ("words", "cut", "name"),
    [(0, 0, "0 to 10"), (10, 0, "0 to 10"), (11, 0, "11 to 20"), (5, 6, "11 to 20"), (80, 0, "41 to 80"),
     (81, 0, "over 80"), (10, 1000, "over 80")],
)  # fmt: skip
def test_lengths_are_those_of_the_whole_line(words, cut, name):
    outputs = {"tokens": np.array([words + 1.0]), "truncated_tokens": np.array([float(cut)]), "oov_tokens": np.zeros(1)}
    assert slices.derived("sentence_length", outputs).tolist() == [name]


def test_without_columns_there_is_one_group():
    ((common, rows),) = slices.groups({}, 3)
    assert (common, rows.tolist()) == ({}, [0, 1, 2])
    assert slices.groups({}, 0) == []
