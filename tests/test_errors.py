import pickle

import pytest
from tfx_lm.errors import SettingError, escape, messages


def test_the_docstrings_example():
    error = SettingError("{units}=0: must be >= 1")
    assert str(error) == "units=0: must be >= 1"
    assert error.with_names(lambda name: f"trainer.{name}") == "trainer.units=0: must be >= 1"


def test_values_keep_their_braces():
    error = SettingError(f"{{files}}={escape('a-{SPAN}.txt')}: no file matches")
    assert str(error) == "files=a-{SPAN}.txt: no file matches"


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{splits.train}: no file given", "<splits.train>: no file given"),
        ("{splits[0]!r:>8}", "<splits[0]!r:>8>"),
        ("{}", "<>"),
        ("a } and a {{{units}}}", "a } and a {<units>}"),
        ("{units", "{units"),
        ("}{", "}{"),
    ],
)
def test_whatever_stands_within_braces_is_a_name(template, message):
    assert SettingError(template).with_names(lambda name: f"<{name}>") == message


@pytest.mark.parametrize("text", ["{", "}", "{}", "{a.b}", "}}{{", "{{{a}}}", "plain"])
def test_what_is_escaped_reads_as_it_was(text):
    assert str(SettingError(f"{{files}}={escape(text)}")) == f"files={text}"


def test_messages_of_templates():
    templates = ["perplexity 9 > {max_perplexity} 5", f"{escape('{a}')}: no model"]
    assert messages(templates) == ["perplexity 9 > max_perplexity 5", "{a}: no model"]
    assert messages(templates, lambda name: f"gate.{name}") == ["perplexity 9 > gate.max_perplexity 5", "{a}: no model"]


def test_the_names_survive_pickling():
    error = pickle.loads(pickle.dumps(SettingError("set {epochs}")))
    assert error.with_names(str.upper) == "set EPOCHS"
