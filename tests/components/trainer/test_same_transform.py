import copy

import pytest
from tfx_lm.components.trainer.run_fn import run_fn
from tfx_lm.components.trainer.same_transform import check_same_transform
from tfx_lm.errors import SettingError
from tfx_lm.model.transform_graph import TransformGraph
from tfx_lm.transform.options import TextOptions
from tfx_lm.transform.vocabulary import RESERVED

# Those of the corpus.
OPTIONS = {"tokenizer": "word", "lowercase": True, "max_length": 12, "vocabulary": {"size": 24}}


@pytest.fixture(scope="module")
def graph(corpus):
    return TransformGraph(corpus.transform_output)


@pytest.mark.parametrize(
    "other",
    [
        {},
        {"max_length": "auto"},
        {"max_length": "auto", "auto_limit": 12},
        {"vocabulary": {"size": None, "file": None}},
    ],
)
def test_options_that_fit(graph, other):
    check_same_transform(graph, TextOptions.parse(OPTIONS | other))


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (
            {"tokenizer": "whitespace"},
            "tokenizer=whitespace, lowercase=True: Transform used tokenizer=word, lowercase=True",
        ),
        ({"tokenizer": "byte"}, "tokenizer=byte, lowercase=True: Transform used tokenizer=word, lowercase=True"),
        ({"lowercase": False}, "tokenizer=word, lowercase=False: Transform used tokenizer=word, lowercase=True"),
        ({"max_length": 11}, "max_length=11: the lines of Transform have more than 11 tokens"),
        ({"max_length": 13}, "max_length=13: the lines of Transform have at most 12 tokens"),
        (
            {"max_length": "auto", "auto_limit": 11},
            "auto_limit=11: the lines of Transform have more than 11 tokens",
        ),
        ({"vocabulary": {"size": 21}}, "vocabulary_size=21: the vocabulary of Transform has 22 words"),
    ],
)
def test_options_of_another_transform_are_refused_with_what_it_used(graph, other, message):
    with pytest.raises(SettingError) as caught:
        check_same_transform(graph, TextOptions.parse(OPTIONS | other))
    assert str(caught.value) == f"{message}; give the Trainer the options of its Transform"


def test_another_pinned_vocabulary(graph, tmp_path):
    own = (tmp_path / "own.txt", tmp_path / "other.txt")
    with open(graph.vocabulary_path, "rb") as file:  # noqa: PTH123
        own[0].write_bytes(file.read())
    own[1].write_text("\n".join([*RESERVED, "the"]))
    # The corpus was made without one, but with these words.
    check_same_transform(graph, TextOptions.parse(OPTIONS | {"vocabulary": {"file": str(own[0])}}))
    with pytest.raises(SettingError, match=r"other\.txt: Transform used another vocabulary"):
        check_same_transform(graph, TextOptions.parse(OPTIONS | {"vocabulary": {"file": str(own[1])}}))
    # The Trainer may run where the file is not.
    check_same_transform(graph, TextOptions.parse(OPTIONS | {"vocabulary": {"file": str(tmp_path / "none.txt")}}))


def test_run_fn_refuses_it_before_it_trains(corpus, tmp_path):
    fn_args = corpus.fn_args(tmp_path)
    fn_args.custom_config = copy.deepcopy(fn_args.custom_config)
    fn_args.custom_config["transform"]["lowercase"] = False
    with pytest.raises(SettingError, match="lowercase=False: Transform used tokenizer=word, lowercase=True"):
        run_fn(fn_args)
    assert list(tmp_path.iterdir()) == []
