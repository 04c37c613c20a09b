"""A server with a token and TLS, over both protocols, and its page."""

import http.client
import json
import ssl

import grpc
import pytest
from helpers.certificates import write_certificate
from helpers.grpc_calls import refused, request
from tensorflow_serving.apis import prediction_service_pb2_grpc

pytestmark = pytest.mark.slow

TOKEN = "0123456789abcdef"
METADATA = (("authorization", f"Bearer {TOKEN}"),)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("secrets")
    (folder / "token").write_text(TOKEN + "\n")
    (folder / "token").chmod(0o600)
    return folder / "token", *write_certificate(folder)


@pytest.fixture(scope="module")
def secure(start_server, bigram_model, files):
    token, certificate, key = map(str, files)
    options = ("--token-file", token, "--tls-cert", certificate, "--tls-key", key)
    return start_server(bigram_model, "--grpc-port", "0", *options)


def ask(server, files, method, path, body=None, token=TOKEN):
    context = ssl.create_default_context(cafile=files[1])
    connection = http.client.HTTPSConnection("127.0.0.1", server.port, timeout=60, context=context)
    connection.request(method, path, body, {"Authorization": f"Bearer {token}"} if token else {})
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response.status, content


def test_rest(secure, files):
    body = json.dumps({"instances": ["the cat"]})
    assert secure.line.startswith("Serving ")
    assert f"https://127.0.0.1:{secure.port}" in secure.line
    assert ask(secure, files, "POST", "/v1/models/model:predict", body)[0] == 200
    assert ask(secure, files, "POST", "/v1/models/model:predict", body, token="")[0] == 401
    for path in ("/metrics", "/v1/models/model"):
        assert ask(secure, files, "GET", path)[0] == 200
        assert ask(secure, files, "GET", path, token="wrong")[0] == 401
    status, page = ask(secure, files, "GET", "/", token="")
    assert status == 200
    assert b"<p><label>Token of this server" in page
    assert b"tfx_lm_unauthorized_total 3.0" in ask(secure, files, "GET", "/metrics")[1]


def test_what_is_no_tls_is_not_answered(secure):
    connection = http.client.HTTPConnection("127.0.0.1", secure.port, timeout=60)
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        connection.request("GET", "/")
        connection.getresponse()
    connection.close()


def test_grpc(secure, files):
    credentials = grpc.ssl_channel_credentials(files[1].read_bytes())
    with grpc.secure_channel(secure.grpc_address, credentials) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        asked = request(text=["the cat"])
        message = "the server wants its token: send the metadata `authorization: Bearer TOKEN`"
        for metadata in ((), (("authorization", f"Bearer {TOKEN}0"),), METADATA * 2):
            assert refused(stub.Predict, asked, metadata=metadata) == (grpc.StatusCode.UNAUTHENTICATED, message)
        assert stub.Predict(asked, metadata=METADATA, timeout=60).outputs["tokens"].float_val[0] == 3
        # As Google's libraries send it.
        call = grpc.access_token_call_credentials(TOKEN)
        assert stub.Predict(asked, credentials=call, timeout=60).outputs["tokens"].float_val[0] == 3


def test_the_page_asks_for_the_token(chromium, secure):
    page = chromium.new_page(ignore_https_errors=True)
    page.goto(f"https://127.0.0.1:{secure.port}/")
    page.fill("#text", "the cat")
    page.locator("#error").get_by_text("the server wants its token").wait_for(timeout=30_000)
    page.fill("#token", TOKEN)
    page.locator("#token").press("Enter")
    page.locator("#words li").nth(2).wait_for(timeout=30_000)
    assert page.inner_text("#perplexity") == "2.000"
    assert page.inner_text("#version") == "version 1"
    assert page.inner_text("#error") == ""
    page.close()
