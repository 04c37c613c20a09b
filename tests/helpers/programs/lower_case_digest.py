"""Prints a digest of every code point in lower case, and how TensorFlow alone lower-cases I."""

import hashlib

import tensorflow as tf
from tfx_lm.transform.tokenizer import tokenize

CODES = [code for code in range(1, 0x110000) if not 0xD800 <= code < 0xE000]
# Lines of many code points, since a line alone costs more than a thousand of its words.
texts = [" ".join(map(chr, CODES[begin : begin + 1024])) for begin in range(0, len(CODES), 1024)]
texts += ["THIS IS IT", "I Ì", "İ", "J́", "Į̃", "ΑΣ"]
digest = hashlib.sha256()
for kind in ("word", "whitespace", "byte"):
    words = tokenize(tf.constant(texts), kind, True)
    assert len(words.flat_values) > 1_000_000
    digest.update(tf.strings.reduce_join(words.flat_values, separator=" ").numpy())
print(digest.hexdigest(), tf.strings.lower("I", encoding="utf-8").numpy().hex())
