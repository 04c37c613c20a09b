"""Template of a run's parameters, which Airflow renders to JSON. Needs neither Airflow nor Jinja."""

from __future__ import annotations

import json
from collections.abc import Mapping


def parameters_template(parameters: Mapping[str, str | int | float]) -> str:
    """Returns a template of Jinja for the JSON of a run's parameters.

    Args:
        parameters: Values for each run; texts are templates themselves. Those of `dag_run.conf` win over them.

    Returns:
        `{"data_spans": "{{ ds }}"}` gives a template that reads `{"data_spans": "2026-05-01"}` in that day's run.
    """
    # Blocks, since a template inside of an expression is plain text. What the run's own configuration gives is not
    # rendered: a run that somebody starts may have no `ds`.
    blocks = "".join(
        f"{{% set value_{index} %}}{{% if {json.dumps(name)} not in given %}}{text}{{% endif %}}{{% endset %}}"
        for index, (name, text) in enumerate(parameters.items())
        if isinstance(text, str)
    )
    values = ", ".join(
        f"{json.dumps(name)}: {f'value_{index}' if isinstance(value, str) else json.dumps(value)}"
        for index, (name, value) in enumerate(parameters.items())
    )
    return f"{{% set given = dag_run.conf or {{}} %}}{blocks}{{{{ dict({{{values}}}, **given) | tojson }}}}"
