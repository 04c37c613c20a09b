"""The vocabulary file: word on line i has id i, and a supplied file is checked before it does harm."""

import pytest
import tensorflow as tf
from tfx_lm.transform import vocabulary

HEAD = b"<pad>\n<unk>\n<s>\n</s>\n"


@pytest.fixture
def write(tmp_path):
    def write_file(content: bytes) -> str:
        path = tmp_path / "words.txt"
        path.write_bytes(content)
        return str(path)

    return write_file


def test_reserved_tokens_have_the_ids_of_their_lines():
    ids = (vocabulary.PAD_ID, vocabulary.UNKNOWN_ID, vocabulary.START_ID, vocabulary.END_ID)
    assert ids == (0, 1, 2, 3)
    assert [vocabulary.RESERVED[number] for number in ids] == ["<pad>", "<unk>", "<s>", "</s>"]


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_table_and_list_agree(write, end):
    path = write(HEAD + b"the\nc\xc3\xa9t\n\xff\nx\xe2\x80\xa8y\x0bz" + end)
    words = vocabulary.read_vocabulary(path)
    assert words[4:] == [b"the", "cét".encode(), b"\xff", b"x\xe2\x80\xa8y\x0bz"]
    table = vocabulary.lookup_table(path)
    assert table.lookup(tf.constant(words)).numpy().tolist() == list(range(8))
    assert table.lookup(tf.constant(["nowhere", "", "The"])).numpy().tolist() == [1, 1, 1]


def test_the_table_travels_with_a_saved_model(write, tmp_path):
    path = write(HEAD + b"the\n")
    module = tf.Module()
    module.table = vocabulary.lookup_table(path)
    module.look_up = tf.function(module.table.lookup, input_signature=[tf.TensorSpec([None], tf.string)])
    tf.saved_model.save(module, str(tmp_path / "model"))
    write(b"something else\n")
    loaded = tf.saved_model.load(str(tmp_path / "model"))
    assert loaded.look_up(tf.constant(["the", "cat"])).numpy().tolist() == [4, 1]


@pytest.mark.parametrize("content", [HEAD, HEAD + b"the\ncat", HEAD + "é漢\n".encode()])
def test_good_files(write, content):
    vocabulary.check_pinned_vocabulary(write(content))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty; it must begin with the lines <pad> <unk> <s> </s>, then one word a line"),
        (b"the\ncat\n", "line 1 is 'the', must be <pad>; the file must begin with the lines <pad> <unk>"),
        (b"<pad>\n<s>\n</s>\n<unk>\n", "line 2 is '<s>', must be <unk>"),
        (b"\xef\xbb\xbf" + HEAD, "line 1 is '\\ufeff<pad>', must be <pad>"),
        (b"<pad>\n<unk>\n", "has 2 lines; it must begin with the lines <pad> <unk> <s> </s>"),
        (HEAD + b"the\ncat\nthe\n", "'the' is on line 5 and again on line 7; every word has one id"),
        (HEAD + b"<pad>\n", "'<pad>' is on line 1 and again on line 5"),
        (HEAD + b"the\n\ncat\n", "line 6 is blank; remove it"),
        (HEAD.replace(b"\n", b"\r\n"), "line 1 holds a carriage return; save it with \\n line ends"),
    ],
)
def test_bad_files(write, content, message):
    path = write(content)
    with pytest.raises(ValueError) as error:
        vocabulary.check_pinned_vocabulary(path)
    assert str(error.value).startswith(f"vocabulary file {path}: {message}")


def test_no_file(tmp_path):
    with pytest.raises(ValueError, match="does not exist; set vocabulary"):
        vocabulary.check_pinned_vocabulary(str(tmp_path / "nowhere.txt"))
    with pytest.raises(ValueError, match="is a folder; set vocabulary"):
        vocabulary.check_pinned_vocabulary(str(tmp_path))
