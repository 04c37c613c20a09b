"""Odd texts, models and terminals of `tfx-lm score`, `compare` and `complete`."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import zstandard
from click.testing import CliRunner
from tfx_lm import exit_codes
from tfx_lm.cli import cli
from tfx_lm.text_files.errors import InputError
from tfx_lm.text_files.options import RecordOptions
from tfx_lm.text_files.texts import read_texts

pytestmark = pytest.mark.usefixtures("models_loaded_once")
LINES = b"w1 w2\nw3\n"


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def call(*arguments: str, text: bytes | None = None) -> tuple[int, str]:
    result = CliRunner().invoke(cli.main, arguments, input=text)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output.strip()


def corpus(model: str, content: bytes, name: str = "in.txt", *options: str) -> dict:
    Path(name).write_bytes(content)
    code, output = call("score", model, name, *options)
    assert code == 0, output
    return json.loads(output.splitlines()[-1])


def refused(*arguments: str) -> str:
    code, output = call(*arguments)
    assert code == exit_codes.BAD_INPUT, output
    return output


def test_line_ends_marks_and_compression_change_no_score(bigram_model):
    plain = corpus(bigram_model, LINES)
    assert plain["lines"] == 2
    assert corpus(bigram_model, LINES.replace(b"\n", b"\r\n")) == plain
    assert corpus(bigram_model, b"\xef\xbb\xbf" + LINES) == plain
    assert corpus(bigram_model, LINES.removesuffix(b"\n")) == plain
    assert corpus(bigram_model, gzip.compress(LINES), "in.txt.gz") == plain
    assert corpus(bigram_model, b"text\n" + LINES, "in.csv") == plain
    assert call("score", bigram_model, text=LINES)[1].splitlines()[-1] == json.dumps(plain)


def test_white_space_of_other_scripts_ends_no_line(uniform_model):
    for space in ("\u2028", "\u0085", "\x0c", "\x0b"):
        assert corpus(uniform_model, f"w1{space}w2\n".encode())["lines"] == 1


def test_an_empty_file_has_no_score(uniform_model):
    assert corpus(uniform_model, b"")["perplexity"] is None


def test_latin_1_is_dropped_or_converted_as_the_message_says(uniform_model):
    Path("in.txt").write_bytes(LINES + "caf\u00e9\n".encode("latin-1"))
    message = refused("score", uniform_model, "in.txt")
    assert message.endswith("line 3: not valid UTF-8; repair the text, or set --invalid-utf8 to drop")
    assert corpus(uniform_model, Path("in.txt").read_bytes(), "in.txt", "--invalid-utf8", "drop")["lines"] == 2


def test_a_text_in_place_of_a_file_is_refused(uniform_model):
    text = "the cat " * 40
    problem = "cannot be read (File name too long); give a file, or - for standard input"
    assert refused("score", uniform_model, text) == f"tfx-lm: {text}: {problem}"


def test_of_a_file_with_a_bad_line_nothing_is_scored(uniform_model):
    Path("in.txt").write_bytes(b"w1\n" * 1500 + b"\xff\n")
    for command in (("score", uniform_model), ("compare", uniform_model, uniform_model)):
        message = refused(*command, "in.txt")
        assert message == "tfx-lm: in.txt line 1501: not valid UTF-8; repair the text, or set --invalid-utf8 to drop"


def test_of_a_pipe_with_a_bad_line_the_lines_before_it_are_scored(uniform_model):
    code, output = call("score", uniform_model, text=b"w1\n\nw2\n\xff\nw3\n")
    *scores, message = output.splitlines()
    assert (code, [json.loads(line)["line"] for line in scores]) == (exit_codes.BAD_INPUT, [1, 3])
    assert message == (
        "tfx-lm: standard input line 4: not valid UTF-8; repair the text, or set --invalid-utf8 to drop. Scored: 2 "
        "lines before it, without the corpus"
    )
    code, output = call("compare", uniform_model, uniform_model, text=b"w1\n\xff\n")
    assert (code, output.count("\n")) == (exit_codes.BAD_INPUT, 0)
    assert "standard input line 2: not valid UTF-8" in output


@pytest.mark.parametrize(("name", "pack"), [("in.txt.gz", gzip.compress), ("in.txt.zst", zstandard.compress)])
def test_a_file_that_was_cut_is_never_scored_as_a_whole(uniform_model, name, pack):
    Path(name).write_bytes(pack(os.urandom(999).hex().encode())[:-9])
    assert "not a complete" in refused("score", uniform_model, name)


def test_a_format_that_is_another(uniform_model):
    Path("in.txt").write_bytes(LINES)
    assert "line 1: not valid JSON" in refused("score", uniform_model, "in.txt", "--format", "jsonl")


def test_records_that_are_called_text_are_read_as_the_message_says(uniform_model):
    Path("in.txt").write_bytes(b'{"text": "w1"}\n{"text": "w2"}\n')
    for command in (("score", uniform_model), ("compare", uniform_model, uniform_model)):
        assert refused(*command, "in.txt") == (
            "tfx-lm: in.txt: called plain text, but holds JSON lines; rename it to .jsonl, or, to take each line as it "
            "is: set --format to txt"
        )
    assert corpus(uniform_model, Path("in.txt").read_bytes(), "in.txt", "--format", "txt")["lines"] == 2


def test_what_is_no_model():
    Path("a.txt").write_bytes(LINES)
    remedy = "give a pushed version's folder or the folder of all versions"
    assert refused("score", "a.txt", "a.txt") == f"tfx-lm: a.txt: no such folder; {remedy}"
    assert refused("complete", "\udcff", "w1").endswith(
        "the name is not UTF-8, which TensorFlow cannot open; rename it"
    )
    # The output folder of a run is not that of its versions.
    Path("o/artifacts").mkdir(parents=True)
    assert refused("score", "o", "a.txt").endswith(remedy)


def test_a_tolerance_that_is_no_number(uniform_model):
    Path("a.txt").write_bytes(LINES)
    message = refused("compare", uniform_model, uniform_model, "a.txt", "--tolerance", "nan")
    assert message == "tfx-lm: --tolerance=nan: input should be a finite number; set --tolerance"


def test_a_comparison_by_one_line_decides_nothing(uniform_model):
    Path("a.txt").write_bytes(b"w1\n")
    code, output = call("compare", uniform_model, uniform_model, "a.txt")
    assert code == 0
    assert "cannot be compared with the baseline's by 1 sentence(s)" in output


@pytest.mark.parametrize("text", ["", "w1 \udcff", "w1\nw2", "<unk> </s>", "w1 " * 500])
def test_any_text_is_completed(uniform_model, text):
    assert call("complete", uniform_model, "--greedy", "--length", "2", "--", text)[0] == 0


def test_options_out_of_range(uniform_model):
    bad = [("--length", "-1"), ("--length", str(10**18)), ("--top-p", "0"), ("--temperature", "nan"), ("--seed", "-1")]
    for option, value in [*bad, ("--temperature", "1e300"), ("--seed", str(2**63))]:
        assert option in refused("complete", uniform_model, "w1", option, value)


def test_a_standard_input_that_is_closed(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(InputError, match="standard input is closed; give a file"):
        list(read_texts("-", RecordOptions()))


def test_output_that_cannot_be_written_is_a_sentence(tmp_path):
    # A limit of 0 bytes for files, since only Linux has a device that is always full.
    code = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)); main(['--version'])"
    command = [sys.executable, "-c", f"from tfx_lm.cli.cli import main; {code}"]
    with (tmp_path / "output").open("w") as output:
        done = subprocess.run(command, stdout=output, stderr=subprocess.PIPE, text=True, timeout=60)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert done.stderr == "tfx-lm: File too large: the output could not be written\n"


@pytest.mark.slow
def test_output_to_nowhere_is_no_error():
    code = "import sys; from tfx_lm.cli.cli import main; main(['score', 'no', 'model'])"
    done = subprocess.run(["bash", "-c", '"$0" -c "$1" >&- 2>&-', sys.executable, code], timeout=60)
    assert done.returncode == exit_codes.BAD_INPUT


def test_a_comparison_without_a_text_is_none(uniform_model):
    Path("empty.txt").write_bytes(b"\n \n")
    message = refused("compare", uniform_model, uniform_model, "empty.txt")
    assert message == "tfx-lm: empty.txt: no text to compare the models by"
    message = call("compare", uniform_model, uniform_model, text=b"")[1]
    assert message == "tfx-lm: standard input: no text to compare the models by"


def test_options_are_refused_before_a_word_is_shown(uniform_model):
    message = refused("complete", uniform_model, "w1", "--temperature", "inf")
    assert message == "tfx-lm: --temperature=inf: input should be a finite number; set --temperature"
    message = refused("complete", uniform_model, "w1", "--top-k", "99999999999999999999")
    assert "--top-k" in message
    assert "is not in the range 1<=x<=2147483647" in message


def test_an_empty_path_is_no_file(uniform_model):
    assert refused("score", uniform_model, "") == "tfx-lm: an empty path; give a file, or - for standard input"
    message = refused("compile", "--runner", "airflow", "--output", "", "--set", "gate.max_perplexity=100")
    assert message == "tfx-lm: --output .: no file; name the file to write"
