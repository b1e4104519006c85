"""Integrations, and the functions deployed on them."""

from typing import Any

from pydantic import AwareDatetime, Field, field_validator

from nango_tools.models.wire import Wire


class Integration(Wire):
    """An entry of GET /integrations. `key` is what other calls name integration id."""

    key: str = Field(validation_alias="unique_key")
    provider: str
    display_name: str | None = None
    logo: str | None = None


class IntegrationList(Wire):
    data: list[Integration]


class Endpoint(Wire):
    """The route an author declared for a function; many declare none, and some a wrong method."""

    method: str | None = None
    path: str | None = None


class ActionConfig(Wire):
    """An action as GET /scripts/config lists it. `input` and `returns` name definitions in `json_schema`."""

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

    @field_validator("scopes", "endpoints", "returns", mode="before")
    @classmethod
    def _none_is_empty(cls, value: Any) -> Any:
        return () if value is None else value

    @property
    def definitions(self) -> dict[str, Any]:
        found = (self.json_schema or {}).get("definitions")
        return found if isinstance(found, dict) else {}

    def definition(self, name: str | None) -> dict[str, Any] | None:
        """The JSON Schema stored under `name`, with its references not resolved; None where there is none."""
        found = self.definitions.get(name) if name else None
        return found if isinstance(found, dict) else None


class IntegrationFunctions(Wire):
    """An entry of GET /scripts/config. Syncs are left out: an action and a sync may share a name."""

    integration_id: str = Field(validation_alias="providerConfigKey")
    provider: str | None = None
    actions: tuple[ActionConfig, ...] = ()
