import json
import math
import re
import shutil

import pytest
from click.testing import CliRunner
from tfx_lm import exit_codes
from tfx_lm.cli import cli, compare
from tfx_lm.exported import comparison, scoring, token_identity
from tfx_lm.exported.scores import PairedSums
from tfx_lm.pipelines.config import GateConfig

pytestmark = pytest.mark.slow

LINES = [b"w1 w2\n", b"w3\n", b"\n", b"w4 zzz w5 w6 w7 w1 w2 w3 w4 w5 w6\n"] * 30
GATE = 0.005, 0.02, 100  # tolerance, slice_tolerance, slice_min_sentences


@pytest.fixture(scope="module")
def models(uniform_model, save_uniform_model):
    return save_uniform_model(20), uniform_model


@pytest.fixture(scope="module")
def compared(models):
    return comparison.compare_models(*map(scoring.load_model, models), iter(LINES))


def test_two_uniform_models(compared):
    found = compared.as_json(*GATE)
    assert found["lines"] == 90
    assert found["candidate"]["perplexity"] == pytest.approx(20, rel=1e-6)
    assert found["baseline"]["perplexity"] == pytest.approx(16, rel=1e-6)
    tokens, size, spelled = 30 * (3 + 2 + 12), 30 * (6 + 3 + 34), 30 * 4
    of_both = [(tokens * math.log2(words) + 8 * spelled) / size for words in (20, 16)]
    assert found["candidate"]["bits_per_byte"] == pytest.approx(of_both[0], rel=1e-6)
    assert found["change"] == pytest.approx(of_both[0] / of_both[1] - 1, rel=1e-4)
    assert found["change_lower95"] < found["change"] < found["change_upper95"]
    assert found["gate"]["blessed"] is False
    assert found["gate"]["reasons"][0].startswith("bits per byte is ")


@pytest.mark.parametrize(("slice_tolerance", "least", "blessed"), [(0.02, 60, False), (0.02, 61, True), (0.5, 2, True)])
def test_a_slice_that_is_worse_is_refused_if_it_is_large_enough(compared, slice_tolerance, least, blessed):
    verdict = compared.verdict(0.5, slice_tolerance, least)
    assert verdict.blessed is blessed
    assert any("slice" in reason for reason in verdict.reasons) is (least <= 60)


def test_the_command_compares_like_a_gate_that_is_not_configured():
    gate = GateConfig(max_perplexity=300)
    defaults = {option.name: option.default for option in compare.command.params}
    for name in ("criterion", "tolerance", "slice_tolerance", "slice_min_sentences"):
        assert defaults[name] == getattr(gate, name)
    assert gate.slices == comparison.SLICES


def test_slices_are_the_evaluators(compared):
    found = compared.as_json(*GATE)["slices"]
    assert {name: part["lines"] for name, part in found.items()} == {
        "sentence_length: 0 to 10": 60, "sentence_length: 11 to 20": 30,
        "unknown_words: no": 60, "unknown_words: yes": 30,
    }  # fmt: skip
    whole = PairedSums.merge(part.pair for name, part in compared.slices.items() if "length" in name)
    assert whole.baseline.tokens == compared.total.pair.baseline.tokens
    assert whole.bits.numerator == pytest.approx(compared.total.pair.bits.numerator, rel=1e-12)


def test_scores_are_those_of_score(models, compared):
    total = scoring.CorpusScore.empty()
    for line in scoring.score_lines(scoring.load_model(models[0]), LINES):
        total += scoring.CorpusScore.from_line(line)
    assert compared.total.candidate.totals == total.sums


def test_perplexities_of_other_vocabularies_are_refused(models, tmp_path):
    words = ["<pad>", "<unk>", "<s>", "</s>"] + [f"w{index}" for index in range(16)]
    folders = []
    for model, count in zip(models, (20, 16), strict=True):
        (tmp_path / "vocabulary").write_text("\n".join(words[:count]) + "\n")
        folders.append(str(shutil.copytree(model, tmp_path / str(count))))
        config = {"tokenizer": "whitespace", "lowercase": False}
        token_identity.write_token_identity(folders[-1], config, str(tmp_path / "vocabulary"))
    lines = tmp_path / "lines.txt"
    lines.write_bytes(b"".join(LINES))
    command = ["compare", *folders, str(lines), "--criterion", "perplexity"]
    result = CliRunner().invoke(cli.main, command)
    assert result.exit_code == exit_codes.BAD_INPUT
    assert result.output.startswith("tfx-lm: --criterion=perplexity: the candidate ")
    assert "set --criterion to bits_per_byte" in result.output
    assert "vocabulary of 20" in result.output
    assert "vocabulary of 16" in result.output
    same = CliRunner().invoke(cli.main, ["compare", folders[0], *command[1:2], *command[3:]])
    assert same.exit_code == 0, same.output
    assert "perplexity is equal to the baseline's" in same.output


def test_models_that_differ_in_lower_case_are_compared_with_a_warning(models, tmp_path):
    (tmp_path / "vocabulary").write_text("<pad>\n<unk>\n<s>\n</s>\nw1\n")
    folders = []
    for model, lowercase in zip(models, (False, True), strict=True):
        folders.append(str(shutil.copytree(model, tmp_path / str(lowercase))))
        config = {"tokenizer": "whitespace", "lowercase": lowercase}
        token_identity.write_token_identity(folders[-1], config, str(tmp_path / "vocabulary"))
    lines = tmp_path / "lines.txt"
    lines.write_bytes(b"".join(LINES))
    done = CliRunner().invoke(cli.main, ["compare", *folders, str(lines), "--json"])
    assert done.exit_code == 0
    assert done.stderr == (
        "tfx-lm: MODEL_B reads text with lowercase=true and MODEL_A with lowercase=false: only MODEL_A is charged for "
        "capitals, so that MODEL_B seems better than it is; compare models with the same lowercase\n"
    )
    assert json.loads(done.stdout)["lines"] == 90
    same = CliRunner().invoke(cli.main, ["compare", folders[0], folders[0], str(lines), "--json"])
    assert same.stderr == ""


def test_max_length_is_no_part_of_the_tokens(tmp_path):
    tokens = {"tokenizer": "word", "lowercase": True, "vocabulary_size": 20, "vocabulary_sha256": "0" * 64}
    models = {"old": tokens, "short": tokens | {"max_length": 5}, "other": tokens | {"lowercase": False}}
    for name, settings in models.items():
        (tmp_path / name / "assets.extra").mkdir(parents=True)
        (tmp_path / name / "assets.extra" / "tfx_lm.json").write_text(json.dumps(settings))
    old, short, other = (str(tmp_path / name) for name in ("old", "short", "other"))
    assert token_identity.same_tokens(old, short)
    token_identity.check_same_tokens(old, short)
    assert not token_identity.same_tokens(old, other)


@pytest.mark.slow
def test_on_the_command_line(models, tmp_path):
    lines = tmp_path / "lines.txt"
    lines.write_bytes(b"".join(LINES))
    better = CliRunner().invoke(cli.main, ["compare", *reversed(models), str(lines), "--json"])
    assert better.exit_code == 0, better.output
    found = json.loads(better.stdout)
    assert found["gate"]["blessed"] is True
    assert found["change"] < 0
    command = ["compare", *models, str(lines), "--tolerance", "0.5"]
    table = CliRunner().invoke(cli.main, command)
    assert re.search(r"Perplexity per token +│ +20\.00 │", table.output), table.output
    assert "20.00 to 20.00 │" in table.output
    assert "MODEL_A would be blessed beside MODEL_B:" in table.output
    assert "unknown_words: yes" in table.output
    worse_in_slices = CliRunner().invoke(cli.main, [*command, "--slice-min-sentences", "30"])
    assert "MODEL_A would not be blessed beside MODEL_B:" in worse_in_slices.output
    assert "--slice-tolerance allows 2 %" in worse_in_slices.output
    missing = CliRunner().invoke(cli.main, ["compare", models[0], str(tmp_path / "none"), str(lines)])
    assert missing.exit_code == exit_codes.BAD_INPUT
    assert "no such folder" in missing.output


@pytest.fixture(scope="module")
def in_context(save_uniform_model):
    return save_uniform_model(16, context_tokens=3)


@pytest.mark.parametrize("order", [1, -1], ids=["baseline without", "candidate without"])
def test_a_model_without_a_context_beside_one_with_a_context(in_context, uniform_model, tmp_path, order):
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("w1 w2\nw3\nw4\n\nw5\nw6\n")
    command = ["compare", *[in_context, uniform_model][::order], str(corpus), "--documents=blank_line"]
    done = CliRunner().invoke(cli.main, [*command, "--json"])
    assert (done.exit_code, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    behind, alone = [found["candidate"], found["baseline"]][::order]
    # Before the five lines: 0, 2 and 3 words, then 0 and 1; each takes off a nat. There are 11 tokens, 17 bytes.
    assert (behind["context_tokens"], behind["tokens"], alone["tokens"]) == (6, 11, 11)
    assert "context_tokens" not in alone
    assert alone["perplexity"] == pytest.approx(16.0)
    assert behind["perplexity"] == pytest.approx(math.exp(math.log(16) - 6 / 11))
    tables = CliRunner().invoke(cli.main, command).stdout
    (row,) = [line for line in tables.splitlines() if "Context tokens" in line]
    assert re.findall(r"\d+", row) == [str(number) for number in (6, 0)[::order]]
    # Without documents each line begins one, and both commands say so.
    without = CliRunner().invoke(cli.main, [*command[:4], "--json"])
    assert "a model reads up to 3 tokens before a line" in without.stderr
    assert json.loads(without.stdout)["change"] == pytest.approx(0.0)


def test_score_in_documents(in_context, uniform_model, tmp_path):
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text('{"text": "w1 w2\\nw3"}\n{"text": "w4"}\n')
    done = CliRunner().invoke(cli.main, ["score", in_context, str(corpus), "--documents=record"])
    assert (done.exit_code, done.stderr) == (0, "")
    *lines, total = map(json.loads, done.stdout.splitlines())
    assert [(line["line"], line["tokens"], line.get("context_tokens", 0)) for line in lines] == [
        (1, 3, 0),
        (1, 2, 2),
        (2, 2, 0),
    ]
    assert lines[1]["log_probability"] == pytest.approx(2 - 2 * math.log(16))
    assert (total["tokens"], total["context_tokens"]) == (7, 2)
    done = CliRunner().invoke(cli.main, ["score", in_context, str(corpus)])
    assert "the model reads up to 3 tokens before a line" in done.stderr
    for command in (["score", uniform_model], ["compare", uniform_model, uniform_model]):
        refused = CliRunner().invoke(cli.main, [*command, str(corpus), "--documents=record"])
        assert refused.exit_code == exit_codes.BAD_INPUT
        assert "no context; leave --documents out" in refused.stderr


def test_no_lines_are_nan_and_no_blessing(models):
    found = comparison.compare_models(*map(scoring.load_model, models), [b"\n"]).as_json(*GATE)
    assert found["change"] is None
    assert found["candidate"]["perplexity_ci95"] == [None, None]
    json.dumps(found, allow_nan=False)
    assert found["gate"]["blessed"] is False


def test_the_token_identity_has_max_length_if_it_is_a_number(tmp_path):
    (tmp_path / "vocabulary").write_text("<pad>\n<unk>\n<s>\n</s>\nthe\n")
    config = {"tokenizer": "word", "lowercase": True}
    for max_length in (20, "auto"):
        folder = str(tmp_path / str(max_length))
        token_identity.write_token_identity(folder, {**config, "max_length": max_length}, str(tmp_path / "vocabulary"))
    assert token_identity.read_token_identity(str(tmp_path / "20"))["max_length"] == 20
    assert "max_length" not in token_identity.read_token_identity(str(tmp_path / "auto"))
    assert token_identity.same_tokens(str(tmp_path / "20"), str(tmp_path / "auto"))


@pytest.mark.parametrize("normalization", ["none", "nfc"])
def test_the_token_identity_has_the_normalization(tmp_path, normalization):
    (tmp_path / "vocabulary").write_text("<pad>\n<unk>\n<s>\n</s>\nthe\n")
    config = {"tokenizer": "word", "lowercase": True, "normalization": normalization}
    token_identity.write_token_identity(str(tmp_path), config, str(tmp_path / "vocabulary"))
    assert token_identity.normalization_of(str(tmp_path)) == normalization
    assert ("normalization" in token_identity.read_token_identity(str(tmp_path))) == (normalization != "none")
