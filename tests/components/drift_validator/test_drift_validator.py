"""What has moved between two texts, and what the component makes of it."""

from collections import Counter
from pathlib import Path

import pytest
from helpers.examples import text_example, write_records
from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx.orchestration.data_types import RuntimeParameter
from tfx.types import artifact_utils, channel_utils, standard_artifacts
from tfx_lm.components.drift_validator.component import DriftValidator
from tfx_lm.components.drift_validator.drift import Drift, find_anomalies
from tfx_lm.components.drift_validator.executor import DriftError, Executor, longest_counted
from tfx_lm.components.drift_validator.options import DriftOptions
from tfx_lm.errors import SettingError
from tfx_lm.exported.text_statistics import TextStatistics
from tfx_lm.exported.token_identity import write_token_identity
from tfx_lm.exported.training_origin import TrainingOrigin, write_training_origin

# 80 lines of 10 tokens and 20 of 30; 28 of 1,400 tokens are unknown.
BEFORE = TextStatistics.count(Counter({11: 80, 31: 20}), 28, 1400)
ALL = {"max_tokens_change": 0.25, "max_unknown_rise": 0.05, "max_length_share_change": 0.1}


def sentences(now: TextStatistics, **options: object) -> list[str]:
    return [str(SettingError(anomaly.sentence)) for anomaly in find_anomalies(BEFORE, now, DriftOptions(**options))]


def test_the_values_of_a_text():
    text = TextStatistics.count({4: 1, 2: 1}, 1, 4)
    assert (text.lines, text.tokens, text.tokens_per_line, text.unknown_share) == (2, 4, 2.0, 0.25)
    assert (text.longest, text.length_share("0 to 10")) == (3, 1.0)
    assert (BEFORE.tokens_per_line, BEFORE.unknown_share) == (14.0, 0.02)
    assert (BEFORE.length_share("0 to 10"), BEFORE.length_share("21 to 40")) == (0.8, 0.2)
    cut = TextStatistics.count({11: 1, 101: 1}, 0, 110, longest=20)
    assert (cut.tokens, cut.longest, cut.by_length["11 to 20"]) == (30, 20, 1)
    nothing = TextStatistics.count({}, 0, 0)
    assert (nothing.tokens_per_line, nothing.unknown_share, nothing.length_share("0 to 10")) == (0.0, 0.0, 0.0)


def test_an_equal_text_and_one_within_the_thresholds():
    assert sentences(BEFORE, **ALL) == []
    assert sentences(TextStatistics.count({11: 71, 31: 29}, 110, 1580), **ALL) == []
    assert sentences(TextStatistics.count({11: 10, 31: 90}, 900, 2800)) == []


def test_each_anomaly_is_a_sentence():
    now = TextStatistics.count({11: 55, 31: 45}, 190, 1900)
    assert sentences(now, max_tokens_change=0.25) == [
        "tokens per line moved from 14.0 to 19.0, by 35.7 %; max_tokens_change allows 25.0 %. Check how the new text "
        "is split into lines; if it is meant to be so, raise max_tokens_change"
    ]
    assert sentences(now, max_unknown_rise=0.05) == [
        "words that the served model does not know rose from 2.0 % to 10.0 % of the text; max_unknown_rise allows 5.0 "
        "percentage points more. Check the language, spelling and encoding of the new text; if it is meant to be so, "
        "raise max_unknown_rise"
    ]
    assert sentences(now, max_length_share_change=0.1) == [
        "lines of 0 to 10 tokens moved from 80.0 % to 55.0 % of the lines; max_length_share_change allows 10.0 "
        "percentage points. Check how the new text is split into lines, and what was left out of it; if it is meant to "
        "be so, raise max_length_share_change"
    ]
    assert len(sentences(now, **ALL)) == 3
    # Fewer tokens per line are a change, too; fewer unknown words are none.
    shorter = TextStatistics.count({6: 100}, 0, 500)
    assert [sentence.split(" ")[0] for sentence in sentences(shorter, **ALL)] == ["tokens", "lines"]


@pytest.mark.parametrize(
    ("before", "now", "options"),
    [
        # 9 % and 14 % of the words, 18 % and 28 % of the lines, whose differences round up; 10 and 13 tokens a line.
        (({11: 10}, 9, 100), ({11: 10}, 14, 100), {"max_unknown_rise": 0.05}),
        (({11: 18, 16: 82}, 0, 1), ({11: 28, 16: 72}, 0, 1), {"max_length_share_change": 0.1}),
        (({11: 10}, 0, 1), ({14: 10}, 0, 1), {"max_tokens_change": 0.3}),
    ],
)
def test_as_much_as_is_allowed_is_no_anomaly(before, now, options):
    texts = TextStatistics.count(*before), TextStatistics.count(*now)
    assert find_anomalies(*texts, DriftOptions(**options)) == ()
    (found,) = find_anomalies(*texts, DriftOptions(**{name: 0.9999 * value for name, value in options.items()}))
    assert found.distance == pytest.approx(*options.values())


def test_a_sentence_has_as_many_digits_as_its_anomaly_needs():
    now = TextStatistics.count({11: 80, 31: 20}, 98_000 + 42, 1_400_000)
    assert sentences(now, max_unknown_rise=0.05)[0].startswith(
        "words that the served model does not know rose from 2.000 % to 7.003 % of the text; max_unknown_rise allows "
        "5.0 percentage points more"
    )
    now = TextStatistics.count({11: 79_990, 31: 20_010}, 0, 1)
    assert sentences(now, max_tokens_change=0.0001)[0].startswith(
        "tokens per line moved from 14.000 to 14.002, by 0.014 %; max_tokens_change allows 0.01 %"
    )
    assert sentences(now, max_length_share_change=0.00005)[0].startswith(
        "lines of 0 to 10 tokens moved from 80.00 % to 79.99 % of the lines; max_length_share_change allows 0.005 "
        "percentage points"
    )


@pytest.mark.parametrize("name", ALL)
def test_thresholds_out_of_bounds_are_refused(name):
    for value in (0, -0.1, "much"):
        with pytest.raises(SettingError, match=f"^{name}="):
            DriftOptions.parse({name: value})


def test_stopping_needs_a_threshold():
    with pytest.raises(SettingError, match=r"^on_anomaly=stop: no threshold; set one of max_tokens_change, "):
        DriftOptions.parse({"on_anomaly": "stop"})


def test_the_component():
    examples, model = (
        channel_utils.as_channel([kind()]) for kind in (standard_artifacts.Examples, standard_artifacts.Model)
    )
    component = DriftValidator(examples, model, max_unknown_rise=1)
    assert component.id == "DriftValidator"
    assert component.exec_properties == {
        "max_tokens_change": None, "max_unknown_rise": 1.0, "max_length_share_change": None, "on_anomaly": "report",
    }  # fmt: skip
    with pytest.raises(SettingError, match=r"^max_unknown_rise=2: must be <= 1.0; set max_unknown_rise$"):
        DriftValidator(examples, model, max_unknown_rise=2)
    only_a_run_knows = {name: RuntimeParameter(name, ptype=float) for name in ALL}
    properties = DriftValidator(examples, model, **only_a_run_knows, on_anomaly="stop").exec_properties
    assert properties == only_a_run_knows | {"on_anomaly": "stop"}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "^anomalies={0}: has no drift.json; give the output of a DriftValidator$"),
        ("{", "^{0}/drift.json: is damaged; run DriftValidator again$"),
        ("[]", "^{0}/drift.json: is damaged; run DriftValidator again$"),
    ],
)
def test_files_that_are_not_ours_or_damaged(tmp_path, content, problem):
    if content is not None:
        (tmp_path / "drift.json").write_text(content)
    with pytest.raises(ValueError, match=problem.format(tmp_path)):
        Drift.read(str(tmp_path))


class Node:
    """The executor on some lines, beside a model."""

    def __init__(self, folder, lines):
        self.examples, self.model, self.output = (
            kind()
            for kind in (standard_artifacts.Examples, standard_artifacts.Model, standard_artifacts.ExampleAnomalies)
        )
        self.examples.uri, self.model.uri, self.output.uri = (
            str(folder / name) for name in ("examples", "model", "out")
        )
        self.examples.split_names = artifact_utils.encode_split_names(["train", "eval"])
        (folder / "examples" / "Split-train").mkdir(parents=True)
        write_records(folder / "examples" / "Split-train" / "data.gz", map(text_example, lines))
        (folder / "model").mkdir()
        self.model.set_string_custom_property("starting_model", "/serving/7")

    def run(self, **options) -> Drift:
        inputs = {"examples": [self.examples], "base_model": [self.model]}
        Executor().Do(inputs, {"anomalies": [self.output]}, options)
        return Drift.read(self.output.uri)

    def anomalies(self) -> dict[str, str]:
        found = anomalies_pb2.Anomalies.FromString(Path(self.output.uri, "Split-train", "SchemaDiff.pb").read_bytes())
        return {name: info.description for name, info in found.anomaly_info.items()}


@pytest.fixture
def node(tmp_path):
    """Lines of 1 and 3 tokens. A model knows `the` and `cat`, and reads at most 2 tokens."""
    made, folder = Node(tmp_path, ["cat", "the cat sat", "the mat sat"]), tmp_path / "model" / "Format-Serving"
    (folder / "assets").mkdir(parents=True)
    (folder / "assets" / "vocabulary").write_text("<pad>\n<unk>\n<s>\n</s>\nthe\ncat\n")
    identity = {"tokenizer": "whitespace", "lowercase": False, "max_length": 3}
    write_token_identity(str(folder), identity, str(folder / "assets" / "vocabulary"))
    return made


def test_nothing_is_served(tmp_path):
    node = Node(tmp_path, ["the cat"])
    node.model.set_string_custom_property("starting_model", "")
    drift = node.run(max_tokens_change=0.25, on_anomaly="stop")
    assert drift == Drift("", "no model of other text is served yet")
    assert drift.as_json(str)["unmeasured"] == "no model of other text is served yet"
    assert node.anomalies() == {}


def test_a_model_that_does_not_say_what_it_was_trained_on(node):
    drift = node.run(max_tokens_change=0.25)
    assert (drift.model, drift.anomalies) == ("/serving/7", ())
    assert drift.unmeasured.startswith("/serving/7 does not say what its text was like, as it was trained by another")


def test_a_repeated_run_whose_earlier_model_is_gone(node):
    node.model.set_string_custom_property("same_input", "yes")
    assert node.run(max_tokens_change=0.25).unmeasured == (
        "/serving/7 was trained on the same text, and the model before it is no longer served"
    )


@pytest.mark.slow
def test_the_new_text_is_counted_as_the_model_reads_it(node, tmp_path):
    folder = f"{tmp_path}/model/Format-Serving"
    write_training_origin(folder, TrainingOrigin((), "", TextStatistics.count({2: 3}, 0, 3)))
    with pytest.raises(DriftError, match=r"^the text has moved away from that of /serving/7: tokens per line moved"):
        node.run(max_tokens_change=0.5, max_unknown_rise=0.5, on_anomaly="stop")
    drift = Drift.read(node.output.uri)
    assert (drift.now.lines, drift.now.tokens, drift.now.unknown, drift.now.looked_up) == (3, 5, 3, 7)
    shown = drift.as_json(lambda name: f"drift.{name}")
    assert shown["compared_with"] == "/serving/7"
    assert shown["tokens_per_line"] == {"before": 1.0, "now": round(5 / 3, 6)}
    assert shown["unknown_share"] == {"before": 0.0, "now": round(3 / 7, 6)}
    assert shown["length_shares"]["0 to 10"] == {"before": 1.0, "now": 1.0}
    (sentence,) = shown["anomalies"]
    assert "; drift.max_tokens_change allows 50.0 %. Check" in sentence
    assert node.anomalies() == {"tokens_per_line": sentence.replace("drift.", "")}
    assert node.output.get_json_value_custom_property("blessed") == {"train": 0}


@pytest.mark.parametrize(
    ("identity", "longest", "counted"),
    [
        ({"max_length": 64}, 39, 63),
        ({"auto_limit": 2048}, 2047, 2047),
        ({"auto_limit": 2048}, 89, None),
        ({}, 89, None),
    ],
)
def test_the_docstrings_table(identity, longest, counted):
    assert longest_counted(identity, TextStatistics.count({longest + 1: 1}, 0, 9)) == counted
