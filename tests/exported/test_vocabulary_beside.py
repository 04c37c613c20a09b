"""Where a user finds the vocabulary of a model."""

import pytest
from tfx_lm.exported.vocabulary_beside import vocabulary_beside


def test_the_vocabulary_of_a_version_and_of_the_newest_that_has_one(tmp_path):
    for version in ("7", "10"):
        (tmp_path / version / "assets").mkdir(parents=True)
        (tmp_path / version / "assets" / "vocabulary").touch()
    (tmp_path / "11").mkdir()
    assert vocabulary_beside(str(tmp_path)) == f"{tmp_path}/10/assets/vocabulary"
    assert vocabulary_beside(f"{tmp_path}/7/") == f"{tmp_path}/7/assets/vocabulary"


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("gs://b/serving/7", "gs://b/serving/7/assets/vocabulary"),
        ("gs://b/serving/", "the file assets/vocabulary of the newest version in gs://b/serving"),
        ("/nowhere/serving", "the file assets/vocabulary of the newest version in /nowhere/serving"),
    ],
)
def test_a_folder_that_cannot_be_looked_at(model, expected):
    assert vocabulary_beside(model) == expected
