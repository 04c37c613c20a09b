"""Small SavedModels with known probabilities, for everything that reads an exported model."""

import hashlib
import json
import pathlib
import shutil

import numpy as np
import pytest
import tensorflow as tf
from tfx_lm.exported import token_identity

RESERVED = ["<pad>", "<unk>", "<s>", "</s>"]


class TableModel(tf.Module):
    """A bigram model: row `previous id` of the table holds the log-probabilities (nats) of the next id.

    White space separates words; lines longer than `max_length` targets are cut. It has the signatures that the
    Trainer exports, written independently of it. With `scalar_k`, `k` of `next_word` is a scalar, as in models of
    before it had a row for each text. With `lowercase`, it lower-cases by the locale of the process. With
    `context_tokens`, it has `score_in_context`, where each word of the context, up to so many, takes off a nat from the
    line's loss, `next_word_in_context`, where it adds one to the log-probabilities, and the token identity says so.
    AutoGraph has nothing to do here, and would take a second or two for each model.
    """

    def __init__(self, words, table, folder, max_length=64, scalar_k=False, lowercase=False, context_tokens=0):
        super().__init__()
        # A file, as the Trainer's models have one among their assets.
        pathlib.Path(folder, "vocabulary").write_text("".join(f"{word}\n" for word in [*RESERVED, *words]))
        self.asset = tf.saved_model.Asset(f"{folder}/vocabulary")
        self.table = tf.Variable(tf.constant(table, tf.float32))
        self.vocabulary = tf.constant(RESERVED + list(words))
        self.max_length = max_length
        self.scalar_k = scalar_k
        self.lowercase = lowercase
        self.context_tokens = context_tokens
        size = len(RESERVED) + len(words)
        initializer = tf.lookup.KeyValueTensorInitializer(list(words), tf.range(4, size, dtype=tf.int64))
        self.ids = tf.lookup.StaticHashTable(initializer, default_value=1)

    def _with_ends(self, ragged, blank, end):
        """A tensor [batch, targets] of the values of each line, then `end`, then `blank`; at most `max_length`."""
        dense = tf.concat([ragged.to_tensor(blank), tf.fill([ragged.nrows(), 1], blank)], axis=1)
        at_end = tf.range(tf.shape(dense, tf.int64)[1]) == ragged.row_lengths()[:, tf.newaxis]
        return tf.where(at_end, end, dense)[:, : self.max_length]

    def _scores(self, text):
        # Dense throughout: ragged broadcasting would make a graph of thousands of operations, slow to save and to load.
        raw = tf.strings.split(tf.strings.lower(text, encoding="utf-8") if self.lowercase else text)
        looked_up = self.ids.lookup(raw.values)
        targets_of_line = raw.row_lengths() + 1
        kept = tf.minimum(targets_of_line, self.max_length)
        words = self._with_ends(raw, "", "</s>")
        targets = self._with_ends(raw.with_values(looked_up), tf.constant(0, tf.int64), tf.constant(3, tf.int64))
        mask = tf.sequence_mask(kept, tf.shape(targets)[1], tf.float32)
        inputs = tf.concat([tf.fill([tf.shape(text)[0], 1], tf.constant(2, tf.int64)), targets[:, :-1]], axis=1)
        log_probabilities = tf.where(mask > 0, tf.gather_nd(self.table, tf.stack([inputs, targets], axis=-1)), 0.0)
        unknown = tf.cast(targets == 1, tf.float32) * mask
        rows = raw.value_rowids()
        places = tf.range(tf.size(rows, tf.int64)) - tf.gather(raw.row_starts(), rows)
        unread = (looked_up == 1) | (places >= self.max_length)
        spelled = tf.where(unread, tf.cast(tf.strings.length(raw.values) + 1, tf.float32), 0.0)
        sums = {
            "nll": -tf.reduce_sum(log_probabilities, axis=1),
            "tokens": tf.reduce_sum(mask, axis=1),
            "bytes": tf.cast(tf.strings.length(text) + 1, tf.float32),
            "oov_tokens": tf.reduce_sum(unknown, axis=1),
            "oov_nll": -tf.reduce_sum(tf.where(unknown > 0, log_probabilities, 0.0), axis=1),
            "truncated_tokens": tf.cast(targets_of_line - kept, tf.float32),
            "spelled_bytes": tf.math.unsorted_segment_sum(spelled, rows, raw.nrows()),
        }
        return sums, words, targets, log_probabilities, mask

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")], autograph=False)
    def evaluate(self, examples):
        feature = tf.io.FixedLenFeature([], tf.string, "")
        parsed = tf.io.parse_example(examples, {"text": feature, "context": feature})
        sums = self._scores(parsed["text"])[0]
        return self._behind(sums, parsed["context"]) if self.context_tokens else sums

    def _behind(self, outputs, context):
        read = tf.minimum(tf.strings.split(context).row_lengths(), self.context_tokens)
        read = tf.cast(read, tf.float32)
        return {**outputs, "nll": outputs["nll"] - read, "context_tokens": read}

    def score_in_context(self, text, context):
        return self._behind(self.score(text), context)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")], autograph=False)
    def score(self, text):
        sums, words, ids, log_probabilities, mask = self._scores(text)
        return {**sums, "words": words, "ids": ids, "log_probabilities": log_probabilities, "mask": mask}

    def next_word(self, text, k):
        raw = tf.strings.split(text)
        ids = self.ids.lookup(raw.to_tensor("</s>"))
        ids = tf.concat([tf.fill([tf.shape(text)[0], 1], tf.constant(2, tf.int64)), ids], axis=1)
        last = tf.gather(ids, raw.row_lengths(), axis=1, batch_dims=1)
        rows = tf.gather(self.table, last)[:, 4:]
        k = tf.minimum(tf.broadcast_to(k, tf.shape(text)), tf.shape(rows)[1])
        values, positions = tf.math.top_k(rows, tf.reduce_max(k))
        own = tf.sequence_mask(k, tf.reduce_max(k))
        words = tf.gather(self.vocabulary, positions + 4)
        return {"words": tf.where(own, words, ""), "log_probabilities": tf.where(own, values, -np.inf)}

    def next_word_in_context(self, text, context, k):
        outputs = self.next_word(text, k)
        read = tf.cast(tf.minimum(tf.strings.split(context).row_lengths(), self.context_tokens), tf.float32)
        return {**outputs, "log_probabilities": outputs["log_probabilities"] + read[:, tf.newaxis]}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")], autograph=False)
    def serving_default(self, text):
        sums = self._scores(text)[0]
        perplexity = tf.exp(sums["nll"] / sums["tokens"])
        return {"log_probability": -sums["nll"], "tokens": sums["tokens"], "perplexity": perplexity}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")], autograph=False)
    def tokenize(self, text):
        raw = tf.strings.split(text)
        ids = raw.with_values(self.ids.lookup(raw.values))
        mask = tf.sequence_mask(raw.row_lengths(), dtype=tf.float32)
        return {"words": raw.to_tensor(""), "ids": ids.to_tensor(0), "mask": mask}

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None], tf.int64, name="ids"),
            tf.TensorSpec([None, 1, 2, 3], tf.float32, name="states"),
        ],
        autograph=False,
    )
    def step(self, ids, states):
        return {"log_probabilities": tf.gather(self.table, ids[:, -1]), "states": tf.identity(states)}

    def save(self, path):
        names = ("evaluate", "score", "serving_default", "tokenize", "step")
        signatures = {name: getattr(self, name) for name in names}
        k = tf.TensorSpec([] if self.scalar_k else [None], tf.int32, name="k")
        text = tf.TensorSpec([None], tf.string, name="text")
        signatures["next_word"] = tf.function(self.next_word, input_signature=[text, k], autograph=False)
        if self.context_tokens:
            both = [text, tf.TensorSpec([None], tf.string, name="context")]
            signatures["score_in_context"] = tf.function(self.score_in_context, input_signature=both, autograph=False)
            signatures["next_word_in_context"] = tf.function(
                self.next_word_in_context, input_signature=[*both, k], autograph=False
            )
        tf.saved_model.save(self, str(path), signatures=signatures)
        if self.context_tokens:
            identity = pathlib.Path(path, token_identity.FILE)
            identity.parent.mkdir(exist_ok=True)
            identity.write_text(json.dumps({"context_tokens": self.context_tokens}))
        return str(path)


@pytest.fixture(scope="session")
def save_table_model(tmp_path_factory, build_once):
    """A function that saves a TableModel and returns its folder.

    Saving takes seconds and copying does not, so each model is saved once; each call returns a folder of its own.
    """

    def save(words, table, path=None, **options):
        content = repr((list(words), np.asarray(table, np.float32).tolist(), sorted(options.items())))

        def build(folder):
            TableModel(words, table, tmp_path_factory.mktemp("asset"), **options).save(folder / "saved")

        saved = build_once(f"table-model-{hashlib.sha256(content.encode()).hexdigest()[:16]}", build) / "saved"
        folder = path or tmp_path_factory.mktemp("model") / "saved"
        shutil.copytree(saved, folder, dirs_exist_ok=True)
        return str(folder)

    return save


@pytest.fixture(scope="session")
def save_uniform_model(save_table_model):
    """A function that saves a model with the same probability for each of `size` words, reserved ones included."""

    def save(size=16, log_probability=None, **options):
        words = [f"w{index}" for index in range(size - 4)]
        value = -tf.math.log(float(size)).numpy() if log_probability is None else log_probability
        return save_table_model(words, [[value] * size] * size, **options)

    return save


@pytest.fixture(scope="session")
def bigram_table():
    """Words and log-probabilities whose perplexity is worked out by hand in the tests.

    From <s>: the 1/2, cat 1/4, <unk> 1/8, </s> 1/8. From the: cat 1/2, <unk> 1/4, the 1/8, </s> 1/8. From cat:
    </s> 1/2, the 1/4, cat 1/8, <unk> 1/8. From <unk>: </s> 1/2, the 1/8, cat 1/8, <unk> 1/4.
    """
    half, quarter, eighth = (-tf.math.log(2.0).numpy() * power for power in (1, 2, 3))
    never = -100.0
    #        pad    unk      s      /s       the      cat
    rows = {
        0: [never, never, never, never, never, never],
        1: [never, quarter, never, half, eighth, eighth],
        2: [never, eighth, never, eighth, half, quarter],
        3: [never, never, never, never, never, never],
        4: [never, quarter, never, eighth, eighth, half],
        5: [never, eighth, never, half, quarter, eighth],
    }
    return ["the", "cat"], [rows[index] for index in range(6)]


@pytest.fixture(scope="session")
def uniform_model(save_uniform_model):
    """Uniform over 16 words."""
    return save_uniform_model(16)


@pytest.fixture(scope="session")
def nan_model(save_uniform_model):
    """A broken model: every log-probability is NaN."""
    return save_uniform_model(8, log_probability=float("nan"))


@pytest.fixture(scope="session")
def bigram_model(save_table_model, bigram_table):
    """The model of `bigram_table`."""
    return save_table_model(*bigram_table)
