"""First bytes of JSON-lines files: what is refused at once, and what `invalid_records` decides about."""

import pytest
from tfx_lm.text_files.binary import HEAD_BYTES
from tfx_lm.text_files.errors import UnreadableFileError
from tfx_lm.text_files.looking import look_at

GOOD = b'{"text": "a"}\n{"text": "b"}\n'
SOME = b'{"text": "a"},\n' * (HEAD_BYTES // 10)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        GOOD,
        b"\n \n" + GOOD,
        b'{"text": "a"}',
        b'{"text": "a"} junk\n' + GOOD,
        b'{"text": "a"}, {"text": "b"}\n' + GOOD,
        b'{"text": "a"} {junk\n' + GOOD,
        b'{"text": "a"}]\n' + GOOD,
        b'{"text": "a"\n' + GOOD,
        b"junk\n" + GOOD,
        b"[junk\n" + GOOD,
        b'["a"]\n' + GOOD,
        b"[]\n\n" + GOOD,
    ],
)
def test_a_first_line_that_is_not_valid_is_left_to_the_options_of_records(tmp_path, content):
    (tmp_path / "x.jsonl").write_bytes(content)
    look_at(str(tmp_path / "x.jsonl"), "text")


@pytest.mark.parametrize(
    ("content", "what", "jq"),
    [
        (b'{\n  "text": "a"\n}\n{\n  "text": "b"\n}\n', "JSON objects that run over lines or share one", "."),
        (b'{"text": "a"} {"text": "b"}\n', "JSON objects that run over lines or share one", "."),
        (b'{"text": "a"}{"text":\n"b"}\n', "JSON objects that run over lines or share one", "."),
        (b'[{"text": "a"}, {"text": "b"}]\n', "a JSON array", ".[]"),
        (b'[\n{"text": "a"}\n]\n', "a JSON array", ".[]"),
        (b'[{"text": "a"}]\n[{"text": "b"}]\n', "a JSON array", ".[]"),
        (b'[{"text": "a"},\n' + SOME + b'{"text": "a"}]', "a JSON array", ".[]"),
        (b'[{"text": "a"},' + SOME.replace(b"\n", b"") + b'{"text": "a"}]', "a JSON array", ".[]"),
    ],
)
def test_json_that_does_not_stand_in_lines_is_refused(tmp_path, content, what, jq):
    path = tmp_path / "x.jsonl"
    path.write_bytes(content)
    with pytest.raises(UnreadableFileError) as caught:
        look_at(str(path), "text")
    assert str(caught.value) == (
        f"holds {what}, and not one JSON object a line; write it as JSON lines: jq -c {jq} {path} > x.jsonl"
    )
