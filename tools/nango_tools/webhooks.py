"""Webhooks that Nango delivers: is it from Nango, and what does it say.

A delivery may be lost, doubled, late or replayed: it has no id and no time stamp. Take it as a hint to go and look.
"""

import hashlib
import hmac
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field, JsonValue, SecretStr, TypeAdapter, ValidationError

from nango_tools.errors import InvalidSignature, InvalidWebhook

SIGNATURE_HEADER = "x-nango-hmac-sha256"
_BODY = TypeAdapter(dict[str, JsonValue])


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
    if not hmac.compare_digest(expected.encode(), given[0].strip().encode()):
        raise InvalidSignature("the delivery was not signed with the webhook signing key")


def parse(raw_body: bytes) -> AuthWebhook | OtherWebhook:
    """What a delivery says; verify it first. InvalidWebhook where it is no JSON object with a `type`."""
    try:
        body = _BODY.validate_json(raw_body)
        kind = body.get("type")
        if kind == "auth":
            return AuthWebhook.model_validate(body)
        return OtherWebhook.model_validate({"type": kind, "body": body})
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        where = ".".join(str(step) for step in first["loc"]) or "the whole"
        problem = f"the delivery has an unexpected shape ({where}: {first['msg']})"
    raise InvalidWebhook(problem)
