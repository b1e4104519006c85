"""Connections: whose account, of which integration, and whether it still works. Credentials are never kept."""

from datetime import datetime

from pydantic import AliasChoices, Field, JsonValue

from nango_tools.models.wire import Wire


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
    created_at: datetime = Field(validation_alias=AliasChoices("created", "created_at"))

    @property
    def needs_reauthorization(self) -> bool:
        """Only `auth` errors mean that: failing syncs are listed in the same place."""
        return any(issue.type == "auth" for issue in self.errors)


class Connection(ConnectionSummary):
    """The answer of GET /connections/{id}."""

    updated_at: datetime | None = None
    last_fetched_at: datetime | None = None


class ConnectionPage(Wire):
    connections: list[ConnectionSummary]
