"""Odd files of text in `tfx-lm run`; if a message names a remedy, the test follows it."""

import gzip
import json
import shutil
import sys
import tarfile
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
import zstandard
from helpers.checked_runs import GATE, LINES, refused, runs, shell
from tfx_lm.text_files.csv_rows import csv_rows

pytestmark = pytest.mark.usefixtures("nothing_runs")


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


@pytest.mark.parametrize(("ending", "pack"), [("gz", gzip.compress), ("zst", zstandard.compress)])
def test_what_follows_compressed_data_is_cut_off_as_the_message_says(ending, pack):
    packed = pack(LINES.encode())
    Path(f"old.txt.{ending}").write_bytes(packed + b"garbage")
    command = f"head -c {len(packed)} OLD.{ending} > NEW.{ending}"
    assert refused(*GATE, "--data", f"old.txt.{ending}").endswith(f"to keep what comes before: {command}")
    shell(command.replace("OLD", "old.txt").replace("NEW", "new.txt"))
    runs(*GATE, "--data", f"new.txt.{ending}")


def test_zeros_behind_gzip_data_and_passed_over_frames_of_zstandard():
    Path("x.txt.gz").write_bytes(gzip.compress(LINES.encode()) + bytes(512))
    # What pzstd writes before each frame.
    Path("y.txt.zst").write_bytes(b"\x50\x2a\x4d\x18\x04\0\0\0size" + zstandard.compress(LINES.encode()))
    runs(*GATE, "--data", "x.txt.gz", "--data", "y.txt.zst")


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


def test_csv_with_a_nul():
    Path("x.csv").write_bytes(b"text\n" + b"".join(b'"a\0b %d"\n' % number for number in range(99)))
    runs(*GATE, "--data", "x.csv")
    with Path("x.csv").open("rb") as file:
        assert next(csv_rows(file, "text")).value == b"a\0b 0"
    Path("x.csv").write_bytes(b"a\xff,c\n1,2\n")
    assert "no column 'text'; the columns are a?, c; set data.text_field" in refused(*GATE, "--data", "x.csv")


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


def test_an_empty_file_with_a_mark_alone():
    Path("a.txt").write_bytes(b"\xef\xbb\xbf")
    assert "the corpus is empty" in refused(*GATE, "--data", "a.txt")
