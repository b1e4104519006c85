"""Connect sessions: half an hour in which a user may authorize an account."""

from datetime import datetime

from pydantic import AwareDatetime, Field, HttpUrl, SecretStr, TypeAdapter, field_validator

from nango_tools.models.wire import Wire

_LINK = TypeAdapter(HttpUrl)


class ConnectSession(Wire):
    """token and connect_link both open the session to whoever holds them; neither is shown in repr."""

    token: SecretStr
    connect_link: str = Field(repr=False)
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
