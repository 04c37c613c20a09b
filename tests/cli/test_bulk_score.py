import csv
import datetime
import gzip
import json
import signal
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from click.testing import CliRunner
from tfx.dsl.io import fileio
from tfx_lm.cli.cli import main
from tfx_lm.components.bulk_score import score_files
from tfx_lm.components.text_example_gen import reading
from tfx_lm.exported import scoring

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("models_loaded_once")]


@pytest.fixture
def bulk_score(bigram_model, tmp_path, monkeypatch):
    """Runs the command in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, code: int = 0):
        result = CliRunner().invoke(main, ["bulk-score", bigram_model, *arguments, "--output", "out"])
        assert result.exit_code == code, result.output
        return result

    return run


def written() -> list[dict]:
    (file,) = Path("out").glob("scored-*.jsonl.gz")
    return [json.loads(line) for line in gzip.decompress(file.read_bytes()).splitlines()]


def without_scores(rows: list[dict]) -> list[dict]:
    return [{name: value for name, value in row.items() if not name.startswith("lm_")} for row in rows]


def test_records_of_each_file_type_keep_their_fields_and_get_the_scores_of_tfx_lm_score(bulk_score, bigram_model):
    Path("a.txt").write_text("the cat\n\ndog\n")
    Path("b.jsonl").write_text('{"id": 7, "text": "the dog", "of": {"a": [1, null]}}\n')
    with Path("c.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["name", "text"], ["x", "the cat"], ["y", "dog, cat"]])
    day = datetime.date(2026, 1, 2)
    table = pyarrow.table({"text": ["cat"], "day": [day], "raw": [b"\xff1"], "none": pyarrow.array([None], "string")})
    pyarrow.parquet.write_table(table, "d.parquet")
    result = bulk_score("*.txt", "b.jsonl", "c.csv", "d.parquet")
    rows = written()
    assert without_scores(rows) == [
        {"text": "the cat"},
        {"text": "dog"},
        {"id": 7, "text": "the dog", "of": {"a": [1, None]}},
        {"name": "x", "text": "the cat"},
        {"name": "y", "text": "dog, cat"},
        {"text": "cat", "day": "2026-01-02", "raw": "\\xff1", "none": None},
    ]
    lines = list(scoring.score_lines(scoring.load_model(bigram_model), [row["text"].encode() for row in rows]))
    for row, line in zip(rows, lines, strict=True):
        expected = line.as_json()
        del expected["line"]
        assert {name[3:]: value for name, value in row.items() if name.startswith("lm_")} == pytest.approx(expected)
    printed = json.loads(result.stdout.splitlines()[0])
    assert printed == json.loads(Path("out/scores.json").read_text())
    total = scoring.CorpusScore.merge(map(scoring.CorpusScore.from_line, lines)).as_json()
    assert printed["scored"] == printed["kept"] == pytest.approx(total)
    assert {path.name for path in Path("out").iterdir()} == {"scores.json", "scored-00000-of-00001.jsonl.gz"}


def test_only_what_fulfils_the_condition_is_written(bulk_score):
    Path("a.txt").write_text("the cat\ndog\nthe dog\ncat\n")
    result = bulk_score("a.txt", "--keep", "oov_tokens == 0")
    assert [row["text"] for row in written()] == ["the cat", "cat"]
    scores = json.loads(result.stdout.splitlines()[0])
    assert (scores["scored"]["lines"], scores["kept"]["lines"]) == (4, 2)
    assert "tfx-lm: 20 % of the scored tokens are unknown words to this model" in result.stderr


def test_the_size_of_a_file_is_asked_for_once(bulk_score, monkeypatch):
    """An object store gets a request for each."""
    stat, asked = fileio.stat, []
    monkeypatch.setattr(fileio, "stat", lambda path: asked.append(Path(path).name) or stat(path))
    Path("a.txt").write_text("the cat\n")
    Path("b.txt").write_text("dog\n")
    bulk_score("*.txt")
    assert asked == ["a.txt", "b.txt"]


def test_a_context_that_is_not_read_is_said(save_uniform_model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a.txt").write_text("w1\nw2\n")
    model = save_uniform_model(16, context_tokens=3)
    result = CliRunner().invoke(main, ["bulk-score", model, "a.txt", "--output", "out"])
    assert result.exit_code == 0, result.output
    assert (
        "tfx-lm: each record was scored as the first of a document; the model reads up to 3 tokens before a line: say "
        "which lines are a document with --documents\n"
    ) in result.stderr
    assert [row["lm_context_tokens"] for row in written()] == [0, 0]


LINES = "the cat\ncat\n\nthe\ndog cat\ncat\n"
RECORDS = (
    '{"id": 1, "of": {"text": "the cat\\ncat\\n\\nthe", "by": "x"}}\n'
    '{"id": 2, "of": {"text": "cat", "by": "y"}}\n'
    '{"id": 3, "of": {"text": "dog cat\\r\\ncat", "by": null}}\n'
)


@pytest.mark.parametrize(
    ("name", "content", "documents", "read"),
    [
        ("a.txt", LINES, "blank_line", [0, 2, 0, 1, 3]),
        ("a.txt", LINES, "file", [0, 2, 3, 3, 3]),
        ("a.jsonl", RECORDS, "record", [0, 2, 3, 0, 0, 2]),
        ("a.jsonl", RECORDS, "file", [0, 3, 3]),
    ],
)
def test_lines_of_documents_get_the_scores_of_tfx_lm_score(
    save_table_model, bigram_table, tmp_path, monkeypatch, name, content, documents, read
):
    monkeypatch.chdir(tmp_path)
    # However the file is divided among workers: a range of the corpus holds a word or two.
    monkeypatch.setattr(reading, "MIN_RANGE_BYTES", 5)
    Path(name).write_text(content)
    model = save_table_model(*bigram_table, context_tokens=3)
    options = ["--documents", documents, "--text-field", "of.text"]
    result = CliRunner().invoke(main, ["bulk-score", model, name, "--output", "out", *options])
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    *lines, corpus = map(json.loads, CliRunner().invoke(main, ["score", model, name, *options]).stdout.splitlines())
    rows = [{key[3:]: value for key, value in row.items() if key.startswith("lm_")} for row in written()]
    assert [row["context_tokens"] for row in rows] == read
    for row, line in zip(rows, lines, strict=True):
        del line["line"]
        assert row == pytest.approx({"context_tokens": 0, **line})
    assert json.loads(Path("out/scores.json").read_text())["scored"] == pytest.approx(corpus)


def test_a_record_that_is_a_document_is_written_for_each_line(save_table_model, bigram_table, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = save_table_model(*bigram_table, context_tokens=3)
    Path("a.jsonl").write_text(RECORDS)
    Path("b.jsonl").write_text(
        '{"of.text": "the\\ncat", "of": {"text": 1}, "lm_context_tokens": 9}\n'
        f'{{"of.text": "cat", "deep": {"[" * 600 + "]" * 600}}}\n'
    )
    options = ["--documents", "record", "--text-field", "of.text", "--keep", "tokens < 3"]
    result = CliRunner().invoke(main, ["bulk-score", model, "*.jsonl", "--output", "out", *options])
    assert result.exit_code == 0, result.output
    *rows, deep = without_scores(written())
    assert rows == [
        {"id": 1, "of": {"text": "cat", "by": "x"}},
        {"id": 1, "of": {"text": "the", "by": "x"}},
        {"id": 2, "of": {"text": "cat", "by": "y"}},
        {"id": 3, "of": {"text": "cat", "by": None}},
        {"of.text": "the", "of": {"text": 1}},
        {"of.text": "cat", "of": {"text": 1}},
    ]
    # What is nested too deeply for Python's own JSON, which goes deeper since 3.12, is left out.
    assert deep["of.text"] == "cat"
    assert list(deep) in (["of.text"], ["of.text", "deep"])
    assert [row["lm_context_tokens"] for row in written()] == [2, 3, 0, 2, 0, 1, 0]


@pytest.mark.parametrize(
    ("context_tokens", "name", "documents", "message"),
    [
        (0, "a.txt", "file", "--documents=file: {model} reads no context; leave --documents out"),
        (3, "a.txt", "record", "--documents=record: {folder}/a.txt has lines of text, not records; set --documents to"),
        (3, "a.jsonl", "blank_line", "--documents=blank_line: {folder}/a.jsonl has records, not lines of text; set"),
    ],
)
def test_documents_that_are_not_there_are_refused(
    save_table_model, bigram_table, tmp_path, monkeypatch, context_tokens, name, documents, message
):
    monkeypatch.chdir(tmp_path)
    model = save_table_model(*bigram_table, context_tokens=context_tokens)
    Path(name).write_text('{"text": "cat"}\n')
    result = CliRunner().invoke(main, ["bulk-score", model, name, "--output", "out", "--documents", documents])
    assert result.exit_code == 2
    assert message.format(model=model, folder=tmp_path) in result.stderr
    assert not Path("out").exists()


def test_a_condition_that_keeps_nothing_is_said(bulk_score):
    Path("a.txt").write_text("the cat\n")
    result = bulk_score("a.txt", "--keep", "tokens > 1000")
    assert "--keep 'tokens > 1000' keeps no record" in result.stderr
    assert written() == []


@pytest.mark.parametrize(
    ("name", "content", "options", "message"),
    [
        ("a.jsonl", b'{"text": "a"}\n{"body": "b"}\n', [], "a.jsonl line 2"),
        ("a.txt", b"a\n\xff\n", [], "a.txt line 2; repair the text"),
        ("a.txt", b"\n \n", [], "no text to score (2 lines read, all of them empty or dropped)"),
        ("a.txt", b"a\n", ["--keep", "surprise < 1"], "--keep='surprise < 1': `surprise` is neither"),
        ("a.parquet", b"no", [], "a.parquet: not Parquet but text"),
        ("b.txt", b"a\n", [], "no file matches"),
    ],
)
def test_bad_input_is_refused_and_leaves_nothing(bulk_score, name, content, options, message):
    Path(name).write_bytes(content)
    assert message in bulk_score(name.replace("b.txt", "c.txt"), *options, code=2).stderr
    assert not Path("out").exists()


def test_dropped_records_are_left_out(bulk_score):
    Path("a.jsonl").write_text('{"text": "cat"}\n{"body": "b"}\n')
    bulk_score("a.jsonl", "--invalid-records", "drop")
    assert [row["text"] for row in written()] == ["cat"]


def test_what_beam_left_is_no_output(bulk_score, monkeypatch):
    score = score_files._score

    def leaving(files, model, output, *options):
        Path(output, "beam-temp-scored-1b9e").mkdir()
        return score(files, model, output, *options)

    monkeypatch.setattr(score_files, "_score", leaving)
    Path("a.txt").write_text("the cat\n")
    bulk_score("a.txt")
    assert sorted(path.name.partition("-")[0] for path in Path("out").iterdir()) == ["scored", "scores.json"]


def test_an_output_that_exists_is_kept(bulk_score):
    Path("a.txt").write_text("cat\n")
    Path("out").mkdir()
    Path("out/mine").write_text("x")
    assert "--output=" in (message := bulk_score("a.txt", code=2).stderr)
    assert "exists already; name a new folder" in message
    assert Path("out/mine").read_text() == "x"


def test_an_output_that_beam_takes_for_a_pattern_is_refused(bigram_model, tmp_path):
    (tmp_path / "a.txt").write_text("cat\n")
    folder = str(tmp_path / "out[1]")
    result = CliRunner().invoke(main, ["bulk-score", bigram_model, str(tmp_path / "a.txt"), "--output", folder])
    assert result.exit_code == 2
    assert "which TFX and Beam take for patterns" in result.stderr


def test_columns_of_which_python_has_no_values_are_kept(bulk_score):
    invalid = pyarrow.array([b"\xff", b"b"], pyarrow.binary()).view(pyarrow.string())
    table = {
        "text": ["cat", "the cat"],
        "invalid": invalid,
        "within": pyarrow.StructArray.from_arrays([invalid], ["a"]),
        "far": pyarrow.array([2**60, 0], pyarrow.timestamp("ms")),
        "zone": pyarrow.array([0, 0], pyarrow.timestamp("ms", "No/Where")),
    }
    pyarrow.parquet.write_table(pyarrow.table(table), "a.parquet")
    bulk_score("a.parquet")
    assert without_scores(written()) == [
        {
            "text": "cat",
            "invalid": "\\xff",
            "within": {"a": "\\xff"},
            "far": f"<value out of range: {2**60}>",
            "zone": 0,
        },
        {"text": "the cat", "invalid": "b", "within": {"a": "b"}, "far": "1970-01-01 00:00:00", "zone": 0},
    ]


def test_a_column_that_is_damaged_is_refused(bulk_score):
    column = [bytes([number % 256]) * 50 for number in range(100)]
    table = pyarrow.table({"text": ["cat"] * 100, "other": column})
    pyarrow.parquet.write_table(table, "a.parquet", compression="gzip", use_dictionary=False)
    content = bytearray(Path("a.parquet").read_bytes())
    chunk = pyarrow.parquet.ParquetFile("a.parquet").metadata.row_group(0).column(1)
    content[chunk.data_page_offset + chunk.total_compressed_size // 2] ^= 0xFF
    content[chunk.data_page_offset + chunk.total_compressed_size // 2 + 1] ^= 0xFF
    Path("a.parquet").write_bytes(content)
    assert "a.parquet: cannot be read as Parquet" in bulk_score("a.parquet", code=2).stderr
    assert not Path("out").exists()


def test_json_that_is_nested_deeply_and_scores_of_an_earlier_run(bulk_score):
    deep = "[" * 600 + "]" * 600
    Path("a.jsonl").write_text(f'{{"text": "cat", "deep": {deep}}}\n{{"lm_tokens": 9, "text": "cat"}}\n')
    bulk_score("a.jsonl")
    rows = written()
    assert rows[0]["deep"] == json.loads(deep)
    assert [row["lm_tokens"] for row in rows] == [2, 2]


def test_a_pattern_without_files_is_said_and_options_of_beam_keep_the_runner(bulk_score):
    Path("a.txt").write_text("cat\n")
    result = bulk_score("a.txt", "b*.txt", "--beam-arg=--direct_num_workers=1")
    assert "tfx-lm: no file matches" in result.stderr
    assert "b*.txt" in result.stderr


@pytest.mark.parametrize("argument", ["--runner FlinkRunner", "runner=FlinkRunner", "--"])
def test_what_beam_would_pass_over_is_no_option(bulk_score, argument):
    Path("a.txt").write_text("cat\n")
    result = bulk_score("a.txt", f"--beam-arg={argument}", code=2)
    assert f"--beam-arg={argument}: must be an option with its value, such as --beam-arg=--direct" in result.stderr
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("https://example.com/a.txt", "is a web address; download it first"),
        ("a-{SPAN}.txt", "only `tfx-lm run` finds the newest span; name it"),
    ],
)
def test_files_that_only_other_programs_find(bulk_score, file, message):
    assert message in bulk_score(file, code=2).stderr


@pytest.mark.parametrize("output", ["nowhere://bucket/out", "a.txt/out"])
def test_an_output_that_tensorflow_cannot_write_is_refused(bigram_model, tmp_path, monkeypatch, output):
    monkeypatch.chdir(tmp_path)
    Path("a.txt").write_text("cat\n")
    result = CliRunner().invoke(main, ["bulk-score", bigram_model, "a.txt", "--output", output])
    assert result.exit_code == 2
    assert f"{output}: cannot be written (" in result.stderr


def test_ctrl_c_is_no_error_though_beam_makes_one_of_it(bulk_score, monkeypatch):
    def interrupted(*_):
        try:
            signal.raise_signal(signal.SIGINT)
        except BaseException as error:
            raise RuntimeError("SIGINT [while running 'Score']") from error

    monkeypatch.setattr("tfx_lm.components.bulk_score.score_files.score_files", interrupted)
    # It is ignored in what a script starts in the background, and stays so in the command.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert bulk_score("a.txt", code=130).stderr == "tfx-lm: ended by SIGINT; no scores were written\n"
    finally:
        signal.signal(signal.SIGINT, before)
