"""Lower case depends on the text alone, never on the locale of the process."""

import os
import subprocess

import pytest
import tensorflow as tf
from helpers.programs import program
from tfx_lm.transform.tokenizer import tokenize


@pytest.mark.slow
def test_every_code_point_reads_alike_in_every_locale(forked_python):
    # ICU, which TensorFlow holds, knows these locales; the system need not. It asks for its own when it is first used.
    command = program("lower_case_digest", python=forked_python)
    started = [
        subprocess.Popen(command, env={**os.environ, "LC_ALL": f"{locale}.UTF-8"}, stdout=subprocess.PIPE)
        for locale in ("C", "tr_TR", "az_AZ", "lt_LT")
    ]
    printed = [process.communicate(timeout=300)[0].split() for process in started]
    assert [process.returncode for process in started] == [0] * 4
    digests, dotless = zip(*printed, strict=True)
    assert digests == (digests[0],) * 4
    # The locales count: in Turkish and Azeri, TensorFlow's own small I has no dot.
    assert dotless == tuple(letter.encode().hex().encode() for letter in "i\u0131\u0131i")


def test_every_code_point_is_lower_cased_as_in_python():
    # TensorFlow holds an ICU of Unicode 13; these got their case later.
    later = {0x2C2F, 0xA7C0, *range(0xA7CB, 0xA7F2), *range(0x10570, 0x105BD), *range(0x10D50, 0x10D86)}
    letters = [chr(code) for code in range(0x110000) if chr(code).isalpha() and code not in later]
    assert len(letters) > 100_000
    words = tokenize(tf.constant(letters), "whitespace", True)
    assert [word.decode() for word in words.flat_values.numpy()] == [letter.lower() for letter in letters]


@pytest.mark.parametrize(("text", "lower"), [("I\u0307", "i\u0307"), ("\u0391\u03a3", "\u03b1\u03c2")])
def test_case_that_depends_on_the_letters_beside(text, lower):
    assert tokenize(tf.constant([text]), "whitespace", True).to_list() == [[lower.encode()]]
