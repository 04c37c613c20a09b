import json

import pytest
from tfx_lm.components.bulk_score.batch import Batch, Batcher, Read
from tfx_lm.components.bulk_score.json_records import JsonRecords, TextRecord


class Pairs:
    """Records that are pairs already."""

    def read(self, element):
        return Read(*element)


def batches(pairs) -> list[Batch]:
    batcher = Batcher(Pairs())
    return [batch for pair in pairs for batch in batcher.add(pair)] + list(batcher.rest())


@pytest.mark.parametrize(
    ("record", "text", "count", "sizes"),
    [
        (b"{}", b"a", 2500, [1000, 1000, 500]),
        (b"{}", b"a" * 400_000, 7, [3, 3, 1]),
        (b"x" * 2**24, b"a", 5, [4, 1]),
        (b"{}", b"", 1, [1]),
        (b"{}", b"a", 0, []),
    ],
)
def test_a_batch_has_bounded_lines_text_and_bytes(record, text, count, sizes):
    found = batches([(record, text)] * count)
    assert [len(batch.texts) for batch in found] == sizes
    assert all(batch.records == [record] * len(batch.texts) for batch in found)


def test_the_lines_of_a_batch_are_one_element_whose_last_terminator_the_writer_adds():
    written = [JsonRecords().write(b'{"text": "a"}', {"lm_tokens": 2}), JsonRecords().write(b"{}", {"lm_tokens": 3})]
    assert JsonRecords().element(written) == b'{"text": "a", "lm_tokens": 2}\n{"lm_tokens": 3}'


def test_a_line_of_text_is_kept_as_it_is_though_it_is_scored_normalized():
    record = TextRecord("é".encode(), "e\u0301".encode(), has_fields=False, context=b"a")
    assert JsonRecords().read(record) == ('{"text": "e\u0301"}'.encode(), "é".encode(), b"a")


@pytest.mark.parametrize(("depth", "other"), [(2, b', "other": [[]]'), (100_000, b"")])
def test_a_record_is_parsed_once_for_all_its_lines(monkeypatch, depth, other):
    parse, parsed = json.loads, []
    monkeypatch.setattr(json, "loads", lambda text: parsed.append(len(text)) or parse(text))
    whole = b'{"text": "a\\nb\\nc", "other": ' + b"[" * depth + b"]" * depth + b"}"
    records = JsonRecords("text")
    lines = [records.read(TextRecord(line, whole, has_fields=True)).record for line in (b"a", b"b", b"c")]
    assert lines == [b'{"text": "' + line + b'"' + other + b"}" for line in (b"a", b"b", b"c")]
    assert parsed == [len(whole)]
    # The next record is another one.
    after = TextRecord(b"d", b'{"text": "d", "id": 1}', has_fields=True)
    assert records.read(after).record == b'{"text": "d", "id": 1}'
