from tfx.types import standard_artifacts
from tfx_lm.components.evaluator.baseline import LatestOtherBlessedModelStrategy


def model(number: int) -> standard_artifacts.Model:
    artifact = standard_artifacts.Model()
    artifact.id = number
    return artifact


def blessing(number: int, model_id: int, blessed: bool) -> standard_artifacts.ModelBlessing:
    artifact = standard_artifacts.ModelBlessing()
    artifact.id = number
    artifact.set_int_custom_property("current_model_id", model_id)
    artifact.set_int_custom_property("blessed", int(blessed))
    return artifact


def resolve(models, blessings, candidate):
    inputs = {"model": models, "model_blessing": blessings, "candidate": [model(candidate)]}
    result = LatestOtherBlessedModelStrategy().resolve_artifacts(None, inputs)
    assert [artifact.id for artifact in result["candidate"]] == [candidate]
    return [a.id for a in result["model"]], [a.id for a in result["model_blessing"]]


def test_the_docstrings_example():
    models, blessings = [model(4), model(9)], [blessing(5, 4, True), blessing(10, 9, True)]
    assert resolve(models, blessings, candidate=9) == ([4], [5])
    assert resolve(models, blessings, candidate=4) == ([9], [10])


def test_a_first_run_has_no_baseline():
    assert resolve([model(4)], [], candidate=4) == ([], [])
    assert resolve([], [], candidate=4) == ([], [])


def test_an_unchanged_run_resolves_what_it_resolved_before():
    assert resolve([model(4)], [blessing(5, 4, True)], candidate=4) == ([], [])


def test_models_that_were_not_blessed_are_passed_over():
    models = [model(4), model(9), model(12)]
    blessings = [blessing(5, 4, True), blessing(10, 9, False)]
    assert resolve(models, blessings, candidate=12) == ([4], [5])
