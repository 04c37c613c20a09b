"""What the properties of the Examples warn of."""

from tfx.types import standard_artifacts
from tfx_lm.components.text_example_gen.input_warnings import input_warnings
from tfx_lm.pipelines.setting_names import yaml_key


def warnings_of(unmatched="", **counts):
    examples = standard_artifacts.Examples()
    for name, count in counts.items():
        examples.set_int_custom_property(name, count)
    if unmatched:
        examples.set_string_custom_property("unmatched_patterns", unmatched)
    return input_warnings(examples)


def test_held_out_lines_that_are_also_trained_on():
    (warning,) = warnings_of(examples_train=500, examples_eval=200, also_trained_eval=100)
    assert str(warning) == (
        "100 of 200 held-out lines (50 %) are also trained on, so the scores look too good; remove them from "
        "splits.eval"
    )
    assert warning.with_names(yaml_key).endswith("remove them from data.splits.eval")


def test_each_held_out_split_has_a_warning():
    warnings = warnings_of(examples_a=3000, also_trained_a=1, examples_b=9, also_trained_b=0, examples_c=1234,
                           also_trained_c=1234)  # fmt: skip
    assert list(map(str, warnings)) == [
        "1 of 3,000 held-out lines (0.0333 %) is also trained on, so the scores look too good; remove it from splits.a",
        "1,234 of 1,234 held-out lines (100 %) are also trained on, so the scores look too good; remove them from "
        "splits.c",
    ]


def test_what_was_not_read():
    warnings = warnings_of("/a/{b}*.txt\n/c?.txt", invalid_utf8_dropped=1, invalid_records_dropped=2000)
    assert [warning.with_names(yaml_key) for warning in warnings] == [
        "data.files or data.splits: no file matches /a/{b}*.txt",
        "data.files or data.splits: no file matches /c?.txt",
        "1 line that is not UTF-8 was dropped (data.invalid_utf8)",
        "2,000 records without a usable text were dropped (data.invalid_records)",
    ]


def test_a_whole_corpus_and_examples_of_other_components_have_no_warnings():
    assert warnings_of(lines=700, examples_eval=200, also_trained_eval=0, invalid_utf8_dropped=0) == []
    assert input_warnings(standard_artifacts.Examples()) == []
