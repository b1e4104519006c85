"""What providers say is data: one line, bounded, and without what looks like a credential, before it is in any error."""

import json

import httpx
import pytest

from nango_tools.errors import Call, NangoError
from nango_tools.failures import from_response, from_rpc_error, without_credentials
from nango_tools.failures.wording import gist, masked

CALL = Call("POST /action/trigger", "c-1", "desk", "create-ticket", writes=True)
SECRETS = [
    ("Bearer {}", "abc123def456"),
    ("authorization: bearer {}", "QWxhZGRpbjpvcGVuc2VzYW1l0"),
    ("Authorization: Basic {}", "dXNlcjpwYXNzd29yZA=="),
    ("the token {} has expired", "0123456789abcdef0123456789abcdef"),
    ("token={}&page=2", "deadbeefdeadbeef0123"),
    ("api_key: '{}' is not valid", "9f8e7d6c5b4a39281706"),
    ("your secret was {}", "a1b2c3d4e5f6a7b8"),
    ("password: {}", "hunter2"),
    ('{{"client_secret":"{}"}}', "s3cr"),
    ('{{\\"access_token\\":\\"{}\\"}}', "ya29.a0AfH6SMBxyz12345"),
    ("GET https://{}@example.com/x", "ada:pa55word"),
    ("seen: {}", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.sig_na-ture"),
    ("seen: {}", "ghp_0123456789abcdefABCD"),
    ("seen: {}", "xoxb-123456789012-abcdef"),
]
PLAIN = [
    "the issue key PROJ-12 is closed",
    "invalid key: organization-id",
    "Invalid token in channel general",
    "unknown key created_at_timestamp_utc",
    "Bearer token required",
    "key 12345678901234567890",
    "no session for project widgets-and-more",
    "channel_not_found",
]


@pytest.mark.parametrize(("said", "secret"), SECRETS)
def test_what_looks_like_a_credential_is_masked_and_the_rest_stays(said: str, secret: str) -> None:
    assert masked(said.format(secret)) == said.format("[hidden]")


@pytest.mark.parametrize("said", PLAIN)
def test_what_only_talks_of_keys_stays_as_it_is(said: str) -> None:
    assert masked(said) == said


@pytest.mark.parametrize("value", ['"abc"', "123", "null", "[1]", '{"a": 1}', "true"])
def test_json_stays_json(value: str) -> None:
    for name in ("secret", "token", "password", "key"):
        assert json.loads(masked(f'{{"{name}": {value}}}')) is not None


@pytest.mark.parametrize(("said", "secret"), SECRETS)
def test_no_error_holds_it_by_rest(said: str, secret: str) -> None:
    quoted = said.format(secret)
    bodies = [
        {"error": {"code": "script_http_error", "upstream": {"status": 400, "body": {"message": quoted}}}},
        {"error": {"code": "script_http_error", "upstream": {"status": 400, "body": [quoted]}}},
        {"error": {"code": "action_script_runtime_error", "payload": {"reason": quoted}}},
        {"error": {"code": "server_error", "message": quoted}},
        {"error": {"code": "invalid_body", "errors": [{"path": ["input"], "message": quoted}]}},
    ]
    for body in bodies:
        _nowhere(secret, from_response(httpx.Response(424, json=body), CALL))


@pytest.mark.parametrize(("said", "secret"), SECRETS)
def test_no_error_holds_it_by_mcp(said: str, secret: str) -> None:
    inner = {
        "type": "script_http_error",
        "message": said.format(secret),
        "status": 424,
        "additional_properties": {"upstream_response": {"status": 400, "body": {"message": said.format(secret)}}},
    }
    error = from_rpc_error({"code": -32603, "message": json.dumps(inner)}, CALL)
    assert error.upstream_status == 400, "it is still read"
    _nowhere(secret, error)
    _nowhere(secret, from_rpc_error({"code": -32603, "message": said.format(secret)}, CALL))


def test_the_name_of_a_field_announces_a_credential() -> None:
    body = {"access_token": "ya29.a0AfH6SMBxyz12345", "password": "hunter2", "key": "PROJ-12", "n": 3}
    shown = without_credentials({"seen": [body]})
    assert shown == {"seen": [{"access_token": "[hidden]", "password": "[hidden]", "key": "PROJ-12", "n": 3}]}


def test_a_gist_is_one_bounded_printable_line() -> None:
    told = gist({"message": "no\n\x1b[31msuch\u202e \t ticket " + "x" * 100_000})
    assert told.startswith("no [31msuch ticket xxx")
    assert told.isprintable()
    assert len(told) < 320


def test_what_is_cut_off_is_masked_before_it_is_cut() -> None:
    assert "deadbeef" not in gist("x" * 280 + " token=deadbeefdeadbeefdeadbeefdeadbeef0123")


def _nowhere(secret: str, error: NangoError) -> None:
    for told in (str(error), error.message, repr(error.payload), repr(error.upstream_body), str(error.code)):
        assert secret not in told
