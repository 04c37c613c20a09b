"""Warm-up requests beside an exported model."""

import pytest
from tfx_lm.exported.warmup import read_warmup_requests, write_warmup_requests


@pytest.mark.slow
@pytest.mark.parametrize(("contexts", "before"), [([b"w1", b""], [b"w1", b""]), ([], [b"w2 w3", b"w4"])])
def test_a_model_with_a_context_is_warmed_up_for_it(save_uniform_model, contexts, before):
    model = save_uniform_model(16, context_tokens=3)
    write_warmup_requests(model, [b"w2 w3", b"w4"], contexts)
    found = [(name, sorted(inputs), len(inputs["text"])) for name, inputs in read_warmup_requests(model)]
    of_size_1 = [
        ("serving_default", ["text"], 1),
        ("score", ["text"], 1),
        ("next_word", ["k", "text"], 1),
        ("score_in_context", ["context", "text"], 1),
        ("next_word_in_context", ["context", "k", "text"], 1),
    ]
    assert found == [*of_size_1, *[(*request[:2], 2) for request in 2 * of_size_1]]
    *_, (_, last) = read_warmup_requests(model)
    assert last["context"].tolist() == before


def test_a_model_without_one_is_not(save_uniform_model):
    model = save_uniform_model(16)
    write_warmup_requests(model, [b"w2"], [b"w1"])
    assert {name for name, _ in read_warmup_requests(model)} == {"serving_default", "score", "next_word"}
