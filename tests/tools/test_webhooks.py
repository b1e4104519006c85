import hashlib
import hmac
import json
import pathlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from nango_tools import AuthWebhook, InvalidSignature, InvalidWebhook, OtherWebhook, webhooks
from nango_tools.webhooks import AsyncActionWebhook, ForwardWebhook, SyncWebhook

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


def test_a_sync_tells_what_changed_and_where_to_read_on() -> None:
    delivery = webhooks.parse(
        b'{"type":"sync","from":"nango","connectionId":"c","providerConfigKey":"g","syncName":"issues","model":"Issue",'
        b'"syncType":"INCREMENTAL","syncVariant":"base","success":true,"modifiedAfter":"2026-11-20T21:04:53.011Z",'
        b'"responseResults":{"added":1,"updated":2,"deleted":3,"renamed":4},"new":[]}'
    )
    assert isinstance(delivery, SyncWebhook)
    assert (delivery.connection_id, delivery.integration_id, delivery.run) == ("c", "g", "INCREMENTAL")
    assert delivery.results is not None
    assert (delivery.results.added, delivery.results.updated, delivery.results.deleted) == (1, 2, 3)
    assert delivery.modified_after is not None
    assert delivery.modified_after.isoformat() == "2026-11-20T21:04:53.011000+00:00"


def test_a_failed_sync_tells_why() -> None:
    delivery = webhooks.parse(
        b'{"type":"sync","connectionId":"c","providerConfigKey":"g","syncName":"s","model":"M","success":false,'
        b'"startedAt":"2026-11-20T21:04:57.219Z","failedAt":"2026-11-20T21:04:57.219Z",'
        b'"error":{"type":"script_error","description":"why","payload":{"name":"Error"}}}'
    )
    assert isinstance(delivery, SyncWebhook)
    assert delivery.error is not None
    assert (delivery.success, delivery.error.type, delivery.error.description) == (False, "script_error", "why")


def test_an_asynchronous_action_names_its_id_only() -> None:
    body = b'{"type":"async_action","connectionId":"c","providerConfigKey":"g","payload":{"id":"7","statusUrl":"/action/7"}}'
    delivery = webhooks.parse(body)
    assert isinstance(delivery, AsyncActionWebhook)
    assert (delivery.payload.id, delivery.payload.status_url) == ("7", "/action/7")


@pytest.mark.parametrize("payload", [None, "text", [1], {"a": 1}])
def test_what_a_provider_sent_is_passed_on_as_it_is(payload: Any) -> None:
    sent = {"type": "forward", "from": "hubspot", "providerConfigKey": "hs", "connectionId": None, "payload": payload}
    delivery = webhooks.parse(json.dumps(sent).encode())
    assert isinstance(delivery, ForwardWebhook)
    assert (delivery.source, delivery.connection_id, delivery.payload) == ("hubspot", None, payload)


@pytest.mark.parametrize("kind", ["sync", "async_action", "forward"])
def test_a_known_type_in_a_new_shape_is_let_through_as_it_is(kind: str) -> None:
    delivery = webhooks.parse(json.dumps({"type": kind, "payload": {"id": 7}, "version": 2}).encode())
    assert isinstance(delivery, OtherWebhook)
    assert (delivery.type, delivery.body["version"]) == (kind, 2)


_ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
_FIELDS = ["type", "operation", "success", "connectionId", "providerConfigKey", "tags", "payload", "error", "syncName",
           "model", "modifiedAfter", "responseResults", "id", "from"]  # fmt: skip
_TYPES = st.sampled_from(["auth", "sync", "async_action", "forward"]) | st.text()
_NEAR_MISSES = st.dictionaries(st.sampled_from(_FIELDS), _ANY_JSON, max_size=10).flatmap(
    lambda body: _TYPES.map(lambda kind: body | {"type": kind})
)


@given(
    st.binary() | _ANY_JSON.map(lambda v: json.dumps(v).encode()) | _NEAR_MISSES.map(lambda v: json.dumps(v).encode())
)
def test_any_bytes_are_a_delivery_or_an_invalid_one(raw: bytes) -> None:
    try:
        delivery = webhooks.parse(raw)
    except InvalidWebhook:
        return
    assert isinstance(delivery, webhooks.Webhook)


@given(st.binary(), st.binary(min_size=1))
def test_only_the_very_bytes_that_were_signed_are_accepted(body: bytes, added: bytes) -> None:
    headers = {"X-Nango-Hmac-Sha256": signature(body)}
    webhooks.verify(SIGNING_KEY, body, headers)
    for other in (body + added, added + body):
        with pytest.raises(InvalidSignature):
            webhooks.verify(SIGNING_KEY, other, headers)


def test_one_changed_byte_anywhere_is_refused() -> None:
    right = signature(BODY)
    for at in range(len(BODY)):
        changed = BODY[:at] + bytes([BODY[at] ^ 1]) + BODY[at + 1 :]
        with pytest.raises(InvalidSignature):
            webhooks.verify(SIGNING_KEY, changed, {"X-Nango-Hmac-Sha256": right})
    for at in range(len(right)):
        wrong = right[:at] + ("0" if right[at] != "0" else "1") + right[at + 1 :]
        with pytest.raises(InvalidSignature):
            webhooks.verify(SIGNING_KEY, BODY, {"X-Nango-Hmac-Sha256": wrong})


if SHARED.is_file():
    RECORDED = [e for e in json.loads(SHARED.read_text())["exchanges"] if "signing_key" in e]

    def test_there_are_recordings() -> None:
        assert len(RECORDED) > 10

    @pytest.mark.parametrize("recorded", RECORDED, ids=lambda e: e["name"])
    def test_every_recorded_delivery_of_the_real_server_verifies_and_parses(recorded: Any) -> None:
        raw, headers = recorded["request"]["raw_body"].encode(), recorded["request"]["headers"]
        key = SecretStr(recorded["signing_key"])
        webhooks.verify(key, raw, headers)
        for at in range(len(raw)):
            with pytest.raises(InvalidSignature):
                webhooks.verify(key, raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :], headers)
        sent, delivery = json.loads(raw), webhooks.parse(raw)
        if sent["type"] == "auth":
            assert isinstance(delivery, AuthWebhook)
            assert (delivery.operation, delivery.success) == (sent["operation"], sent["success"])
            assert (delivery.connection_id, delivery.integration_id) == (
                sent["connectionId"],
                sent["providerConfigKey"],
            )
            assert delivery.tags == sent["tags"]
        elif sent["type"] == "sync":
            assert isinstance(delivery, SyncWebhook)
            assert (delivery.sync, delivery.model, delivery.success) == (
                sent["syncName"],
                sent["model"],
                sent["success"],
            )
        else:
            assert isinstance(delivery, AsyncActionWebhook)
            assert delivery.payload.id == sent["payload"]["id"]
