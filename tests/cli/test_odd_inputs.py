"""Odd files, patterns, YAML and output paths of `tfx-lm run`; where a message names a remedy, it is followed."""

import gzip
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
import zstandard
from click.testing import CliRunner
from tfx_lm import exit_codes
from tfx_lm.cli import cli
from tfx_lm.pipelines.config import PipelineConfig

LINES = "".join(f"the cat sat on mat {number}\n" for number in range(200))
GATE = ("--set", "gate.max_perplexity=100", "--output", "out")


@pytest.fixture(autouse=True)
def nothing_runs(tmp_path, monkeypatch):
    """Each test starts in an empty folder and ends where the first node would start."""
    started: list[PipelineConfig] = []

    def run_locally(config, from_nodes, to_nodes, wait):
        started.append(config)
        return {"nodes": [], "pushed_model": None}

    monkeypatch.setattr("tfx_lm.pipelines.local.run.run_locally", run_locally)
    monkeypatch.chdir(tmp_path)
    return started


def refused(*arguments: str) -> str:
    result = CliRunner().invoke(cli.main, ["run", *arguments])
    assert result.exit_code == exit_codes.BAD_INPUT, result.output
    assert result.output.startswith("tfx-lm: ")
    return result.output.removeprefix("tfx-lm: ").removesuffix("\n")


def runs(*arguments: str) -> None:
    result = CliRunner().invoke(cli.main, ["run", *arguments])
    assert (result.exit_code, result.output) == (0, "")


def shell(command: str) -> None:
    subprocess.run(["bash", "-c", command], check=True, timeout=60)


@pytest.mark.parametrize("encoding", ["UTF-16", "UTF-32", "UTF-16LE", "UTF-16BE"])
def test_wide_text_is_converted_as_the_message_says(encoding):
    Path("old.txt").write_bytes(LINES.encode(encoding))
    iconv = f"iconv -f {encoding} -t UTF-8"
    assert f"not text but {encoding[:6]} text (convert it: {iconv})" in refused(*GATE, "--data", "old.txt")
    shell(f"{iconv} old.txt > new.txt")
    runs(*GATE, "--data", "new.txt")
    assert Path("new.txt").read_text(encoding="utf-8-sig") == LINES


@pytest.mark.parametrize("name", ["old.txt", "old.csv"])
def test_carriage_returns_alone_are_converted_as_the_message_says(name):
    Path(name).write_bytes(f"text\n{LINES}".replace("\n", "\r").encode())
    assert r"(convert it: tr '\r' '\n')" in refused(*GATE, "--data", name)
    shell(rf"tr '\r' '\n' < {name} > new-{name}")
    runs(*GATE, "--data", f"new-{name}")


def test_windows_line_ends_and_a_progress_bar_are_text():
    Path("a.txt").write_bytes(LINES.replace("\n", "\r\n").encode())
    Path("b.txt").write_bytes(b"1 %\r2 %\r3 %\nthe cat\n")
    runs(*GATE, "--data", "a.txt", "--data", "b.txt")


@pytest.mark.parametrize("name", ["x.txt", "x.jsonl", "x.csv", "x.parquet"])
def test_a_pointer_of_git_lfs_is_no_corpus(name):
    Path(name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n")
    assert "a pointer of Git LFS (fetch the file: git lfs pull)" in refused(*GATE, "--data", name)


def test_packed_twice_is_unpacked_once_as_the_message_says():
    Path("x.txt.gz").write_bytes(gzip.compress(gzip.compress(LINES.encode())))
    assert "not text but gzip data" in refused(*GATE, "--data", "x.txt.gz")
    shell("gunzip x.txt.gz && mv x.txt x.txt.gz")
    runs(*GATE, "--data", "x.txt.gz")


def test_an_archive_is_unpacked_as_the_message_says():
    Path("x.txt").write_text(LINES)
    with tarfile.open("x.tar.gz", "w:gz") as archive:
        archive.add("x.txt")
    Path("x.txt").unlink()
    assert "unknown file type; unpack the archive and give its files" in refused(*GATE, "--data", "x.tar.gz")
    shell("tar xzf x.tar.gz")
    runs(*GATE, "--data", "x.txt")


def test_several_gzip_members_and_zstandard_frames_are_one_file():
    middle = len(LINES) // 2
    for name, pack in (("x.txt.gz", gzip.compress), ("x.txt.zst", zstandard.compress)):
        Path(name).write_bytes(pack(LINES[:middle].encode()) + pack(LINES[middle:].encode()))
        runs(*GATE, "--data", name)


def test_what_follows_gzip_data_is_refused_unless_it_is_zeros():
    packed = gzip.compress(LINES.encode())
    Path("x.txt.gz").write_bytes(packed + b"garbage")
    assert "x.txt.gz: not a complete gzip file" in refused(*GATE, "--data", "x.txt.gz")
    Path("x.txt.gz").write_bytes(packed + bytes(512))
    runs(*GATE, "--data", "x.txt.gz")


def test_other_separators_are_made_commas_as_the_message_says():
    for separator in ";\t|":
        Path("OLD.csv").write_text(
            f"id{separator}text\n" + "".join(f"{n}{separator}a, b {n}\n" for n in range(200)), encoding="utf-8"
        )
        message = refused(*GATE, "--data", "OLD.csv")
        assert f"columns are separated by {separator!r}, and not by commas; write it with commas: python -c" in message
        shell(message.split("with commas: ")[1].replace("python", sys.executable))
        runs(*GATE, "--data", "NEW.csv")
        assert Path("NEW.csv").read_text().splitlines()[:2] == ["id,text", '0,"a, b 0"']


def test_a_column_that_stands_twice_is_renamed_as_the_message_says():
    rows = "".join(f"a {number},b {number}\n" for number in range(200))
    Path("x.csv").write_text(f"text,text\n{rows}")
    assert refused(*GATE, "--data", "x.csv").endswith("x.csv: 2 columns 'text'; rename all but one")
    Path("x.csv").write_text(f"title,text\n{rows}")
    runs(*GATE, "--data", "x.csv")


def test_csv_with_a_mark_and_line_breaks_within_quotes_is_read():
    rows = "".join(f'"a\nb {number}"\n' for number in range(200))
    Path("x.csv").write_bytes(f"\ufefftext\n{rows}".encode())
    runs(*GATE, "--data", "x.csv")


def test_quotes_that_are_not_in_pairs():
    Path("x.csv").write_text(f'text\n"abc\n{LINES}')
    assert "x.csv: cannot be read as CSV (line 202: unexpected end of data)" in refused(*GATE, "--data", "x.csv")


def test_a_field_that_stands_twice_is_kept_once_or_dropped_as_the_message_says():
    good = "".join(f'{{"text": "a b {number}"}}\n' for number in range(200))
    Path("x.jsonl").write_text('{"text": "a", "text": "b"}\n' + good)
    message = refused(*GATE, "--data", "x.jsonl")
    assert message.endswith("line 1: with the field 'text' twice; keep one, or set data.invalid_records to drop")
    runs(*GATE, "--data", "x.jsonl", "--set", "data.invalid_records=drop")
    Path("x.jsonl").write_text('{"text": "b"}\n' + good)
    runs(*GATE, "--data", "x.jsonl")


@pytest.mark.parametrize("ending", [".jsonl", ".csv"])
def test_records_that_are_called_text_are_renamed_as_the_message_says(ending):
    line = 'a,"b {n}"\n' if ending == ".csv" else '{{"text": "a b {n}"}}\n'
    header = "id,text\n" if ending == ".csv" else ""
    Path("OLD.txt").write_text(header + "".join(line.format(n=number) for number in range(200)))
    message = refused(*GATE, "--data", "OLD.txt")
    assert f"rename it to {ending}, or, to take each line as it is: jq -Rc" in message
    if shutil.which("jq"):
        shell(message.split("as it is: ")[1])
        runs(*GATE, "--data", "NEW.jsonl")
    Path("OLD.txt").rename(f"OLD{ending}")
    runs(*GATE, "--data", f"OLD{ending}")


def test_a_json_array_becomes_lines_as_the_message_says():
    Path("x.json").write_text("[" + ",".join(f'{{"text": "a b {number}"}}' for number in range(200)) + "]")
    message = refused(*GATE, "--data", "x.json")
    assert "write it as JSON lines: jq -c .[] " in message
    if shutil.which("jq"):
        shell(message.split("JSON lines: ")[1])
    else:
        Path("x.jsonl").write_text("".join(f'{{"text": "a b {number}"}}\n' for number in range(200)))
    runs(*GATE, "--data", "x.jsonl")


@pytest.mark.parametrize("name", ["x.json", "x y.json.gz"])
@pytest.mark.parametrize("indent", [None, 2])
def test_json_objects_over_lines_become_lines_as_the_message_says(name, indent):
    objects = "".join(json.dumps({"text": f"a b {number}"}, indent=indent) for number in range(200)).encode()
    Path(name).write_bytes(gzip.compress(objects) if name.endswith(".gz") else objects)
    message = refused(*GATE, "--data", name)
    assert "holds JSON objects that run over lines or share one, and not one JSON object a line" in message
    if shutil.which("jq"):
        shell(message.split("JSON lines: ")[1])
        runs(*GATE, "--data", "x.jsonl")
        assert len(Path("x.jsonl").read_text().splitlines()) == 200


def test_a_parquet_column_that_stands_twice_is_renamed_as_the_message_says():
    column = pyarrow.array([f"a {number}" for number in range(200)])
    pyarrow.parquet.write_table(pyarrow.Table.from_arrays([column, column], ["text", "text"]), "x.parquet")
    assert refused(*GATE, "--data", "x.parquet").endswith("x.parquet: 2 columns 'text'; rename all but one")
    pyarrow.parquet.write_table(pyarrow.Table.from_arrays([column, column], ["title", "text"]), "x.parquet")
    runs(*GATE, "--data", "x.parquet")


def test_blank_lines_before_the_header_of_csv():
    Path("x.csv").write_text(f"\n\r\ntext\n{LINES}")
    runs(*GATE, "--data", "x.csv")


def test_a_backslash_in_a_name_is_removed_as_the_message_says():
    Path("a\\b.txt").write_text(LINES)
    message = refused(*GATE, "--data", "a\\b.txt")
    assert message.endswith("b.txt has a backslash, which TFX takes for part of a pattern; rename it")
    Path("a\\b.txt").rename("b.txt")
    runs(*GATE, "--data", "b.txt")
    assert "output=o\\x: " in refused("--set", "gate.max_perplexity=100", "--data", "b.txt", "--output", "o\\x")


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


def test_a_name_and_numbers_that_tfx_cannot_keep():
    Path("a.txt").write_text(LINES)
    data = (*GATE, "--data", "a.txt", "--set")
    assert "name='" in (message := refused(*data, f"name={'x' * 64}"))
    assert message.endswith("string should have at most 63 characters; set name")
    runs(*data, f"name={'x' * 63}")
    for key in ("trainer.epochs", "vocabulary.size"):
        message = refused(*data, f"{key}=9999999999999999999")
        assert message == f"{key}=9999999999999999999: must be <= 9223372036854775807; set {key}"


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


def test_a_field_of_another_name_is_set_as_the_message_says():
    Path("x.jsonl").write_text("".join(f'{{"content": "a b {number}"}}\n' for number in range(200)))
    assert "set data.text_field to the field that holds the text" in refused(*GATE, "--data", "x.jsonl")
    runs(*GATE, "--data", "x.jsonl", "--set", "data.text_field=content")


def test_records_that_are_no_json_are_dropped_as_the_message_says():
    Path("x.jsonl").write_text('{"text": "a",}\n' + "".join(f'{{"text": "a b {n}"}}\n' for n in range(200)))
    assert "line 1: not valid JSON" in (message := refused(*GATE, "--data", "x.jsonl"))
    assert message.endswith("or set data.invalid_records to drop")
    runs(*GATE, "--data", "x.jsonl", "--set", "data.invalid_records=drop")


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pyarrow.array([["a"]]), "column 'text' holds list<"),
        (pyarrow.array([], pyarrow.string()), "has no lines"),
        (pyarrow.array([None, None], pyarrow.string()), "has only empty lines"),
        (pyarrow.nulls(2), "column 'text' holds null, not strings"),
    ],
)
def test_parquet_without_text(column, message):
    pyarrow.parquet.write_table(pyarrow.table({"text": column}), "x.parquet")
    assert message in refused(*GATE, "--data", "x.parquet")


def test_text_that_is_called_parquet():
    Path("x.parquet").write_text(LINES)
    assert refused(*GATE, "--data", "x.parquet").endswith("x.parquet: not Parquet but text")


def test_links_that_lead_nowhere():
    Path("gone.txt").symlink_to("nowhere.txt")
    Path("loop.txt").symlink_to("loop.txt")
    assert "gone.txt: cannot be read (No such file or directory)" in refused(*GATE, "--data", "gone.txt")
    assert "loop.txt: cannot be read (Too many levels of symbolic links)" in refused(*GATE, "--data", "l*.txt")


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


def test_a_file_that_two_patterns_match_is_taken_once():
    Path("a.txt").write_text("the only line\n")
    # With 1 line, no split of the two can have one each.
    message = refused(*GATE, "--data", "a.txt", "--data", "./a.txt", "--data", "*.txt")
    assert "none of the 1 usable lines" in message


def test_an_empty_file_with_a_mark_alone():
    Path("a.txt").write_bytes(b"\xef\xbb\xbf")
    assert "the corpus is empty" in refused(*GATE, "--data", "a.txt")


def test_standard_input_becomes_a_file_as_the_message_says(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(LINES.encode())))
    assert refused(*GATE, "--data", "-").endswith("save it to a file first, such as corpus.txt")
    Path("corpus.txt").write_text(LINES)
    runs(*GATE, "--data", "corpus.txt")
