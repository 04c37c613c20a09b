"""Odd data through all that reads it: a valid result, or one sentence; never a traceback, and never a wrong count.

Each test tries a few inputs within `make test`, and thousands with `make test-faults`.
"""

import functools
import io
import random
import unicodedata
from functools import cache

import pytest
import tensorflow as tf
from helpers import odd_data
from helpers.configuration_keys import dotted_keys
from helpers.plain_count import RESERVED, Totals, alone, totals, words
from helpers.read_by_pipeline import check_read
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tfx_lm.pipelines.config import PipelineConfig, load_config
from tfx_lm.pipelines.errors import ConfigurationError
from tfx_lm.text_files.errors import UnreadableFileError
from tfx_lm.text_files.records import numbered_records
from tfx_lm.transform.accounting import line_sums
from tfx_lm.transform.tokenizer import KINDS, tokenize

pytestmark = pytest.mark.slow


def few_or_many(few: int, many: int) -> pytest.MarkDecorator:
    """Runs a test with a few inputs always, and with many where all faults are tried."""
    return pytest.mark.parametrize("tried", [few, pytest.param(many, marks=pytest.mark.faults)])


def try_inputs(strategy: st.SearchStrategy, check, faults, tried: int) -> None:
    """Tries inputs of a strategy; each is counted in the table, and an exception as a traceback."""

    @settings(
        max_examples=tried,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
        derandomize=True,
        phases=(Phase.generate, Phase.shrink),
    )
    @given(strategy)
    def one(value):
        faults.bad_input()
        with faults.no_traceback():
            check(value)

    one()


FILES = {
    "x.txt": odd_data.text_files,
    "x.jsonl": odd_data.json_files,
    "x.csv": odd_data.csv_files,
    "x.txt.gz": st.binary(max_size=60).map(lambda data: b"\x1f\x8b\x08" + data),
    "x.txt.zst": st.binary(max_size=60).map(lambda data: b"\x28\xb5\x2f\xfd" + data),
}


@few_or_many(20, 400)
@pytest.mark.parametrize("name", FILES)
def test_files_of_odd_text(tmp_path, faults, name, tried):
    path = tmp_path / name

    def check(case):
        data, drop, seed = case
        path.write_bytes(data)
        check_read(path, drop=drop, cuts=seed % 5, seed=seed)

    try_inputs(st.tuples(FILES[name], st.booleans(), st.integers(0, 2**16)), check, faults, tried)


@few_or_many(12, 600)
@pytest.mark.parametrize("name", [*odd_data.whole_files()])
def test_files_with_a_wrong_byte(tmp_path, faults, name, tried):
    path = tmp_path / name
    data = odd_data.whole_files()[name]
    path.write_bytes(data)
    assert check_read(path) == ""
    inputs = list(odd_data.mutations(data))
    for number, mutated in enumerate(random.Random(16).sample(inputs, min(tried, len(inputs)))):
        path.write_bytes(mutated)
        faults.bad_input()
        with faults.no_traceback():
            check_read(path, drop=number % 2 == 1, cuts=number % 4, seed=number)


# What these tests have found: each was once a traceback, a wrong count or a misleading message.
FOUND = {
    "a mark alone": ("x.txt", b"\xef\xbb\xbf", "the corpus is empty"),
    "two carriage returns": ("x.csv", b"text\r\r\n" + b"a,b\r\n" * 99, "would be empty"),
    "a NUL": ("x.csv", b"text\n" + b"".join(b"a\0 %d\n" % number for number in range(99)), ""),
    "a name that is not UTF-8": (
        "x.parquet", odd_data.table(odd_data.LINES, column="extra").replace(b"extra", b"\xffxtra"),
        "cannot be read as Parquet ('utf-8' codec can't decode",
    ),
    "a first line that is not UTF-8": ("x.txt", b"\xff\n" + b"the cat\n" * 99, "line 1: not valid UTF-8"),
}  # fmt: skip


@pytest.mark.parametrize("case", FOUND)
def test_what_was_wrong_once(tmp_path, faults, case):
    name, data, message = FOUND[case]
    path = tmp_path / name
    path.write_bytes(data)
    faults.bad_input()
    with faults.no_traceback():
        refused = check_read(path)
    assert message in refused
    assert bool(message) == bool(refused)


@pytest.mark.faults
def test_rows_that_a_damaged_parquet_file_lacks_are_missed():
    """pyarrow says nothing of a page that has fewer rows than the table."""
    reasons = set()
    for mutated in odd_data.mutations(odd_data.table(odd_data.LINES, compression="zstd")):
        try:
            assert len(list(numbered_records(io.BytesIO(mutated), "x.parquet", "text"))) == len(odd_data.LINES)
        except UnreadableFileError as error:
            reasons.add(str(error))
    assert "damaged: 24 rows cannot be read; write it again" in reasons
    assert "damaged: it says that it has 24 rows, and its row groups have 0; write it again" in reasons


class Letters:
    """Code points of which Python and TensorFlow know the same properties: their versions of Unicode may differ."""

    def __init__(self) -> None:
        self._agreed: dict[str, bool] = {}

    def agreed(self, lines: list[str]) -> list[str]:
        """Returns lines without the other code points."""
        new = sorted({letter for line in lines for letter in line} - self._agreed.keys())
        column = tf.constant([letter.encode() for letter in new], tf.string)
        same = [True] * len(new)
        for pattern, has in PROPERTIES.items():
            theirs = tf.strings.regex_full_match(column, pattern).numpy().tolist()
            same = [agree and has(letter) == their for agree, letter, their in zip(same, new, theirs, strict=True)]
        lowered = tf.strings.lower(column, encoding="utf-8").numpy().tolist()
        for letter, agree, small in zip(new, same, lowered, strict=True):
            self._agreed[letter] = agree and (letter == "\0" or letter.lower().encode() == small)
        return ["".join(letter for letter in line if self._agreed[letter]) for line in lines]

    def share(self) -> float:
        """Returns the share of the code points seen that agree."""
        return sum(self._agreed.values()) / len(self._agreed)


PROPERTIES = {
    r"\p{P}|\p{S}|[\p{Han}\p{Hiragana}\p{Katakana}\x{30FC}]": alone,
    r"\p{Z}|\p{Cc}": lambda letter: unicodedata.category(letter) in ("Zs", "Zl", "Zp", "Cc"),
    r"\p{C}": lambda letter: unicodedata.category(letter) in ("Cc", "Cf", "Co"),
    r"\p{M}": lambda letter: unicodedata.category(letter)[0] == "M",
}
LETTERS = Letters()


@cache
def counter(kind: str, lowercase: bool):
    """Our sums of lines, and their words, with a vocabulary of the words that are given."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string), tf.TensorSpec([None], tf.string)])
    def count(text, vocabulary):
        tokens = tokenize(text, kind, lowercase)
        known = tf.reduce_any(tokens.flat_values[:, tf.newaxis] == vocabulary, axis=1)
        ids = tokens.with_flat_values(tf.where(known, tf.constant(7, tf.int64), tf.constant(1, tf.int64)))
        ids = tf.concat([ids, tf.fill([tokens.nrows(), 1], tf.constant(3, tf.int64))], axis=1)
        return tokens, line_sums(text, tokens, ids, kind)

    return count


@few_or_many(10, 500)
@pytest.mark.parametrize("lowercase", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_words_bytes_and_unknowns_of_odd_lines(faults, kind, lowercase, tried):
    def check(case):
        lines, seed = case
        lines = LETTERS.agreed(lines)
        expected = [words(line, kind, lowercase) for line in lines]
        every = sorted({word for row in expected for word in row} - {b"<unk>"})
        vocabulary = set(random.Random(seed).sample(every, len(every) // 2))
        tokens, sums = counter(kind, lowercase)(
            tf.constant(lines, tf.string), tf.constant(sorted(vocabulary), tf.string)
        )
        assert tokens.to_list() == expected
        found = Totals(len(lines), *(int(tf.reduce_sum(part)) for part in (sums.bytes, sums.tokens, sums.oov_tokens)))
        assert found == totals(lines, vocabulary, kind, lowercase)
        assert not {token.encode() for token in RESERVED} - {b"<unk>"} & {word for row in expected for word in row}

    try_inputs(st.tuples(st.lists(odd_data.texts, max_size=6), st.integers(0, 9)), check, faults, tried)
    # The others are newer than one of the two, or signs of a script that is written without spaces.
    assert LETTERS.share() > 0.95


SHAPES = {
    "a line of 10 MB": lambda: (
        "naïve 猫 word's, " * (10 * 2**20 // 20) + "\n" + "".join(f"line {n}\n" for n in range(99))
    ),
    "a million lines of one word": lambda: "word\n" * 1_000_000,
    "a hundred thousand lines, all the same": lambda: "The cat sat on the mat.\n" * 100_000,
    "every word once": lambda: "".join(f"w{n} x{n}\n" for n in range(100_000)),
    "one line in all": lambda: "the only line",
}


@pytest.mark.faults
@pytest.mark.parametrize("shape", SHAPES)
def test_corpora_of_odd_shapes(tmp_path, faults, shape):
    text = SHAPES[shape]()
    path = tmp_path / "x.txt"
    path.write_text(text, encoding="utf-8")
    faults.bad_input()
    with faults.no_traceback():
        refused = check_read(path)
    # Of lines that are all the same, one of two splits has none.
    assert ("would be empty" in refused) == ("same" in shape or "one" in shape)
    lines = text.removesuffix("\n").split("\n")
    # A tensor of the 10 million bytes of one line, each a string, would take a gigabyte.
    for kind in KINDS if len(lines[0]) < 2**20 else ("word", "whitespace"):
        vocabulary = {b"word", b"the", b"cat", b"w17", b"<0x61>"}
        found = Totals()
        for begin in range(0, len(lines), 5000):
            batch = tf.constant(lines[begin : begin + 5000], tf.string)
            _, sums = counter(kind, True)(batch, tf.constant(sorted(vocabulary), tf.string))
            found.lines += len(batch)
            found.bytes += int(tf.reduce_sum(tf.cast(sums.bytes, tf.int64)))
            found.tokens += int(tf.reduce_sum(tf.cast(sums.tokens, tf.int64)))
            found.unknown += int(tf.reduce_sum(tf.cast(sums.oov_tokens, tf.int64)))
        assert found == totals(lines, vocabulary, kind, True)


# fmt: off
yaml_scalars = odd_data.texts | st.sampled_from([
    "2024-13-45", "!!int x", "!!bool maybe", "!!timestamp x", "'\\0'", '"\\ud800"', "1e999", "9" * 30, "0x_", ".nan",
    "010", "&a [*a]", "*b", "~", "''", "!!set {a}", "!!binary '%'", "!!map [1]", "[", "{", "- -", "a: b: c",
])
yaml_keys = odd_data.texts | st.sampled_from([
    "trainer", "trainer.epochs", "data", "data.files", "data.splits.train", "data.max_length", "gate.slices", "name",
    "output", "vocabulary.file", "kubeflow.trainer.cpu", "beam.args", "metadata", "<<", "",
])
# fmt: on
overrides = st.lists(st.tuples(yaml_keys, yaml_scalars).map("=".join), min_size=1, max_size=3)
documents = st.lists(st.tuples(yaml_keys, yaml_scalars).map(": ".join), max_size=5).map("\n".join).map(str.encode)
documents |= st.binary(max_size=60)


@few_or_many(100, 1500)
def test_odd_configurations(tmp_path, faults, tried):
    def check(case):
        document, settings = case
        (tmp_path / "x.yaml").write_bytes(document)
        for path, given_settings in ((tmp_path / "x.yaml", []), (None, settings)):
            try:
                load_config(path, given_settings)
            except ConfigurationError as error:
                assert str(error)

    try_inputs(st.tuples(documents, overrides), check, faults, tried)


@pytest.mark.parametrize("key", [*dotted_keys(PipelineConfig)])
def test_huge_values_of_every_key(faults, key):
    values = [str(10**18), str(-(10**30)), str(2**31), str(2**63), "1e300", "-1e300", "1e-320", ".inf", "x" * 5000]
    for value in values:
        faults.bad_input()
        with faults.no_traceback():
            try:
                config = load_config(overrides=["gate.max_perplexity=5", f"{key}={value}"])
            except ConfigurationError as error:
                assert key.split(".")[0] in str(error)
            else:
                # What is accepted fits into what TensorFlow, TFX and gRPC keep.
                given = functools.reduce(getattr, key.split("."), config)
                assert not isinstance(given, int) or -(2**31) <= given < 2**31
                assert not isinstance(given, float) or abs(given) <= 1e30
