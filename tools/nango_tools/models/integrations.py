"""Integrations, and the functions deployed on them."""

from typing import Any

from pydantic import AwareDatetime, Field, JsonValue, Secret, StrictBool

from nango_tools.models.credentials import IntegrationCredentials
from nango_tools.models.wire import Name, Sent, Wire


class Integration(Wire):
    """An entry of GET /integrations. `key` is what other calls name integration id."""

    key: str = Field(validation_alias="unique_key")
    provider: str
    display_name: str | None = None
    logo: str | None = None
    forward_webhooks: bool | None = None
    created_at: AwareDatetime | None = None
    updated_at: AwareDatetime | None = None


class IntegrationDetails(Integration):
    """The answer of GET /integrations/{key}.

    webhook_url: where the provider sends its webhooks; None where it sends none, or it was not included
    credentials: the OAuth app, `type` and the fields of that type; None where there are none, or they were not included
    """

    webhook_url: str | None = None
    credentials: Secret[dict[str, JsonValue]] | None = None


class _IntegrationSettings(Sent):
    display_name: str | None = None
    credentials: IntegrationCredentials | None = None
    forward_webhooks: StrictBool | None = None
    integration_config: dict[str, str] | None = None
    custom: dict[str, str] | None = None


class NewIntegration(_IntegrationSettings):
    """The body of POST /integrations."""

    key: Name = Field(serialization_alias="unique_key")
    provider: Name


class IntegrationChange(_IntegrationSettings):
    """The body of PATCH /integrations/{key}."""

    new_key: Name | None = Field(default=None, serialization_alias="unique_key")


class IntegrationList(Wire):
    data: list[Integration]


class IntegrationAnswer(Wire):
    data: Integration


class IntegrationDetailsAnswer(Wire):
    data: IntegrationDetails


class Endpoint(Wire):
    """The route an author declared for a function; many declare none, and some a wrong method."""

    method: str | None = None
    path: str | None = None


class FunctionConfig(Wire):
    """What actions and syncs have in common. `input` and `returns` name definitions in `json_schema`."""

    name: str
    description: str | None = None
    enabled: bool = True
    version: str | None = None
    last_deployed: AwareDatetime | None = None
    scopes: tuple[str, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    input: str | None = None
    returns: tuple[str, ...] = ()
    json_schema: dict[str, Any] | None = None

    @property
    def definitions(self) -> dict[str, Any]:
        found = (self.json_schema or {}).get("definitions")
        return found if isinstance(found, dict) else {}

    def definition(self, name: str | None) -> dict[str, Any] | None:
        """The JSON Schema stored under `name`, with its references not resolved; None where there is none."""
        found = self.definitions.get(name) if name else None
        return found if isinstance(found, dict) else None


class ActionConfig(FunctionConfig):
    """An action as GET /scripts/config lists it."""


class SyncConfig(FunctionConfig):
    """A sync. `returns` names its models; runs: how often, as in `every hour`; sync_type: `full` or `incremental`."""

    sync_type: str | None = None
    runs: str | None = None
    auto_start: bool | None = None
    track_deletes: bool | None = None


class Function(SyncConfig):
    """An entry of GET /integrations/{key}/functions: an action, a sync, or what Nango may add. It has no endpoints."""

    type: str


class Pagination(Wire):
    total: int


class FunctionPage(Wire):
    data: list[Function]
    pagination: Pagination | None = None


class FunctionAnswer(Wire):
    data: Function


class IntegrationFunctions(Wire):
    """An entry of GET /scripts/config. An action and a sync may share a name."""

    integration_id: str = Field(validation_alias="providerConfigKey")
    provider: str | None = None
    actions: tuple[ActionConfig, ...] = ()
    syncs: tuple[SyncConfig, ...] = ()
