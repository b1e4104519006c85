"""Connections: whose account, of which integration, and whether it still works."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import AliasChoices, Field, JsonValue, Secret

from nango_tools.models.credentials import Credentials
from nango_tools.models.end_users import ConnectionEndUser, EndUserProfile, Tags
from nango_tools.models.wire import Name, Sent, Wire


class ConnectionIssue(Wire):
    """An entry of a connection's `errors`: type is `auth` or `sync`."""

    type: str
    log_id: str | None = None


class ConnectionSummary(Wire):
    """An entry of GET /connections. Tag keys are lower case; Nango lower-cases them."""

    connection_id: str
    integration_id: str = Field(validation_alias=AliasChoices("provider_config_key", "integration_id"))
    provider: str
    errors: tuple[ConnectionIssue, ...] = ()
    tags: dict[str, str] = Field(default_factory=dict)
    metadata: dict[str, JsonValue] | None = None
    end_user: ConnectionEndUser | None = None
    created_at: datetime = Field(validation_alias=AliasChoices("created", "created_at"))

    @property
    def needs_reauthorization(self) -> bool:
        """Only `auth` errors mean that: failing syncs are listed in the same place."""
        return any(issue.type == "auth" for issue in self.errors)

    def has_tags(self, tags: Mapping[str, str]) -> bool:
        """Whether it carries all of `tags`. Keys are compared in lower case, values exactly, as Nango does."""
        own = {key.lower(): value for key, value in self.tags.items()}
        return all(own.get(key.lower()) == value for key, value in tags.items())


class Connection(ConnectionSummary):
    """The answer of GET /connections/{id}, without the credentials.

    connection_config: what the provider or the user filled in. Some providers ask for secrets there, so it is
    unwrapped with get_secret_value().
    """

    connection_config: Secret[dict[str, JsonValue]] = Secret({})
    webhook_url_override: str | None = None
    updated_at: datetime | None = None
    last_fetched_at: datetime | None = None


class ConnectionWithCredentials(Connection):
    """credentials: as Nango holds them, `type` and the fields of that type; unwrapped with get_secret_value().

    Empty for an API key without the `read_credentials` scope, and for connections that need none.
    """

    credentials: Secret[dict[str, JsonValue]] = Secret({})


class ConnectionPage(Wire):
    connections: list[ConnectionSummary]


class ImportedConnection(Sent):
    """The body of POST /connections."""

    integration_id: Name = Field(serialization_alias="provider_config_key")
    connection_id: Name | None = None
    credentials: Credentials
    tags: Tags
    metadata: dict[str, Any] | None = None
    connection_config: dict[str, Any] | None = None
    end_user: EndUserProfile | None = None
    webhook_url_override: str | None = None


class ConnectionChange(Sent):
    """The body of PATCH /connections/{id}."""

    tags: Tags | None = None
    end_user: EndUserProfile | None = None
    webhook_url_override: str | None = None


class MetadataChange(Sent):
    """The body of POST and PATCH /connections/metadata."""

    connection_ids: Name | Annotated[tuple[Name, ...], Field(min_length=1)] = Field(serialization_alias="connection_id")
    integration_id: Name = Field(serialization_alias="provider_config_key")
    metadata: dict[str, Any]
