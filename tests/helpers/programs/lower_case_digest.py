"""Prints a digest of every code point in lower case."""

import hashlib

import tensorflow as tf
from tfx_lm.transform.tokenizer import tokenize

texts = [chr(code) for code in range(1, 0x110000) if not 0xD800 <= code < 0xE000]
texts += ["THIS IS IT", "I Ì", "İ", "J́", "Į̃", "ΑΣ"]
digest = hashlib.sha256()
for kind in ("word", "whitespace", "byte"):
    digest.update(b" ".join(tokenize(tf.constant(texts), kind, True).flat_values.numpy()))
print(digest.hexdigest())
