import pytest
import yaml
from tfx_lm.pipelines.config import load_config
from tfx_lm.pipelines.errors import ConfigurationError
from tfx_lm.pipelines.unique_keys import DuplicateKeyError, UnclearValueError, read_json, read_yaml


def test_a_key_that_stands_twice_is_refused_with_both_lines(tmp_path):
    file = tmp_path / "my.yaml"
    file.write_text("gate: {max_perplexity: 9}\ntrainer:\n  units: 32\n  layers: 1\n  units: 64\n")
    with pytest.raises(ConfigurationError, match=r"my\.yaml: the key units is on line 3 and again on line 5; keep"):
        load_config(file)


def test_a_section_that_stands_twice_is_refused(tmp_path):
    file = tmp_path / "my.yaml"
    file.write_text("trainer: {units: 32}\ngate: {max_perplexity: 9}\ntrainer: {epochs: 1}\n")
    with pytest.raises(ConfigurationError, match="the key trainer is on line 1 and again on line 3"):
        load_config(file)


def test_also_in_an_override():
    with pytest.raises(ConfigurationError, match=r"--set trainer=.*the key units is on line 1 and again on line 1"):
        load_config(None, ["trainer={units: 1, units: 2}"])


def test_anchors_and_equal_keys_of_different_mappings_are_fine():
    text = "a: &a {x: 1}\nb: {<<: *a, y: 2}\nc: {x: 3}\n"
    assert read_yaml(text) == {"a": {"x": 1}, "b": {"x": 1, "y": 2}, "c": {"x": 3}}


def test_json():
    assert read_json('{"a": {"x": 1}, "b": {"x": 2}}') == {"a": {"x": 1}, "b": {"x": 2}}
    with pytest.raises(DuplicateKeyError, match="the key trainer_epochs stands there twice"):
        read_json('{"trainer_epochs": 1, "trainer_epochs": 2}')
    with pytest.raises(ValueError, match="it is nested too deeply"):
        read_json("[" * 100_000)


def test_aliases_that_multiply_are_refused():
    lists = [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 10)]
    with pytest.raises(yaml.YAMLError, match=r"aliases make [\d,]{14} values"):
        read_yaml("\n".join(["l0: &l0 [" + ", ".join("0123456789") + "]", *lists]))
    with pytest.raises(yaml.YAMLError, match="nested too deeply"):
        read_yaml("itself: &a [*a]")
    # PyYAML would merge each of them twice.
    merges = "".join(f"m{n}: &m{n} {{<<: [*m{n - 1}, *m{n - 1}]}}\n" for n in range(1, 40))
    with pytest.raises(yaml.YAMLError, match=r"aliases make [\d,]{17} values"):
        read_yaml("m0: &m0 {x: 1}\n" + merges)
    assert read_yaml("a: &a [1, 2]\nb: {c: *a, d: *a}") == {"a": [1, 2], "b": {"c": [1, 2], "d": [1, 2]}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("output: 2024-13-45", "'2024-13-45' on line 1 is no timestamp; a text stands in quotes"),
        ("a: 1\nb: !!int x", "'x' on line 2 is no int; a text stands in quotes"),
        ("a: !!bool maybe", "'maybe' on line 1 is no bool; a text stands in quotes"),
        ('a: "\\ud800"', r"'\\ud800' on line 1 has half a surrogate pair"),
    ],
)
def test_values_that_yaml_cannot_read_are_named(text, message):
    with pytest.raises(UnclearValueError, match=message):
        read_yaml(text)


def test_a_tag_of_another_kind_of_node():
    for text in ("!!map [1]", "!!seq x", "!!str {a: 1}", "<<: 5"):
        with pytest.raises(yaml.YAMLError):
            read_yaml(text)
