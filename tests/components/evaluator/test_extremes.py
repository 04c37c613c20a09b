import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tfx_lm.components.evaluator import extremes
from tfx_lm.components.evaluator.extremes import KEPT, Extremes
from tfx_lm.exported.sums import MODEL_OUTPUTS


def outputs(bits, size=1.0):
    values = {"nll": np.asarray(bits, np.float64) * math.log(2), "bytes": np.full(len(bits), size)}
    return {name: values.get(name, np.zeros(len(bits))) for name in MODEL_OUTPUTS}


def texts(count):
    return np.array([b"line %d" % index for index in range(count)], dtype=object)


def test_the_hardest_and_easiest_without_a_baseline():
    found = Extremes.from_outputs(texts(3), outputs([2.0, 8.0, 4.0], size=2.0))
    assert [(round(item.bits, 9), item.text) for item in found.most] == [
        (4.0, "line 1"), (2.0, "line 2"), (1.0, "line 0"),
    ]  # fmt: skip
    assert [item.text for item in found.fewest] == ["line 0", "line 2", "line 1"]


def test_what_got_worse_and_better_beside_a_baseline():
    found = Extremes.from_outputs(texts(3), outputs([5.0, 9.0, 4.0]), outputs([3.0, 9.0, 8.0]))
    assert [item.text for item in found.most] == ["line 0", "line 1", "line 2"]
    assert found.fewest[0].text == "line 2"
    assert round(found.fewest[0].bits, 9) == -4.0


@pytest.mark.slow
@given(st.lists(st.integers(0, 6), max_size=120), st.lists(st.integers(0, 4), min_size=120, max_size=120), st.randoms())
def test_any_sharding_and_order_gives_the_same(bits, shards, random):
    """With many sentences of as many bits, so that the edge is cut among equals."""
    everything = Extremes.from_outputs(texts(len(bits)), outputs(bits))
    parts = []
    for number in range(5):
        rows = [row for row, shard in enumerate(shards[: len(bits)]) if shard == number]
        parts.append(Extremes.from_outputs(texts(len(bits))[rows], outputs([bits[row] for row in rows])))
    random.shuffle(parts)
    assert Extremes.merge(part for part in parts) == everything
    ranked = sorted((outputs(bits)["nll"][row] / math.log(2), f"line {row}") for row in range(len(bits)))
    assert [tuple(item)[:2] for item in everything.fewest] == ranked[:KEPT]
    assert [tuple(item)[:2] for item in everything.most] == ranked[::-1][:KEPT]


def test_nan_is_not_ranked_and_infinity_comes_first():
    found = Extremes.from_outputs(texts(3), outputs([math.nan, 1.0, math.inf]))
    assert [item.text for item in found.most] == ["line 2", "line 1"]


def test_json_there_and_back():
    found = Extremes.from_outputs(np.array(["猫 sat".encode(), b"\xff", b"x" * 9999], dtype=object), outputs([1, 2, 3]))
    again = Extremes.from_json(found.as_json())
    assert again == found
    assert [item.text for item in again.fewest] == ["猫 sat", "�", "x" * extremes.TEXT_BYTES]
