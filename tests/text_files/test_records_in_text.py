import shutil
import subprocess

import pytest
from tfx_lm.text_files.binary import HEAD_BYTES
from tfx_lm.text_files.errors import UnreadableFileError
from tfx_lm.text_files.file_types import FileType
from tfx_lm.text_files.parsing import Parsed, parse_line
from tfx_lm.text_files.records_in_text import check_plain


@pytest.mark.parametrize(
    ("head", "what", "remedy"),
    [
        (b'{"text": "a"}\n{"text": "b"}\n', "JSON lines", "rename it to .jsonl"),
        (b'\xef\xbb\xbf{"id": 1}\r\n\r\n {"id": 2}', "JSON lines", "rename it to .jsonl"),
        (b"id,text\n1,a\n2,b\n", "a CSV file with a header", "rename it to .csv"),
        (b'"id","text"\n1,"a, b"\n2,"c\nd"\n', "a CSV file with a header", "rename it to .csv"),
        (b"id\ttext\n1\ta\n", r"a table separated by '\t'", "save it as .csv with a header"),
    ],
)
def test_records_are_refused(head, what, remedy):
    with pytest.raises(UnreadableFileError) as caught:
        check_plain(head, "text")
    assert str(caught.value) == (
        f"called plain text, but holds {what}; {remedy}, or, to take each line as it is: "
        "jq -Rc '{\"text\": .}' < OLD.txt > NEW.jsonl"
    )


@pytest.mark.parametrize(
    ("text_field", "command"),
    [
        ("a.b", """jq -Rc '{"a": {"b": .}}' < OLD.txt > NEW.jsonl"""),
        ("a.b.c", """jq -Rc '{"a": {"b": {"c": .}}}' < OLD.txt > NEW.jsonl"""),
        ("my text", """jq -Rc '{"my text": .}' < OLD.txt > NEW.jsonl"""),
        ('"\\(1)', r"""jq -Rc '{"\"\\(1)": .}' < OLD.txt > NEW.jsonl"""),
        ("it's", """jq -Rc '{"it'"'"'s": .}' < OLD.txt > NEW.jsonl"""),
        ("猫", """jq -Rc '{"猫": .}' < OLD.txt > NEW.jsonl"""),
    ],
)
def test_the_command_makes_records_with_any_field(tmp_path, text_field, command):
    with pytest.raises(UnreadableFileError) as caught:
        check_plain(b'{"text": "a"}\n{"text": "b"}\n', text_field)
    assert str(caught.value).split("as it is: ")[1] == command
    if shutil.which("jq"):
        (tmp_path / "OLD.txt").write_text("the cat\n")
        subprocess.run(command, shell=True, cwd=tmp_path, check=True)
        line = (tmp_path / "NEW.jsonl").read_bytes()
        assert parse_line(line, FileType.JSON_LINES, text_field) == Parsed("the cat")


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b'{"text": "a"}\n',  # One object may be any JSON file.
        b'{"text": "a"}\nthe cat\n',
        b"{}\n{}\n",
        b"{\n}\n",
        b"[1]\n[2]\n",
        b"{the cat}\n{sat}\n",
        b"a,b\n1,2\n",  # No column of this name.
        b"text, and more\nthe cat sat\n",
        b"text,text\nthe cat, the dog and, well\n",
        b"the cat\tdie Katze\nthe dog\tder Hund\n",
        b"text\na\nb\n",
        b"\xff\xfe\xff\n\xff\n",
        b"id,text\n1,\x00, a\n",
    ],
)
def test_all_else_is_text(head):
    check_plain(head, "text")


@pytest.mark.slow
def test_a_last_line_that_is_cut_does_not_count():
    line = b'{"text": "%s"}\n' % (b"a" * 100)
    head = (line * (HEAD_BYTES // len(line) + 1))[:HEAD_BYTES]
    with pytest.raises(UnreadableFileError, match="JSON lines"):
        check_plain(head, "text")
    check_plain(head[:-1], "text")
