import math

import numpy as np
import pytest
from tfx_lm.errors import SettingError, messages
from tfx_lm.exported.gate import NO_BASELINE, NO_SENTENCES, compare_slices, decide
from tfx_lm.exported.gate_options import GateOptions
from tfx_lm.exported.scores import Change


def scores(perplexity=100.0, bits_per_byte=2.0, oov_tokens=0.0):
    return {"perplexity": perplexity, "bits_per_byte": bits_per_byte, "tokens": 1000.0, "oov_tokens": oov_tokens}


def change(relative, margin=0.003, sentences=2000):
    return Change(relative, relative - margin, relative + margin, sentences)


def test_an_upper_bound_of_perplexity():
    gate = GateOptions(max_perplexity=500)
    assert decide(gate, scores(500), None) == (True, ["perplexity 500 <= {max_perplexity} 500", NO_BASELINE])
    assert decide(gate, scores(812.34), None) == (False, ["perplexity 812.34 > {max_perplexity} 500", NO_BASELINE])


def test_an_upper_bound_of_bits_per_byte():
    gate = GateOptions(max_bits_per_byte=2.0)
    assert decide(gate, scores(bits_per_byte=2.0), None).blessed
    verdict = decide(gate, scores(1e9, 2.01), None)
    assert verdict == (False, ["bits per byte 2.01 > {max_bits_per_byte} 2", NO_BASELINE])


def test_a_model_that_knows_almost_no_word_is_refused_whatever_its_perplexity():
    gate = GateOptions(max_perplexity=500)
    assert decide(gate, scores(1.47, oov_tokens=500), None).blessed
    assert decide(gate, scores(1.47, oov_tokens=501), None) == (
        False,
        ["50.1 % of the scored tokens are unknown words; {max_unknown} allows 50 %", NO_BASELINE],
    )
    assert decide(GateOptions(max_perplexity=500, max_unknown=None), scores(1.47, oov_tokens=1000), None).blessed


@pytest.mark.parametrize(
    ("relative", "margin", "blessed", "reason"),
    [
        (0.001, 0.003, True, "bits per byte is 0.1 % above the baseline's; with 95 % confidence at most 0.4 % above"),
        (0.001, 0.005, False, "bits per byte is 0.1 % above the baseline's; with 95 % confidence only known to be at "
                              "most 0.6 % above, tolerance allows 0.5 %"),
        (0.02, 0.003, False, "bits per byte is 2 % above the baseline's; with 95 % confidence only known to be at most "
                             "2.3 % above, tolerance allows 0.5 %"),
        (-0.02, 0.003, True, "bits per byte is 2 % below the baseline's; with 95 % confidence at least 1.7 % below"),
        (0.0, 0.0, True, "bits per byte is equal to the baseline's; with 95 % confidence at most 0 % above"),
    ],
)  # fmt: skip
def test_the_comparison_with_the_baseline(relative, margin, blessed, reason):
    verdict = decide(GateOptions(max_perplexity=500, tolerance=0.005), scores(), change(relative, margin))
    assert verdict.blessed is blessed
    assert verdict.reasons[-1] == reason


def test_a_reason_has_as_many_digits_as_tell_its_numbers_apart():
    gate = GateOptions(max_perplexity=98.4, tolerance=0.005)
    verdict = decide(gate, scores(98.400001), change(0.002, 0.0030001))
    assert verdict.reasons == [
        "perplexity 98.400001 > max_perplexity 98.4",
        "bits per byte is 0.2 % above the baseline's; with 95 % confidence only known to be at most 0.50001 % above, "
        "tolerance allows 0.5 %",
    ]
    assert decide(GateOptions(max_perplexity=98.4012345), scores(98.4012999), None).reasons[0] == (
        "perplexity 98.4013 > max_perplexity 98.4012345"
    )
    unknown = {**scores(), "tokens": 1e6, "oov_tokens": 500_001.0}
    assert decide(GateOptions(max_perplexity=500), unknown, None).reasons[0] == (
        "50.0001 % of the scored tokens are unknown words; max_unknown allows 50 %"
    )
    (check,) = compare_slices("bits_per_byte", {"file: a.txt": change(0.020001)}, 0.02, 100)
    assert check.reason.startswith("file: a.txt: bits per byte is 2.0001 % above the baseline's over 2000 sentences; ")


def test_an_infinite_loss_is_named_whatever_the_number_of_sentences():
    verdict = decide(GateOptions(max_perplexity=500), scores(), Change(math.inf, math.nan, math.nan, 3000))
    assert verdict.reasons[-1] == "bits per byte cannot be compared with the baseline's: one of them is NaN or infinite"


def test_both_conditions_must_hold():
    gate = GateOptions(max_perplexity=500, tolerance=0.005)
    assert decide(gate, scores(501), change(-0.1)) == (False, ["perplexity 501 > {max_perplexity} 500"])


def test_no_tolerance_means_no_comparison():
    verdict = decide(GateOptions(max_perplexity=500, tolerance=None), scores(), change(9.0))
    assert verdict == (True, ["perplexity 100 <= {max_perplexity} 500"])


def test_a_zero_tolerance_asks_for_a_better_model():
    gate = GateOptions(max_perplexity=500, tolerance=0.0)
    assert decide(gate, scores(), change(-0.004)).blessed
    for relative, margin in ((0.0, 0.0), (-0.002, 0.003), (0.1, 0.0)):
        verdict = decide(gate, scores(), change(relative, margin))
        assert not verdict.blessed
        assert verdict.reasons[-1].endswith("tolerance 0 asks for less")


def test_nan_and_infinity_are_never_blessed():
    for bad in (math.nan, math.inf):
        for gate in (GateOptions(max_perplexity=500), GateOptions(max_bits_per_byte=3)):
            verdict = decide(gate, scores(bad, bad), None)
            assert not verdict.blessed
            assert "NaN" in verdict.reasons[0] or "inf >" in verdict.reasons[0]
    gate = GateOptions(max_perplexity=500, tolerance=0.005)
    verdict = decide(gate, scores(), change(math.nan))
    assert verdict == (
        False, ["bits per byte cannot be compared with the baseline's: one of them is NaN or infinite"],
    )  # fmt: skip
    verdict = decide(gate.model_copy(update={"criterion": "perplexity"}), scores(), change(math.nan))
    assert verdict.reasons[0].endswith("at different lengths (set max_length, or criterion to bits_per_byte)")
    verdict = decide(gate, scores(), Change(0.0, math.nan, math.nan, 1))
    assert verdict == (False, ["bits per byte cannot be compared with the baseline's by 1 sentence(s)"])


def test_nothing_scored_is_not_blessed():
    assert decide(GateOptions(max_perplexity=500), None, None) == (False, [NO_SENTENCES])


def test_a_slice_that_gets_worse_refuses_the_model():
    gate = GateOptions(max_perplexity=500, tolerance=0.005, slice_tolerance=0.02)
    fine = {"length: 0 to 10": change(0.019), "length: over 80": change(0.5, sentences=99)}
    verdict = decide(gate, scores(), change(-0.01), fine)
    assert verdict.blessed
    assert verdict.reasons[-1] == "none of the 1 watched slices is worse by more than slice_tolerance 2 %"
    for worse in (0.021, math.nan):
        verdict = decide(gate, scores(), change(-0.01), {**fine, "source: news": change(worse)})
        assert not verdict.blessed
        assert len(verdict.reasons) == 1
        assert verdict.reasons[0].startswith("source: news: bits per byte is ")
        assert verdict.reasons[0].endswith(" over 2000 sentences; slice_tolerance allows 2 %")
    lenient = GateOptions(max_perplexity=500, slice_tolerance=None)
    assert decide(lenient, scores(), change(-0.01), {"source: news": change(1.0)}).blessed


def test_the_criterion_is_named():
    verdict = decide(GateOptions(max_perplexity=500, tolerance=0.005, criterion="perplexity"), scores(), change(0.1))
    assert verdict.reasons[0].startswith("perplexity is 10 % above the baseline's")


def test_no_threshold_is_an_error():
    with pytest.raises(SettingError, match="no threshold; set max_perplexity or max_bits_per_byte"):
        GateOptions.parse({"tolerance": 0.005})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"max_perplexity": 0}, "max_perplexity=0: must be > 1"),
        ({"max_perplexity": 1.0}, "max_perplexity=1.0: must be > 1"),
        ({"max_perplexity": math.nan}, "max_perplexity=nan: input should be a finite number"),
        ({"max_bits_per_byte": -1.0}, "max_bits_per_byte=-1.0: must be > 0"),
        ({"max_perplexity": 5, "tolerance": -0.1}, "tolerance=-0.1: must be >= 0"),
        ({"max_perplexity": 5, "tolerance": math.inf}, "tolerance=inf: input should be a finite number"),
        ({"max_perplexity": 5, "slice_tolerance": -1}, "slice_tolerance=-1: must be >= 0"),
        ({"max_perplexity": 5, "slice_min_sentences": 1}, "slice_min_sentences=1: must be >= 2"),
        ({"max_perplexity": 5, "criterion": "bits"}, "criterion=bits: must be one of 'bits_per_byte' or 'perplexity'"),
        ({"max_perplexity": 5, "slices": ["text"]}, "slices=['text']: every sentence would be its own slice"),
        ({"max_perplexity": 5, "slices": ["a", "a"]}, "slices=['a', 'a']: each must be named once; set slices"),
    ],
)
def test_values_out_of_range(values, message):
    with pytest.raises(SettingError) as caught:
        GateOptions.parse(values)
    assert str(caught.value).startswith(message)
    (name,) = set(values) - {"max_perplexity"} or {"max_perplexity"}
    assert caught.value.with_names(lambda setting: f"gate.{setting}").startswith(f"gate.{name}=")


@pytest.mark.parametrize(
    ("gate", "of_model", "of_pair", "settings"),
    [
        ({"max_perplexity": 500}, scores(), None, {"max_perplexity"}),
        ({"max_perplexity": 50, "max_bits_per_byte": 1}, scores(), None, {"max_perplexity", "max_bits_per_byte"}),
        ({"max_perplexity": 500}, scores(math.nan), None, {"max_perplexity"}),
        ({"max_perplexity": 500}, scores(oov_tokens=900), None, {"max_unknown"}),
        ({"max_perplexity": 500}, scores(), change(1.0), {"tolerance", "slice_tolerance"}),
        ({"max_perplexity": 500, "tolerance": 0.0}, scores(), change(0.0), {"tolerance"}),
        ({"max_perplexity": 500}, scores(), change(-1.0), {"max_perplexity", "slice_tolerance"}),
        ({"max_perplexity": 500, "criterion": "perplexity", "slice_tolerance": None}, scores(), change(math.nan),
         {"max_length", "criterion"}),
    ],
)  # fmt: skip
def test_each_setting_has_the_name_that_its_reader_uses(gate, of_model, of_pair, settings):
    verdict = decide(GateOptions.parse(gate), of_model, of_pair, None if of_pair is None else {"{x}": of_pair})
    named = []
    verdict.as_json(lambda name: named.append(name) or "")
    assert set(named) == settings
    unnamed = " ".join(messages(verdict.templates, lambda name: ""))
    # "slices" is also a word.
    assert [name for name in {*GateOptions.model_fields, "max_length"} - {"slices"} if name in unnamed] == []
    prefixed = verdict.as_json(lambda name: f"gate.{name}")
    assert prefixed["blessed"] is verdict.blessed
    assert [reason.replace("gate.", "") for reason in prefixed["reasons"]] == verdict.reasons


def test_braces_in_the_name_of_a_slice_stay():
    gate = GateOptions(max_perplexity=500)
    verdict = decide(gate, scores(), change(-1.0), {"source: {tolerance}": change(1.0)})
    assert verdict.reasons[0].startswith("source: {tolerance}: bits per byte is ")


def test_reasons_are_plain_values():
    """They are written as JSON."""
    verdict = decide(GateOptions(max_perplexity=500), scores(np.float64(3)), None)
    assert type(verdict.blessed) is bool
