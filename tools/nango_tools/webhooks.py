"""Webhooks that Nango delivers: is it from Nango, and what does it say.

A delivery may be lost, doubled, late or replayed: it has no id and no time stamp. Take it as a hint to go and look.
"""

import hashlib
import hmac
from collections.abc import Mapping

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, SecretStr, ValidationError, field_validator

from nango_tools.errors import InvalidSignature, InvalidWebhook
from nango_tools.json_values import read_json

SIGNATURE_HEADER = "x-nango-hmac-sha256"


class _Delivery(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True, populate_by_name=True)


class AuthError(_Delivery):
    type: str | None = None
    description: str | None = None


class AuthWebhook(_Delivery):
    """operation: an account was authorized (`creation`, again: `override`), or its token not refreshed (`refresh`)."""

    operation: str
    success: bool
    connection_id: str | None = Field(default=None, alias="connectionId")
    integration_id: str | None = Field(default=None, alias="providerConfigKey")
    provider: str | None = None
    auth_mode: str | None = Field(default=None, alias="authMode")
    environment: str | None = None
    tags: dict[str, str] = Field(default_factory=dict)
    error: AuthError | None = None

    @field_validator("tags", mode="before")
    @classmethod
    def _none_is_empty(cls, tags: object) -> object:
        return {} if tags is None else tags


class SyncResults(_Delivery):
    """How many records changed."""

    added: int = 0
    updated: int = 0
    deleted: int = 0


class SyncError(_Delivery):
    type: str | None = None
    description: str | None = None
    payload: JsonValue = None


class SyncWebhook(_Delivery):
    """A sync ran, and changed records or failed. Read what changed with `records`, from `modified_after` on."""

    connection_id: str = Field(alias="connectionId")
    integration_id: str = Field(alias="providerConfigKey")
    sync: str = Field(alias="syncName")
    variant: str | None = Field(default=None, alias="syncVariant")
    model: str
    run: str | None = Field(default=None, alias="syncType")
    success: bool
    modified_after: AwareDatetime | None = Field(default=None, alias="modifiedAfter")
    results: SyncResults | None = Field(default=None, alias="responseResults")
    started_at: AwareDatetime | None = Field(default=None, alias="startedAt")
    failed_at: AwareDatetime | None = Field(default=None, alias="failedAt")
    error: SyncError | None = None


class AsyncActionResult(_Delivery):
    id: str
    status_url: str | None = Field(default=None, alias="statusUrl")


class AsyncActionWebhook(_Delivery):
    """An asynchronous action has ended, well or not: ask for its result by `payload.id`."""

    connection_id: str = Field(alias="connectionId")
    integration_id: str = Field(alias="providerConfigKey")
    payload: AsyncActionResult


class ForwardWebhook(_Delivery):
    """What a provider sent to Nango, passed on. `source` is the provider; the connection is not always known."""

    source: str | None = Field(default=None, alias="from")
    connection_id: str | None = Field(default=None, alias="connectionId")
    integration_id: str = Field(alias="providerConfigKey")
    payload: JsonValue


class OtherWebhook(_Delivery):
    """Any other type, known to Nango or not. Answer it with 2xx and let it be."""

    type: str
    body: dict[str, JsonValue]


def verify(signing_key: SecretStr, raw_body: bytes, headers: Mapping[str, str]) -> None:
    """InvalidSignature unless X-Nango-Hmac-Sha256 is the hex HMAC-SHA256 of the body under the signing key.

    `raw_body` is what arrived, before any parsing. The signing key is not the API key. X-Nango-Signature is not looked
    at: a plain hash of key and body can be extended by who does not know the key.
    """
    if not signing_key.get_secret_value():
        raise InvalidSignature("there is no webhook signing key to check with")
    given = [value for name, value in headers.items() if name.lower() == SIGNATURE_HEADER]
    if len(given) != 1:
        raise InvalidSignature(f"the delivery has {'no' if not given else 'more than one'} X-Nango-Hmac-Sha256 header")
    expected = hmac.new(signing_key.get_secret_value().encode(), raw_body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), given[0].strip().encode(errors="replace")):
        raise InvalidSignature("the delivery was not signed with the webhook signing key")


Webhook = AuthWebhook | SyncWebhook | AsyncActionWebhook | ForwardWebhook | OtherWebhook

_TYPED: dict[str, type[AuthWebhook | SyncWebhook | AsyncActionWebhook | ForwardWebhook]] = {
    "auth": AuthWebhook,
    "sync": SyncWebhook,
    "async_action": AsyncActionWebhook,
    "forward": ForwardWebhook,
}


def parse(raw_body: bytes) -> Webhook:
    """What a delivery says; verify it first. InvalidWebhook where it is no JSON object with a `type`.

    Types that are not known, and known ones that have taken another shape, are an OtherWebhook. Only `auth`, on which
    access to an account hangs, must have the shape it always had.
    """
    try:
        body = read_json(raw_body.decode())
    except ValueError:
        body = None
    kind = body.get("type") if isinstance(body, dict) else None
    if not isinstance(kind, str):
        raise InvalidWebhook("the delivery is no JSON object with a type")
    problem = ""
    if kind in _TYPED:
        try:
            return _TYPED[kind].model_validate(body)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False, include_context=False)[0]
            where = ".".join(str(step) for step in first["loc"])
            problem = f"the delivery has an unexpected shape ({where}: {first['msg']})"
    if kind == "auth":
        raise InvalidWebhook(problem)
    return OtherWebhook(type=kind, body=body)
