"""Every component's README constructs it: the Python blocks run, with channels in the place of other components."""

import re
import types
from pathlib import Path

import pytest
from tfx.dsl.components.base import base_component
from tfx.types import Channel, standard_artifacts
from tfx_lm import components

pytestmark = pytest.mark.slow

FOLDER = Path(components.__file__).parent
COMPONENTS = {
    "baseline": "Baseline",
    "bulk_score": "BulkScore",
    "drift_validator": "DriftValidator",
    "evaluator": "MaskedEvaluator",
    "pusher": "AtomicPusher",
    "report": "Report",
    "serving_check": "ServingCheck",
    "starting_model": "StartingModel",
    "text_example_gen": "TextExampleGen",
    "trainer": "MaskedTrainer",
    "tuner": "MaskedTuner",
}


def node(**outputs):
    """A component that is only its outputs."""
    channels = {name: Channel(type=getattr(standard_artifacts, kind)) for name, kind in outputs.items()}
    return types.SimpleNamespace(outputs=channels)


def other_components():
    return {
        "example_gen": node(examples="Examples"),
        "schema_gen": node(schema="Schema"),
        "transform": node(transformed_examples="Examples", transform_graph="TransformGraph"),
        "tuner": node(best_hyperparameters="HyperParameters"),
        "trainer": node(model="Model", model_run="ModelRun"),
        "baseline": node(baseline="Model"),
        "starting_model": node(base_model="Model"),
        "evaluator": node(evaluation="ModelEvaluation", blessing="ModelBlessing"),
        "serving_check": node(blessing="InfraBlessing"),
    }


@pytest.mark.parametrize(("folder", "name"), COMPONENTS.items())
def test_the_readme_constructs_the_component(folder, name):
    text = (FOLDER / folder / "README.md").read_text()
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert blocks
    built = []
    for block in blocks:
        names = other_components()
        exec(compile(block, f"components/{folder}/README.md", "exec"), names)
        built += [value for value in names.values() if isinstance(value, base_component.BaseComponent)]
    assert name in {type(component).__name__ for component in built}
