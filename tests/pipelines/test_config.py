import pathlib
import re
import textwrap

import pytest
from tfx_lm.pipelines import config
from tfx_lm.pipelines.config import PipelineConfig, load_config
from tfx_lm.pipelines.errors import ConfigurationError

GATE = "gate.max_perplexity=100"


def message(*overrides: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_config(None, overrides)
    return str(caught.value)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("data.max_length=1", "data.max_length=1: must be >= 2, or auto"),
        ("data.max_length=long", "data.max_length=long: must be >= 2, or auto"),
        ("trainer.layers=0", "trainer.layers=0: must be >= 1; set trainer.layers"),
        ("trainer.dropout=1.0", "trainer.dropout=1.0: must be < 1.0; set trainer.dropout"),
        ("trainer.layrs=3", "trainer.layrs: unknown key; did you mean trainer.layers?"),
        ("gate.tolerance=-0.1", "gate.tolerance=-0.1: must be >= 0.0; set gate.tolerance"),
        (
            "data.tokenizer=bpe",
            "data.tokenizer=bpe: must be one of 'whitespace', 'word' or 'byte'; set data.tokenizer",
        ),
        (
            "kubeflow.pipeline_root=/srv/models",
            "kubeflow.pipeline_root=/srv/models: every container must reach it; name a folder on object storage, "
            "such as gs://BUCKET/FOLDER",
        ),
        ("kubeflow.trainer.cpu=0", "kubeflow.trainer.cpu=0: must be > 0.0; set kubeflow.trainer.cpu"),
        (
            "trainer.learning_rate=.inf",
            "trainer.learning_rate=inf: input should be a finite number; set trainer.learning_rate",
        ),
        (
            "trainer.adaptive_cutoffs=[10000,2000]",
            "trainer.adaptive_cutoffs=[10000, 2000]: must be rising ids; set trainer.adaptive_cutoffs",
        ),
        (
            "trainer={output: adaptive, adaptive_cutoffs: []}",
            "trainer.adaptive_cutoffs=[]: must be rising ids; set trainer.adaptive_cutoffs",
        ),
        (
            "gate={max_perplexity: 9, slices: sentence_lenght}",
            "gate.slices.0=sentence_lenght: must be one of 'sentence_length', 'unknown_words' or 'file'; "
            "set gate.slices.0",
        ),
        (
            "gate={max_perplexity: 9, slices: [unknown_words, unknown_words]}",
            "gate.slices=['unknown_words', 'unknown_words']: each must be named once; set gate.slices",
        ),
        ("data.splits={train: [], eval: a.txt}", "data.splits.train: no file given"),
        (
            "data={splits: {train: a.txt, eval: b.txt}, eval_percent: 20}",
            "data.eval_percent=20: data.splits brings its own held-out split; remove data.eval_percent",
        ),
        (
            "kubeflow.nodes.accelerator_count=2",
            "kubeflow.nodes.accelerator_count=2: has no effect without a kind; set kubeflow.nodes.accelerator, such as "
            "nvidia.com/gpu, or remove it",
        ),
        (
            "data.files=[a.txt, gs://bucket/b.txt]",
            "data.files: input files on different file systems (/, gs://); copy them to one place",
        ),
        ("trainer", "--set trainer: must be key=value, such as trainer.epochs=3"),
        ("trainer.epochs=[", "--set trainer.epochs=[: the value is not YAML"),
    ],
)
def test_an_error_is_one_line_with_key_value_and_remedy(override, expected):
    assert message(GATE, override) == expected


@pytest.mark.parametrize(
    "root",
    [
        "http://host/models", "ftp://host/models", "file:///srv", "minio://bucket/a", "hdfs://host/a", "GS://bucket/a",
        "gs://", "gs:///models", "s3://",
    ],
)  # fmt: skip
def test_a_pipeline_root_that_kubeflow_and_tfx_do_not_share_is_refused(root):
    assert message(GATE, f"kubeflow.pipeline_root={root}") == (
        f"kubeflow.pipeline_root={root}: Kubeflow keeps artifacts in gs://BUCKET/FOLDER or, with an image that has "
        "tensorflow-io, s3://BUCKET/FOLDER; name such a folder"
    )


@pytest.mark.parametrize("root", ["models", "./models", "/mnt/models", "gs:/bucket/a"])
def test_a_pipeline_root_on_one_machine_is_refused(root):
    assert message(GATE, f"kubeflow.pipeline_root={root}").startswith(
        f"kubeflow.pipeline_root={root}: every container must reach it; name a folder on object storage"
    )


@pytest.mark.parametrize("root", ["gs://bucket", "gs://bucket/my-model/", "s3://bucket/a b"])
def test_a_pipeline_root_in_a_bucket(root):
    assert load_config(None, [GATE, f"kubeflow.pipeline_root={root}"]).kubeflow.pipeline_root == root


def test_an_unknown_section_lists_the_known_ones():
    text = message(GATE, "zzz.bar=1")
    assert text.startswith("zzz: unknown key; known here:")
    assert "trainer" in text


def test_no_threshold_is_an_error():
    assert message() == "no threshold; set gate.max_perplexity or gate.max_bits_per_byte"


def test_files_and_splits_exclude_each_other():
    text = message(GATE, "data.files=a.txt", "data.splits={train: a.txt, eval: b.txt}")
    assert text == "data.files and data.splits are both set; keep one of them"
    assert "must name both train and eval" in message(GATE, "data.splits={train: a.txt}")


def test_a_vocabulary_file_is_found_from_every_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for given, file in (("words.txt", f"{tmp_path}/words.txt"), ("/a/words.txt",) * 2, ("gs://a/words.txt",) * 2):
        assert load_config(None, [GATE, f"vocabulary.file={given}"]).text_options().vocabulary.file == file


def test_the_command_line_wins_over_overrides_and_they_win_over_the_file(tmp_path):
    file = tmp_path / "my.yaml"
    file.write_text(
        textwrap.dedent(
            """
            output: from-file
            data: {files: corpus.txt, max_length: 20}
            trainer: {epochs: 7, layers: 3}
            gate: {max_bits_per_byte: 2.5}
            """
        )
    )
    config = load_config(file, ["trainer.epochs=2", "output=from-set"], {"output": "from-option"})
    assert config.output == "from-option"
    assert config.trainer.epochs == 2
    assert config.trainer.layers == 3
    assert config.data.files == ("corpus.txt",)
    assert config.text_options().model_dump() == {
        "tokenizer": "word",
        "lowercase": True,
        "max_length": 20,
        "vocabulary": {"kind": "words", "size": 10000, "min_count": None, "file": None, "from_": None, "grow": 0},
        "auto_limit": 2048,
        "context_tokens": 0,
        "normalization": "none",
    }
    assert config.data.hash_buckets() == {"train": 90, "eval": 10}


def test_a_line_must_fit_into_a_batch():
    message = "data.max_length=30: a batch holds only trainer.batch_tokens=20 tokens; lower data.max_length, or raise"
    with pytest.raises(ConfigurationError, match=re.escape(message)):
        load_config(None, [GATE, "data.max_length=30", "trainer.batch_tokens=20"])
    assert load_config(None, [GATE, "trainer.batch_tokens=20"]).text_options().auto_limit == 20


def test_a_context_needs_documents_and_room_in_a_batch():
    message = "data.context_tokens=8: lines have a context only within documents; set data.documents to blank_line"
    with pytest.raises(ConfigurationError, match=re.escape(message)):
        load_config(None, [GATE, "data.context_tokens=8"])
    documents = [GATE, "data.documents=file", "data.context_tokens=8"]
    for length, least in (("auto", 2), ("12", 12)):
        message = f"data.context_tokens=8: a batch holds only trainer.batch_tokens={8 + least - 1} tokens"
        with pytest.raises(ConfigurationError, match=re.escape(message)):
            load_config(None, [*documents, f"data.max_length={length}", f"trainer.batch_tokens={8 + least - 1}"])
    options = load_config(None, [*documents, "trainer.batch_tokens=20"]).text_options()
    assert (options.auto_limit, options.context_tokens) == (12, 8)


def test_a_configuration_survives_being_serialised():
    config = load_config(None, [GATE, "data.max_length=12", "data.splits={train: [a.txt], eval: b.txt}"])
    assert PipelineConfig.model_validate(config.model_dump(mode="json")) == config
    assert config.data.hash_buckets() == {}


@pytest.mark.parametrize(
    ("content", "expected"),
    [(b"- a\n- b\n", "must hold `key: value` lines"), (b"a: [\n", "cannot be read as YAML"), (b"\xff\xfe", "YAML")],
)
def test_a_file_that_is_no_configuration(tmp_path, content, expected):
    file = tmp_path / "bad.yaml"
    file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=expected):
        load_config(file)


@pytest.mark.parametrize(
    "option", ["--s3_secret_access_key=abc", "--azure_connection_string", "--S3_session_token=abc"]
)
def test_a_configuration_holds_no_secret(option):
    with pytest.raises(ConfigurationError) as caught:
        load_config(None, ["gate.max_perplexity=9"], {"beam": {"args": ["--parallelism=2", option]}})
    assert f"beam.args: {option.partition('=')[0]}: a configuration holds no secret" in str(caught.value)
    assert "abc" not in str(caught.value)


def test_a_missing_file():
    with pytest.raises(ConfigurationError, match=r"--config nowhere\.yaml: no such file"):
        load_config("nowhere.yaml")


def test_an_empty_file_leaves_the_defaults(tmp_path):
    (tmp_path / "empty.yaml").write_text("")
    assert load_config(tmp_path / "empty.yaml", [GATE]) == load_config(None, [GATE])


def test_every_configuration_that_is_shipped_loads():
    paths = sorted(pathlib.Path(config.__file__).parent.glob("configs/*.yaml"))
    assert len(paths) >= 2
    # Runs with the same name and output share their baseline.
    assert len({load_config(path).name for path in paths}) == len(paths)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["vocabulary.size=256"], "vocabulary.size=256: must be >= 257 with vocabulary.kind=subwords"),
        (["vocabulary.size=null"], "vocabulary.size=null: must be >= 257 with vocabulary.kind=subwords"),
        (["data.tokenizer=byte"], "vocabulary.kind=subwords: data.tokenizer=byte makes no words to split; set"),
        (
            ["drift.max_unknown_rise=0.05"],
            "drift.max_unknown_rise=0.05: with vocabulary.kind=subwords no word is unknown, so that it would never "
            "find anything; set it to null, and drift.max_tokens_change instead",
        ),
    ],
)
def test_subwords_that_cannot_be(overrides, message):
    with pytest.raises(ConfigurationError) as caught:
        load_config(None, ["gate.max_bits_per_byte=2", "vocabulary.kind=subwords", *overrides])
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
