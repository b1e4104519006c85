import hashlib
import hmac
import json
import pathlib
from typing import Any

import pytest
from pydantic import SecretStr

from nango_tools import AuthWebhook, InvalidSignature, InvalidWebhook, OtherWebhook, webhooks

SHARED = pathlib.Path(__file__).parents[3] / "shared" / "nango-wire" / "webhooks.json"
SIGNING_KEY = SecretStr("e11bc1a1-1701-48a1-9bed-f8fb2ccb1614")
BODY = '{"type":"auth","operation":"creation","success":true,"connectionId":"c","tags":{"end_user_id":"zoë"}}'.encode()


def signature(body: bytes, key: str = SIGNING_KEY.get_secret_value()) -> str:
    return hmac.new(key.encode(), body, hashlib.sha256).hexdigest()


@pytest.mark.parametrize("name", ["X-Nango-Hmac-Sha256", "x-nango-hmac-sha256"])
def test_a_delivery_signed_with_our_key_is_accepted(name: str) -> None:
    webhooks.verify(SIGNING_KEY, BODY, {name: signature(BODY), "Content-Type": "application/json"})


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Nango-Hmac-Sha256": ""},
        {"X-Nango-Hmac-Sha256": signature(BODY)[:-1]},
        {"X-Nango-Hmac-Sha256": signature(BODY + b" ")},
        {"X-Nango-Hmac-Sha256": signature(BODY, "another key")},
        {"X-Nango-Hmac-Sha256": "é" * 64},
        {"X-Nango-Hmac-Sha256": signature(BODY), "x-nango-hmac-sha256": signature(BODY)},
        # the legacy header alone proves nothing
        {"X-Nango-Signature": hashlib.sha256(SIGNING_KEY.get_secret_value().encode() + BODY).hexdigest()},
        {"X-Nango-Signature": signature(BODY)},
    ],
)
def test_any_other_delivery_is_refused_without_telling_what_was_expected(headers: dict[str, str]) -> None:
    with pytest.raises(InvalidSignature) as caught:
        webhooks.verify(SIGNING_KEY, BODY, headers)
    assert signature(BODY) not in str(caught.value)
    assert SIGNING_KEY.get_secret_value() not in repr(caught.value)


def test_an_empty_signing_key_verifies_nothing() -> None:
    with pytest.raises(InvalidSignature):
        webhooks.verify(SecretStr(""), BODY, {"X-Nango-Hmac-Sha256": signature(BODY, "")})


def test_an_authorization_tells_whose_and_which_connection() -> None:
    delivery = webhooks.parse(BODY)
    assert isinstance(delivery, AuthWebhook)
    assert (delivery.operation, delivery.success, delivery.connection_id) == ("creation", True, "c")
    assert delivery.tags == {"end_user_id": "zoë"}


def test_a_type_nobody_knows_yet_is_let_through_as_such() -> None:
    delivery = webhooks.parse(b'{"type":"brand-new","x":[1]}')
    assert isinstance(delivery, OtherWebhook)
    assert (delivery.type, delivery.body["x"]) == ("brand-new", [1])


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"{}", b'{"type":7}', b'{"type":"auth"}', b"\xff", b"[" * 10_000,
     b'{"type":"auth","operation":"creation","success":true,"tags":{"a":1}}'],
)  # fmt: skip
def test_what_is_no_delivery_is_an_error(body: bytes) -> None:
    with pytest.raises(InvalidWebhook):
        webhooks.parse(body)


if SHARED.is_file():
    RECORDED = [e for e in json.loads(SHARED.read_text())["exchanges"] if "signing_key" in e]

    def test_there_are_recordings() -> None:
        assert len(RECORDED) > 10

    @pytest.mark.parametrize("recorded", RECORDED, ids=lambda e: e["name"])
    def test_every_recorded_delivery_of_the_real_server_verifies_and_parses(recorded: Any) -> None:
        raw, headers = recorded["request"]["raw_body"].encode(), recorded["request"]["headers"]
        key = SecretStr(recorded["signing_key"])
        webhooks.verify(key, raw, headers)
        with pytest.raises(InvalidSignature):
            webhooks.verify(key, raw.replace(b"nango", b"nangx"), headers)
        sent, delivery = json.loads(raw), webhooks.parse(raw)
        if sent["type"] == "auth":
            assert isinstance(delivery, AuthWebhook)
            assert (delivery.operation, delivery.success) == (sent["operation"], sent["success"])
            assert (delivery.connection_id, delivery.integration_id) == (
                sent["connectionId"],
                sent["providerConfigKey"],
            )
            assert delivery.tags == sent["tags"]
        else:
            assert isinstance(delivery, OtherWebhook)
            assert delivery.type == sent["type"]
