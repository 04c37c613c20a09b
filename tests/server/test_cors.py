"""Pages of other origins: refused, unless an option allows them."""

import http.client
import json

import pytest
from click.testing import CliRunner
from tfx_lm.cli.cli import main

pytestmark = pytest.mark.slow

PREDICT = "/v1/models/model:predict"
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}


def ask(server, method, headers, path=PREDICT, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    content = response.read().decode()
    connection.close()
    allowed = {key.lower(): value for key, value in response.getheaders() if "access-control" in key.lower()}
    return response.status, allowed, content


def test_without_the_option_no_page_of_another_origin_may_ask(server):
    origin = {"Origin": "https://example.org"}
    status, allowed, content = ask(server, "OPTIONS", {**origin, **PREFLIGHT})
    assert (status, allowed) == (405, {})
    assert "name them in the server's cors_origins to let them" in json.loads(content)["error"]
    status, allowed, _ = ask(server, "POST", origin, body=json.dumps({"instances": ["the"]}))
    assert (status, allowed) == (200, {})


def test_pages_of_the_origins_that_were_named_may_ask(start_server, bigram_model):
    origins = ("https://example.org", "http://localhost:3000")
    server = start_server(bigram_model, *(part for origin in origins for part in ("--cors-origin", origin)))
    for origin in origins:
        status, allowed, _ = ask(server, "OPTIONS", {"Origin": origin, **PREFLIGHT})
        assert status == 200
        assert allowed["access-control-allow-origin"] == origin
        assert "POST" in allowed["access-control-allow-methods"]
        assert "content-type" in allowed["access-control-allow-headers"].lower()
        for body, expected in ((json.dumps({"instances": ["the"]}), 200), ("{", 400)):
            status, allowed, _ = ask(server, "POST", {"Origin": origin}, body=body)
            # A page may read errors, too.
            assert (status, allowed["access-control-allow-origin"]) == (expected, origin)
        assert ask(server, "GET", {"Origin": origin}, "/v1/models/model/")[:2] == (
            400,
            {"access-control-allow-origin": origin},
        )
    status, allowed, _ = ask(server, "OPTIONS", {"Origin": "https://other.org", **PREFLIGHT})
    assert status == 400
    assert "access-control-allow-origin" not in allowed


def test_all_origins(start_server, bigram_model):
    server = start_server(bigram_model, "--cors-origin", "*")
    status, allowed, _ = ask(server, "OPTIONS", {"Origin": "https://any.org", **PREFLIGHT})
    assert (status, allowed["access-control-allow-origin"]) == (200, "*")
    assert "access-control-allow-credentials" not in allowed


@pytest.mark.parametrize("origin", ["example.org", "https://example.org/", "https://example.org/page", "null", "* "])
def test_what_is_no_origin_is_refused(tmp_path, origin):
    done = CliRunner().invoke(main, ["serve", str(tmp_path), "--port", "0", "--cors-origin", origin])
    assert done.exit_code == 2
    assert f"--cors-origin={origin}: no origin; give scheme, host and port as browsers send them" in done.output
