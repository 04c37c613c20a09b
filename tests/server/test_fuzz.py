"""Thousands of random requests: each is answered, none with a 5xx, and the server goes on."""

import http.client
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.slow

# Drawing takes most of the time, so what is drawn is sent twice.
DRAWN = 3000
PREDICT = "POST", "/v1/models/model:predict"
SIGNATURES = ["serving_default", "score", "next_word", "tokenize", "step", "evaluate", "nothing", ""]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.builds(dict, b64=st.text()),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.sampled_from(["text", "k"]), inner, max_size=4)
    ),
    max_leaves=12,
)
texts = st.lists(
    st.text(max_size=60) | st.builds(dict, b64=st.sampled_from(["", "//8=", "AAAA", "the"])), min_size=0, max_size=6
)
ids = st.lists(st.lists(st.integers(-2, 9), max_size=4), max_size=3)
states = st.lists(st.just([[[0, 0, 0], [0, 1e39, -1]]]), max_size=3)
columns = st.fixed_dictionaries(
    {},
    optional={
        "text": texts | json_values,
        "k": st.integers(-3, 10) | json_values,
        "ids": ids | json_values,
        "states": states | json_values,
        "examples": texts | json_values,
    },
)
# Mostly like a real request, so that many pass the first checks.
requests = st.fixed_dictionaries(
    {},
    optional={
        "signature_name": st.sampled_from(SIGNATURES) | json_values,
        "instances": texts | json_values,
        "inputs": columns | texts | json_values,
        "version": json_values,
    },
)
answerable = st.one_of(
    st.fixed_dictionaries({"signature_name": st.sampled_from(["score", "tokenize"]), "instances": texts}),
    st.fixed_dictionaries(
        {
            "signature_name": st.just("next_word"),
            "inputs": st.fixed_dictionaries({"text": texts, "k": st.integers(-(2**31), 2**31 - 1)}),
        }
    ),
    st.fixed_dictionaries(
        {"signature_name": st.just("step"), "inputs": st.fixed_dictionaries({"ids": ids, "states": states})}
    ),
)
as_json = (requests | answerable | json_values).map(lambda value: json.dumps(value).encode())
cut_short = st.tuples(as_json, st.integers(0, 200)).map(lambda pair: pair[0][: pair[1]])
bodies = as_json | as_json | cut_short | st.binary(max_size=300)
names = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="#?"), max_size=20)
paths = st.sampled_from(
    [
        "/v1/models/model:predict",
        "/v1/models/model:predict",
        "/v1/models/model:predict",
        "/v1/models/model/versions/7:predict",
        "/v1/models/model/versions/99999999999999999999:predict",
        "/v1/models/model",
        "/v1/models/model/metadata",
        "/metrics",
        "/",
    ]
) | names.map(lambda name: f"/v1/models/{name}:predict")
methods = st.sampled_from(["POST"] * 6 + ["GET", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "NONSENSE"])
headers = st.fixed_dictionaries(
    {}, optional={"Content-Type": names, "Accept": names, "Content-Encoding": st.sampled_from(["gzip", "br", "x"])}
)
# Most random requests are refused at once, for example for their method; a third is well-formed.
well_formed = st.tuples(
    st.just(PREDICT[0]), st.just(PREDICT[1]), answerable.map(lambda v: json.dumps(v).encode()), st.just({})
)
anything = st.tuples(methods, paths, bodies, headers)


def test_no_request_is_answered_with_a_server_error(server):
    statuses = {}
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)

    def ask(method, path, body, fields):
        connection.request(method, path, body, fields)
        response = connection.getresponse()
        content = response.read()
        statuses[response.status] = statuses.get(response.status, 0) + 1
        assert response.status < 500, content
        if response.status >= 400 and method != "HEAD" and "json" in response.getheader("Content-Type", ""):
            assert json.loads(content)["error"]

    @settings(
        max_examples=DRAWN, deadline=None, database=None, suppress_health_check=list(HealthCheck), derandomize=True
    )
    @given(well_formed | anything | anything)
    def ask_twice(request):
        method, path, body, fields = request
        ask(method, path, body, fields)
        # To where it is read if it was not, else cut short.
        ask(*PREDICT, body if (method, path) != PREDICT else body[: len(body) * 3 // 4], fields)

    ask_twice()
    connection.close()
    assert sum(statuses.values()) >= 5000
    # Neither are all requests refused, nor are all valid.
    assert statuses[200] > 300, statuses
    assert statuses[400] > 1000, statuses
    assert statuses[404] > 100, statuses
    assert statuses[405] > 100, statuses
    assert server.predict({"instances": ["the cat"]})[0] == 200
