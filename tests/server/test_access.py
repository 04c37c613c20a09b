"""The token that clients must send, and the files of TLS."""

import asyncio
import json
import os

import pytest
from click.testing import CliRunner
from helpers.certificates import write_certificate
from tfx_lm.cli.cli import main
from tfx_lm.errors import SettingError
from tfx_lm.server.access import REFUSED, Token, TokenMiddleware, check_tls, is_loopback, read_token

TOKEN = b"0123456789abcdef"


def write(path, content, mode=0o600):
    path.write_bytes(content)
    path.chmod(mode)
    return str(path)


def test_a_token_is_read_without_the_white_space_around_it(tmp_path):
    warnings = []
    assert read_token(write(tmp_path / "token", b" " + TOKEN + b"=\n"), warnings.append) == TOKEN + b"="
    assert warnings == []
    path = write(tmp_path / "token", TOKEN, 0o644)
    assert read_token(path, warnings.append) == TOKEN
    remedy = f"other users of this machine may read or change it (mode 644); chmod 600 {path}"
    assert warnings == [f"{{token_file}}={path}: {remedy}"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"0123456789abcde",
        b"two words of a token",
        TOKEN + b"\n" + TOKEN,
        "ä".encode() * 16,
        bytes(16),
        b"a" * 10_000,
    ],
)
def test_what_is_no_token(tmp_path, content):
    with pytest.raises(SettingError, match="holds no token; write one of 16 characters or more into it") as caught:
        read_token(write(tmp_path / "token", content), print)
    assert content.decode("utf-8", "replace").strip() not in str(caught.value) or not content.strip()


def test_a_token_file_that_cannot_be_read(tmp_path):
    with pytest.raises(SettingError, match=r"^token_file=.*: cannot be read \(No such file or directory\); set token"):
        read_token(str(tmp_path / "none"), print)
    with pytest.raises(SettingError, match=r"^token_file=.*: cannot be read \(Is a directory\); set token_file"):
        read_token(str(tmp_path), print)


@pytest.mark.parametrize(
    ("header", "admitted"),
    [
        (b"Bearer " + TOKEN, True),
        (b"bearer  " + TOKEN + b" ", True),
        (b"Basic " + TOKEN, False),
        (TOKEN, False),
        (b"Bearer", False),
        (b"Bearer " + TOKEN[:-1], False),
        (b"Bearer " + TOKEN + b"0", False),
        (b"Bearer \xe4", False),
    ],
)
def test_headers(header, admitted):
    assert Token(TOKEN).admits(header) == admitted


async def application(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})


def ask(path, *headers):
    """The status, the headers and the JSON; the request's body never arrives."""
    sent, refused = [], []

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "path": path, "headers": [(b"authorization", header) for header in headers]}
    asyncio.run(TokenMiddleware(application, Token(TOKEN), lambda: refused.append(1))(scope, None, send))
    assert len(refused) == (sent[0]["status"] == 401)
    return sent[0]["status"], dict(sent[0]["headers"]), json.loads(sent[1]["body"])


@pytest.mark.parametrize("path", ["/v1/models/model:predict", "/v1/models/model", "/metrics", "//", "/nothing", ""])
def test_all_but_the_page_wants_the_token(path):
    status, headers, answer = ask(path)
    assert (status, headers[b"www-authenticate"], answer) == (401, b"Bearer", {"error": REFUSED})
    assert ask(path, b"Bearer " + TOKEN)[0] == 200
    assert ask(path, b"Bearer wrong")[0] == 401
    # Which of them a proxy has checked is unknown.
    assert ask(path, b"Bearer " + TOKEN, b"Bearer wrong")[0] == 401
    assert ask("/")[0] == 200


def test_certificates(tmp_path):
    certificate, key = map(str, write_certificate(tmp_path))
    check_tls(certificate, key)
    (tmp_path / "other").mkdir()
    other_key = str(write_certificate(tmp_path / "other")[1])
    (tmp_path / "locked").mkdir()
    locked = write_certificate(tmp_path / "locked", "secret")
    for files, message in (
        ((certificate, other_key), r"are no certificate and its key \(KEY_VALUES_MISMATCH\); give two PEM files"),
        ((key, key), r"are no certificate and its key \("),
        ((certificate, certificate), r"are no certificate and its key \("),
        ((write(tmp_path / "empty", b""), key), r"are no certificate and its key \("),
        ((certificate, str(tmp_path / "none")), r"^tls_key=.*: cannot be read \(No such file or directory\)"),
        (map(str, locked), r"^tls_key=.*: has a password; give a file without"),
    ):
        with pytest.raises(SettingError, match=message):
            check_tls(*files)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.2", False),
        ("example.org", False),
    ],
)
def test_loopback(host, loopback):
    assert is_loopback(host) == loopback


def serve(tmp_path, *options):
    """The output of a server that has no model, so that it ends."""
    done = CliRunner().invoke(main, ["serve", str(tmp_path / "none"), "--port", "0", *options])
    assert done.exit_code == 2
    return done.output


def test_a_server_beyond_loopback_without_a_token_or_tls_warns(tmp_path):
    token = write(tmp_path / "token", TOKEN)
    certificate, key = map(str, write_certificate(tmp_path))
    tls = ("--tls-cert", certificate, "--tls-key", key)
    everywhere = ("--host", "0.0.0.0")
    asks = "everybody who can reach it may ask the model (set --token-file)"
    reads = "texts and tokens can be read on their way (set --tls-cert and --tls-key)"
    begin, end = "tfx-lm: --host=0.0.0.0: beyond this machine, ", "; or put a proxy in front"
    assert serve(tmp_path, *everywhere).startswith(f"{begin}{asks} and {reads}{end}\n")
    assert serve(tmp_path, *everywhere, "--token-file", token).startswith(f"{begin}{reads}{end}\n")
    assert serve(tmp_path, *everywhere, *tls).startswith(f"{begin}{asks}{end}\n")
    for options in ((), (*everywhere, "--token-file", token, *tls)):
        assert serve(tmp_path, *options).startswith(f"tfx-lm: {tmp_path / 'none'}: no such folder")


def test_options_that_cannot_be_used(tmp_path):
    key = str(write_certificate(tmp_path)[1])
    assert "--tls-cert: is missing; TLS needs both --tls-cert and --tls-key" in serve(tmp_path, "--tls-key", key)
    assert "--tls-key: is missing; TLS needs both" in serve(tmp_path, "--tls-cert", key)
    assert f"--token-file={tmp_path}: cannot be read (Is a directory)" in serve(tmp_path, "--token-file", str(tmp_path))
    message = "--max-connections=1000000: needs 1000200 open files, and the system allows this process"
    if os.sysconf("SC_OPEN_MAX") < 1_000_200:
        assert message in serve(tmp_path, "--max-connections", "1000000")
