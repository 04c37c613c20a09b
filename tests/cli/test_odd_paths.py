"""Odd paths, patterns and output folders in `tfx-lm run`; if a message names a remedy, the test follows it."""

import io
import os
import shutil
from pathlib import Path

import pytest
from helpers.checked_runs import GATE, LINES, refused, runs

pytestmark = pytest.mark.usefixtures("nothing_runs")


def test_a_backslash_in_a_name_is_removed_as_the_message_says():
    Path("a\\b.txt").write_text(LINES)
    message = refused(*GATE, "--data", "a\\b.txt")
    assert message.endswith("b.txt has a backslash, which TFX takes for part of a pattern; rename it")
    Path("a\\b.txt").rename("b.txt")
    runs(*GATE, "--data", "b.txt")


def test_a_span_that_is_no_number_is_moved_as_the_message_says():
    for span in ("1", "old"):
        Path(f"span-{span}").mkdir()
        Path(f"span-{span}/x.txt").write_text(LINES)
    message = refused(*GATE, "--data", "span-{SPAN}/*.txt")
    assert "span-old/x.txt matches" in message
    assert "whose markers stand for numbers; move it elsewhere" in message
    Path("span-old").rename("old")
    runs(*GATE, "--data", "span-{SPAN}/*.txt")
    assert "a pattern takes either {SPAN} or {YYYY}, {MM} and {DD}" in refused(*GATE, "--data", "{YYYY}/*.txt")


def test_spans_that_are_missing_or_half_written_are_mended_as_the_message_says():
    files = "--data", "span-{SPAN}/*.txt", "--set"
    for span in ("1", "3"):
        Path(f"span-{span}").mkdir()
        Path(f"span-{span}/x.txt").write_text(LINES)
    assert refused(*GATE, *files, "data.span_window=2") == (
        "data.spans: 1 and 3 are read, and no span between them is there; add it, read fewer spans (data.span_window), "
        "or set data.span_gaps to allow"
    )
    runs(*GATE, *files, "data.span_window=2", "--set", "data.span_gaps=allow")
    Path("span-2").mkdir()
    message = refused(*GATE, *files, "data.spans=[1,3]")
    assert message.startswith("data.files: no file of span 2 matches (in /")
    assert message.endswith("/span-2); it seems to be half written: add its files, or remove it")
    Path("span-2/x.txt").write_text(LINES)
    runs(*GATE, *files, "data.spans=[1,3]")


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (
            "https://x.org/v.txt",
            "vocabulary.file: https://x.org/v.txt is a web address; download it first, with curl -LO",
        ),
        ("s3://bucket/v.txt", "vocabulary.file: s3://bucket/v.txt is on S3"),
        ("''", "vocabulary.file: an empty path"),
    ],
)
def test_a_vocabulary_that_is_on_no_file_system(file, message):
    Path("a.txt").write_text(LINES)
    assert refused(*GATE, "--data", "a.txt", "--set", f"vocabulary.file={file}").startswith(message)


def test_links_that_lead_nowhere():
    Path("gone.txt").symlink_to("nowhere.txt")
    Path("loop.txt").symlink_to("loop.txt")
    Path("long.txt").symlink_to("x" * 300)
    assert "long.txt: cannot be read (File name too long)" in refused(*GATE, "--data", "long.txt")
    assert "gone.txt: cannot be read (No such file or directory)" in refused(*GATE, "--data", "gone.txt")
    assert "loop.txt: cannot be read (Too many levels of symbolic links)" in refused(*GATE, "--data", "lo?p.txt")


def test_what_only_a_shell_expands_is_given_as_the_message_says():
    Path("a.txt").write_text(LINES)
    Path("b.txt").write_text(LINES)
    message = refused(*GATE, "--data", "{a,b}.txt")
    assert message == "data.files: no file matches {a,b}.txt; only a shell expands {,}: give several paths or patterns"
    runs(*GATE, "--data", "a.txt", "--data", "b.txt")
    assert refused(*GATE, "--data", "$PWD/a.txt").endswith("only a shell expands $: give the whole path")
    runs(*GATE, "--data", str(Path("a.txt").absolute()))


def test_a_file_name_that_is_not_utf_8_is_changed_as_the_message_says():
    with open(b"\xff.txt", "wb") as file:  # noqa: PTH123
        file.write(LINES.encode())
    assert r"\udcff.txt' is not UTF-8, which ML Metadata cannot keep; rename the file" in refused(*GATE, "--data", "*")
    os.rename(b"\xff.txt", b"y.txt")  # noqa: PTH104
    runs(*GATE, "--data", "*.txt")


def test_a_pattern_that_matches_what_a_run_wrote():
    Path("data.json").write_text("".join(f'{{"text": "a b {number}"}}\n' for number in range(200)))
    runs(*GATE, "--data", "**/*.json")
    Path("out/summary.json").write_text("{}\n")
    message = refused(*GATE, "--data", "**/*.json")
    assert message.startswith(f"data: {Path('out/summary.json').absolute()} would be read, which a run with output=")
    assert message.endswith("name the files more narrowly, or set --output to a folder that no pattern matches")
    runs(*GATE, "--data", "*.json")
    # A corpus may lie in the output folder, such as that of the demo.
    Path("out/corpus").mkdir()
    shutil.copy("data.json", "out/corpus")
    runs(*GATE, "--data", "out/corpus/*.json")


def test_the_home_folder(monkeypatch, tmp_path, nothing_runs):
    monkeypatch.setenv("HOME", str(tmp_path))
    Path("a.txt").write_text(LINES)
    runs("--set", "gate.max_perplexity=100", "--data", "~/a.txt", "--output", "~/runs")
    assert nothing_runs[0].output == f"{tmp_path}/runs"
    assert not Path("~").exists()
    message = refused(*GATE, "--data", "a.txt", "--set", "vocabulary.file=~/v.txt")
    assert f"vocabulary file {tmp_path}/v.txt: does not exist" in message


def test_output_paths(nothing_runs):
    Path("a.txt").write_text(LINES)
    given = ("--set", "gate.max_perplexity=100", "--data", "a.txt")
    assert refused(*given, "--output", "").startswith("output='': ")
    assert refused(*given, "--output", "x" * 300).endswith("cannot be written (File name too long); set --output")
    assert refused(*given, "--output", "a.txt/o").endswith("cannot be written (Not a directory); set --output")
    assert refused(*given, "--set", 'output="\\0"') == r"output='\x00': a path cannot have a NUL"
    for output in ("é o", "a%20b", "a\nb", "o/"):
        runs(*given, "--output", output)
        assert Path(output).is_dir()


def test_a_file_that_two_patterns_match_is_taken_once():
    Path("a.txt").write_text("the only line\n")
    # With 1 line, no split of the two can have one each.
    message = refused(*GATE, "--data", "a.txt", "--data", "./a.txt", "--data", "*.txt")
    assert "none of the 1 usable lines" in message


def test_standard_input_becomes_a_file_as_the_message_says(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(LINES.encode())))
    assert refused(*GATE, "--data", "-").endswith("save it to a file first, such as corpus.txt")
    Path("corpus.txt").write_text(LINES)
    runs(*GATE, "--data", "corpus.txt")


def test_a_shell_whose_folder_was_deleted(tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text(LINES)
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    message = refused(*GATE, "--data", str(tmp_path / "a.txt"))
    assert message == "the folder of this shell was deleted; change to another one, with cd"
    monkeypatch.chdir(tmp_path)
    runs(*GATE, "--data", str(tmp_path / "a.txt"))
