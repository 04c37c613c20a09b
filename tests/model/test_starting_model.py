"""A model to start from: what is read of it, what is refused, and which rows go where."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from tfx_lm.errors import SettingError
from tfx_lm.exported.token_identity import write_token_identity
from tfx_lm.exported.training_origin import FILE, TrainingOrigin, read_training_origin, write_training_origin
from tfx_lm.model.language_model import LanguageModel
from tfx_lm.model.options import TrainerOptions
from tfx_lm.model.starting_model import StartingModel

TEXT = {"tokenizer": "word", "lowercase": True, "normalization": "none"}
OPTIONS = TrainerOptions(units=3, embedding_units=3, layers=1)
ADAPTIVE = TrainerOptions(units=3, embedding_units=3, layers=1, output="adaptive", adaptive_cutoffs=(5, 9))


def words(letters: str) -> list[bytes]:
    return [b"<pad>", b"<unk>", b"<s>", b"</s>", *(letter.encode() for letter in letters)]


def made(options: TrainerOptions, size: int, cutoffs: tuple[int, ...] = ()) -> LanguageModel:
    shape = options.model_dump(include={"units", "embedding_units", "layers", "tied_embedding", "residual"})
    return LanguageModel(vocabulary_size=size, adaptive_cutoffs=cutoffs, use_cudnn=False, **shape)


def save(folder: Path, letters: str, options: TrainerOptions = OPTIONS, cutoffs: tuple[int, ...] = ()) -> LanguageModel:
    """Saves the part of an exported model that a training starts from; each weight counts up from 0."""
    import tensorflow as tf

    model = made(options, len(words(letters)), cutoffs)
    for weight in model.weights:
        weight.assign(np.arange(np.prod(weight.shape), dtype=np.float32).reshape(weight.shape))
    module = tf.Module()
    module.parameters = {weight.path.removeprefix(f"{model.name}/"): weight.value for weight in model.weights}
    tf.train.Checkpoint(parameters=module.parameters).write(str(folder / "variables" / "variables"))
    (folder / "assets").mkdir()
    (folder / "assets" / "vocabulary").write_bytes(b"\n".join(words(letters)) + b"\n")
    write_token_identity(str(folder), TEXT, str(folder / "assets" / "vocabulary"))
    write_training_origin(str(folder), TrainingOrigin(cutoffs, "", residual=options.residual))
    return model


def refusal(call, *arguments) -> str:
    with pytest.raises(SettingError) as caught:
        call(*arguments)
    return str(caught.value)


def test_the_docstrings_example(tmp_path):
    save(tmp_path, "ab")
    start = StartingModel(str(tmp_path))
    start.check(OPTIONS, **TEXT)
    model = made(OPTIONS, 6)
    fresh = {weight.path: weight.numpy().copy() for weight in model.weights}
    assert start.assign(model, words("bc")) == 1
    embedding, bias = model.embedding.embeddings.numpy(), model.output_bias.numpy()
    assert embedding[4].tolist() == [15, 16, 17]
    assert embedding[5].tolist() == fresh["embedding/embeddings"][5].tolist()
    assert embedding[:4].ravel().tolist() == list(range(12))
    assert bias.tolist() == [0, 1, 2, 3, 5, 0]
    kernel = model.recurrent[0].cell.kernel.numpy()
    assert kernel.ravel().tolist() == list(range(36))


def test_the_bias_of_a_new_word_is_that_of_its_frequency(tmp_path):
    save(tmp_path, "ab")
    model = made(OPTIONS, 7)
    model.start_from_frequencies(np.array([0, 0, 0, 3, 2, 1, 0]))
    StartingModel(str(tmp_path)).assign(model, words("abc"))
    assert model.output_bias.numpy()[:6].tolist() == [0, 1, 2, 3, 4, 5]
    assert model.output_bias.numpy()[6] == pytest.approx(np.log(1 / 13))


@pytest.mark.parametrize(
    ("options", "text", "named"),
    [
        ({"units": 4}, {}, "units=3, and the new model units=4; set units=3, or leave"),
        ({"embedding_units": 4}, {}, "embedding_units=3, and the new model embedding_units=4"),
        ({"layers": 2}, {}, "layers=1, and the new model layers=2"),
        ({"tied_embedding": False}, {}, "tied_embedding=true, and the new model tied_embedding=false"),
        ({"residual": True}, {}, "residual=false, and the new model residual=true"),
        ({"output": "adaptive", "adaptive_cutoffs": [5]}, {}, "output=full, and the new model output=adaptive"),
        ({}, {"tokenizer": "byte"}, "tokenizer=word, and the new model tokenizer=byte"),
        ({}, {"lowercase": False}, "lowercase=true, and the new model lowercase=false"),
    ],
)
def test_a_model_of_another_kind_is_refused(tmp_path, options, text, named):
    save(tmp_path, "ab")
    options = TrainerOptions(**{**OPTIONS.model_dump(), **options})
    assert f"base_model={tmp_path}: has {named}" in refusal(
        StartingModel(str(tmp_path)).check, options, *(TEXT | text).values()
    )


def test_a_model_with_residual_connections(tmp_path):
    options = OPTIONS.model_copy(update={"residual": True})
    save(tmp_path, "ab", options)
    start = StartingModel(str(tmp_path))
    start.check(options, **TEXT)
    assert "has residual=true, and the new model residual=false" in refusal(start.check, OPTIONS, *TEXT.values())
    write_training_origin(str(tmp_path), TrainingOrigin((), "0123"))
    assert StartingModel(str(tmp_path)).digest() != start.digest()


def test_options_that_may_differ(tmp_path):
    save(tmp_path, "ab")
    StartingModel(str(tmp_path)).check(OPTIONS.model_copy(update={"dropout": 0.5, "learning_rate": 0.1}), **TEXT)


def test_an_adaptive_output_grows_at_its_end(tmp_path):
    save(tmp_path, "abcdefg", ADAPTIVE, (5, 9))
    start = StartingModel(str(tmp_path))
    start.check(ADAPTIVE, **TEXT)
    start.check_words(ADAPTIVE, words("abcdefgh"))
    model = made(ADAPTIVE, 12, (5, 9))
    assert start.assign(model, words("abcdefgh")) == 1
    assert model.embedding.embeddings.numpy()[:11].ravel().tolist() == list(range(33))


@pytest.mark.parametrize(
    ("letters", "cutoffs", "named"),
    [
        ("bacdefg", (5, 9), "has other words, or in another order, .*; set vocabulary_from=baseline"),
        ("abcdef", (5, 9), "has other words"),
        ("abcdefg", (5, 8), r"begin at the ids \[5, 9\], .* of 11 ids, at \[5, 8\]; set adaptive_cutoffs=\[5, 9\]"),
        # A longer vocabulary reaches the next cutoff.
        ("abcdefgh", (5, 9, 11), r"of 12 ids, at \[5, 9, 11\]"),
    ],
)
def test_words_that_do_not_fit_an_adaptive_output(tmp_path, letters, cutoffs, named):
    save(tmp_path, "abcdefg", ADAPTIVE, (5, 9))
    options = ADAPTIVE.model_copy(update={"adaptive_cutoffs": cutoffs})
    with pytest.raises(SettingError, match=named):
        StartingModel(str(tmp_path)).check_words(options, words(letters))


def test_an_adaptive_model_of_an_earlier_version_is_refused(tmp_path):
    save(tmp_path, "abcdefg", ADAPTIVE, (5, 9))
    (tmp_path / FILE).unlink()
    assert "does not say where the clusters of its output begin" in refusal(
        StartingModel(str(tmp_path)).check, ADAPTIVE, *TEXT.values()
    )


@pytest.mark.parametrize(
    ("damaged", "named"),
    [
        ("variables", "cannot be read"),
        ("assets.extra/tfx_lm.json", "has no readable assets.extra/tfx_lm.json"),
        ("assets/vocabulary", "cannot be read"),
    ],
)
def test_a_folder_that_holds_no_such_model(tmp_path, damaged, named):
    save(tmp_path, "ab")
    path = tmp_path / damaged
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert named in refusal(StartingModel, str(tmp_path))


def test_a_vocabulary_of_another_model_is_refused(tmp_path):
    save(tmp_path, "ab")
    (tmp_path / "assets" / "vocabulary").write_bytes(b"\n".join(words("abc")) + b"\n")
    assert "has 6 rows of weights for 7 words" in refusal(StartingModel, str(tmp_path))


def test_the_digest_is_that_of_weights_and_words(tmp_path):
    save(tmp_path / "a", "ab")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    shutil.copytree(tmp_path / "a", tmp_path / "c")
    (tmp_path / "c" / "assets" / "vocabulary").write_bytes(b"\n".join(words("ac")) + b"\n")
    digests = [StartingModel(str(tmp_path / name)).digest() for name in "abc"]
    assert digests[0] == digests[1] != digests[2]


def test_the_origin_comes_back(tmp_path):
    for origin in (TrainingOrigin((5, 9), ""), TrainingOrigin((), "0123"), TrainingOrigin((), residual=True)):
        write_training_origin(str(tmp_path), origin)
        assert read_training_origin(str(tmp_path)) == origin
    (tmp_path / FILE).write_text("{}")
    with pytest.raises(ValueError, match="is damaged; push the model again"):
        read_training_origin(str(tmp_path))


def test_a_model_without_anything_to_say_has_no_file(tmp_path):
    write_training_origin(str(tmp_path), TrainingOrigin((), ""))
    assert list(tmp_path.iterdir()) == []


def test_growth_that_would_reach_another_cutoff(tmp_path):
    save(tmp_path, "abcdefgh", ADAPTIVE, (5,))
    write_training_origin(str(tmp_path), TrainingOrigin((5,)))
    model = StartingModel(str(tmp_path))
    ids = len(model.words)
    options = TrainerOptions(output="adaptive", adaptive_cutoffs=(5, ids + 3))
    model.check_growth(options, 3)
    with pytest.raises(SettingError, match=f"begin at the ids \\[5\\], and the new model, of {ids + 4} ids, at"):
        model.check_growth(options, 4)
