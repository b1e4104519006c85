"""Connect sessions: half an hour in which a user may authorize an account."""

from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, Field, HttpUrl, JsonValue, SecretStr, TypeAdapter, field_validator

from nango_tools.models.end_users import ConnectionEndUser, EndUserProfile, OrganizationProfile, Tags
from nango_tools.models.wire import Name, Sent, Wire

_LINK = TypeAdapter(HttpUrl)


class ConfigDefaults(Sent):
    """What a session fills in beforehand for one integration.

    user_scopes: comma-separated. authorization_params: added to the provider's authorize URL.
    """

    user_scopes: str | None = None
    authorization_params: dict[str, str] | None = None
    connection_config: dict[str, JsonValue] | None = None


class SessionOverrides(Sent):
    """What the Connect page shows otherwise for one integration. docs_connect: the address of a guide for end users."""

    docs_connect: str | None = None


class _SessionOptions(Sent):
    tags: Tags
    end_user: EndUserProfile | None = None
    organization: OrganizationProfile | None = None
    webhook_url_override: str | None = None
    integrations_config_defaults: dict[str, ConfigDefaults] | None = None
    overrides: dict[str, SessionOverrides] | None = None


class NewSession(_SessionOptions):
    """The body of POST /connect/sessions. Nango takes an empty list too, and then allows every integration."""

    allowed_integrations: Annotated[tuple[Name, ...], Field(min_length=1)]


class NewReconnectSession(_SessionOptions):
    """The body of POST /connect/sessions/reconnect."""

    connection_id: Name
    integration_id: Name


class ConnectSession(Wire):
    """token and connect_link both open the session to whoever holds them; repr and dumps show neither."""

    token: SecretStr
    connect_link: str = Field(repr=False, exclude=True)
    expires_at: AwareDatetime

    @field_validator("connect_link")
    @classmethod
    def _is_a_web_address(cls, link: str) -> str:
        _LINK.validate_python(link)
        return link

    def expired(self, now: datetime) -> bool:
        return now >= self.expires_at


class ConnectSessionAnswer(Wire):
    data: ConnectSession


class SessionState(Wire):
    """What a connect session allows. is_reconnecting: it gives a connection new credentials, and makes none."""

    allowed_integrations: tuple[str, ...] = ()
    is_reconnecting: bool = Field(default=False, validation_alias="isReconnecting")
    end_user: ConnectionEndUser | None = Field(default=None, validation_alias="endUser")


class SessionStateAnswer(Wire):
    data: SessionState
