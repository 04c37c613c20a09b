"""Odd YAML and overrides in `tfx-lm run`; if a message names a remedy, the test follows it."""

from pathlib import Path

import pytest
from helpers.checked_runs import GATE, LINES, refused, runs, shell

pytestmark = pytest.mark.usefixtures("nothing_runs")


CONFIGURATION = "data: {files: [a.txt]}\ngate: {max_perplexity: 100}\noutput: out\n"


def yaml(text: str | bytes) -> tuple[str, str]:
    Path("a.txt").write_text(LINES)
    Path("y.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    return "--config", "y.yaml"


@pytest.mark.parametrize(
    ("line", "message", "remedy"),
    [
        ("trainer: {epochs: 010}", "010 on line 4 is 8 in YAML; write 8, or '010' for a text", "trainer: {epochs: 8}"),
        ("trainer: {epochs: 1:30}", "1:30 on line 4 is 90 in YAML; write 90", "trainer: {epochs: 90}"),
        ("vocabulary: {file: 12}", "vocabulary.file=12: must be a text; set vocabulary.file in quotes, such as '12'",
         None),
        ("trainer: {epochs: 1}\ntrainer: {units: 8}", "the key trainer is on line 4 and again on line 5; keep one",
         "trainer: {epochs: 1}"),
        ("trainer: {epochs: yes}", "trainer.epochs=True: input should be a valid integer", "trainer: {epochs: 3}"),
        ("trainer: {epochs: 10%}", "trainer.epochs='10%': input should be a valid integer", "trainer: {epochs: 3}"),
        ("trainer: {learning_rate: .nan}", "trainer.learning_rate=nan: input should be a finite number", None),
        ("trainer: 5", "trainer=5: must hold `key: value` lines; set trainer", "trainer: {epochs: 5}"),
        ("1: 2", "1: unknown key; keys are texts", None),
        ("---\ntrainer: {epochs: 1}", "expected a single document in the stream", "trainer: {epochs: 1}"),
        ("x: !!python/object/apply:os.getcwd []", "could not determine a constructor for the tag", None),
        (f"trainer: {{epochs: {'9' * 5000}}}", "the number on line 4 has 5,000 digits", None),
        ("x: " + "[" * 500, "cannot be read as YAML: it is nested too deeply", None),
    ],
)  # fmt: skip
def test_yaml_that_means_something_else(line, message, remedy):
    assert message in refused(*yaml(f"{CONFIGURATION}{line}\n"))
    if remedy:
        runs(*yaml(f"{CONFIGURATION}{remedy}\n"))


def test_text_that_yaml_takes_for_a_number_or_date_is_quoted_as_the_message_says(nothing_runs):
    text = CONFIGURATION.replace("output: out", "output: 2024-01-01")
    assert refused(*yaml(text)).endswith("must be a text; set output in quotes, such as '2024-01-01'")
    runs(*yaml(text.replace("2024-01-01", "'2024-01-01'")))
    assert nothing_runs[0].output == "2024-01-01"


def test_a_section_without_keys_has_its_defaults(nothing_runs):
    runs(*yaml(f"{CONFIGURATION}trainer:\n  # epochs: 3\n"))
    assert nothing_runs[0].trainer.epochs == 10


def test_encodings_of_yaml():
    runs(*yaml("\ufeff" + CONFIGURATION))
    assert "y.yaml: cannot be read as YAML: not UTF-8" in refused(*yaml(f"{CONFIGURATION}# café\n".encode("latin-1")))
    assert refused(*yaml(CONFIGURATION.encode("utf-16"))).endswith("save it as UTF-8")
    shell("iconv -f UTF-16 -t UTF-8 y.yaml > z.yaml")
    runs("--config", "z.yaml")


@pytest.mark.parametrize("override", ["trainer.epochs", "=1", ".epochs=3", "trainer.=3", "a..b=1"])
def test_overrides_without_a_key_or_a_value(override):
    assert refused(*GATE, "--set", override) == f"--set {override}: must be key=value, such as trainer.epochs=3"


def test_of_two_overrides_the_last_counts(nothing_runs):
    runs(*yaml(CONFIGURATION), "--set", "trainer.epochs=1", "--set", "trainer.epochs=2")
    assert nothing_runs[0].trainer.epochs == 2


def test_half_of_the_splits():
    Path("a.txt").write_text(LINES)
    assert (
        refused(*GATE, "--set", "data.splits={train: a.txt}") == "data.splits=['train']: must name both train and eval"
    )
    message = refused(*GATE, "--set", "data.splits={train: a.txt, eval: null}")
    assert message == "data.splits.eval=None: must be a list; set data.splits.eval"


def test_a_name_and_numbers_that_tfx_cannot_keep():
    Path("a.txt").write_text(LINES)
    data = (*GATE, "--data", "a.txt", "--set")
    assert "name='" in (message := refused(*data, f"name={'x' * 64}"))
    assert message.endswith("string should have at most 63 characters; set name")
    runs(*data, f"name={'x' * 63}")
    for key in ("trainer.epochs", "vocabulary.size"):
        message = refused(*data, f"{key}=9999999999999999999")
        assert message == f"{key}=9999999999999999999: must be <= 2147483647; set {key}"
