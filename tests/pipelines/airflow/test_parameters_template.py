from types import SimpleNamespace

import pytest
from jinja2 import StrictUndefined, UndefinedError
from jinja2.sandbox import SandboxedEnvironment
from tfx_lm.pipelines.airflow.parameters_template import parameters_template


@pytest.mark.parametrize(
    ("parameters", "conf", "expected"),
    [
        ({}, None, "{}"),
        ({}, {"trainer_epochs": 2}, '{"trainer_epochs": 2}'),
        ({"data_spans": "{{ ds }}"}, {}, '{"data_spans": "2026-05-01"}'),
        ({"data_spans": "{{ ds }}", "trainer_epochs": 3}, None, '{"data_spans": "2026-05-01", "trainer_epochs": 3}'),
        ({"data_spans": "{{ ds }}"}, {"data_spans": "7"}, '{"data_spans": "7"}'),
        ({"pipeline-root": '/a"b'}, None, '{"pipeline-root": "/a\\"b"}'),
    ],
)
def test_the_parameters_of_a_run(parameters, conf, expected):
    template = SandboxedEnvironment().from_string(parameters_template(parameters))
    assert template.render(ds="2026-05-01", dag_run=SimpleNamespace(conf=conf)) == expected


def test_a_template_that_the_runs_own_configuration_replaces_is_not_rendered():
    """Airflow 3 knows no `ds` in a run that somebody starts without a date."""
    template = SandboxedEnvironment(undefined=StrictUndefined).from_string(
        parameters_template({"data_spans": "{{ ds }}"})
    )
    assert template.render(dag_run=SimpleNamespace(conf={"data_spans": "7"})) == '{"data_spans": "7"}'
    with pytest.raises(UndefinedError, match="'ds' is undefined"):
        template.render(dag_run=SimpleNamespace(conf=None))
