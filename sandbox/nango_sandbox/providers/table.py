"""The providers that the sandbox knows: those in providers.json, and one for each declared integration beside them.

A provider says how its users authorize and where its API is. What the proxy and the Connect page need is typed; the rest
is what `GET /providers` shows and nothing here reads.
"""

import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from importlib.resources import files
from typing import Any

from pydantic import BaseModel, ConfigDict, JsonValue, TypeAdapter

from nango_sandbox.functions.action import AuthMode, Integration

_PLACE = re.compile(r"\$\{(?P<name>[^}]+)\}")


class Verification(BaseModel):
    """What is requested to see whether credentials are good; all endpoints are tried until one answers 2xx."""

    model_config = ConfigDict(extra="allow", frozen=True)

    method: str
    endpoints: tuple[str, ...]
    headers: dict[str, str] = {}


class ProxySettings(BaseModel):
    """Where the API is. `${apiKey}` and `${connectionConfig.NAME} || fallback` in these are filled per connection."""

    model_config = ConfigDict(extra="allow", frozen=True)

    base_url: str
    headers: dict[str, str] = {}
    verification: Verification | None = None


class Provider(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True)

    name: str
    display_name: str
    categories: tuple[str, ...] = ("other",)
    auth_mode: AuthMode
    authorization_url: str | None = None
    token_url: str | dict[str, str] | None = None
    default_scopes: tuple[str, ...] = ()
    proxy: ProxySettings | None = None
    webhook_routing_script: str | None = None
    credentials: dict[str, dict[str, Any]] = {}
    docs: str

    def base_url(self, connection_config: Mapping[str, JsonValue] | None = None) -> str | None:
        """Where its API is for a connection; None if the provider has none, or the connection lacks what its URL needs."""
        return _filled(self.proxy.base_url, connection_config or {}) if self.proxy else None

    def headers(
        self, credentials: Mapping[str, JsonValue], connection_config: Mapping[str, JsonValue] | None = None
    ) -> dict[str, str]:
        """What a request to its API carries to be let in, names in lower case.

        credentials: as a connection holds them: `access_token`, `apiKey`, or `username` and `password`
        """
        headers: dict[str, str] = {}
        if self.auth_mode == "BASIC":
            pair = f"{credentials.get('username', '')}:{credentials.get('password', '')}"
            headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        elif self.auth_mode not in ("API_KEY", "NONE"):
            headers["authorization"] = f"Bearer {credentials.get('access_token', '')}"
        for name, template in (self.proxy.headers if self.proxy else {}).items():
            value = _filled(template, connection_config or {}, credentials)
            if value is not None:
                headers[name.lower()] = value
        return headers

    def to_wire(self) -> dict[str, Any]:
        return self.model_dump(mode="json", exclude_unset=True)


class Providers(Mapping[str, Provider]):
    """By name. A declared integration whose provider is not in the table brings one along, as plain as can be."""

    def __init__(self, declared: Iterable[Integration]) -> None:
        self._known = known_providers()
        for integration in declared:
            self._known.setdefault(integration.provider, _plain(integration))

    def of(self, integration: Integration) -> Provider:
        """The provider of an integration, which may be one that was declared when the sandbox ran last."""
        return self._known.get(integration.provider) or _plain(integration)

    def __getitem__(self, name: str) -> Provider:
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._known))

    def __len__(self) -> int:
        return len(self._known)


def known_providers() -> dict[str, Provider]:
    """The table of providers.json, by name."""
    table = TypeAdapter(list[Provider]).validate_json((files(__package__) / "providers.json").read_bytes())
    return {each.name: each for each in table}


def auth_mode_of(provider: str) -> AuthMode:
    """What Nango's naming tells of an unknown provider: `lever-basic`, `airtable-pat`. Most are OAuth."""
    if provider.endswith(("-basic", "-basic-sandbox")):
        return "BASIC"
    return "API_KEY" if provider.endswith(("-pat", "-api-key")) else "OAUTH2"


def _plain(integration: Integration) -> Provider:
    name = integration.provider
    api = f"https://api.{name}.example"
    headers = {"authorization": "Bearer ${apiKey}"} if integration.auth_mode == "API_KEY" else {}
    described: dict[str, Any] = {
        "name": name,
        "display_name": integration.display_name,
        "categories": integration.categories,
        "auth_mode": integration.auth_mode,
    }
    if integration.auth_mode == "OAUTH2":
        described |= {"authorization_url": f"{api}/oauth/authorize", "token_url": f"{api}/oauth/token"}
    if integration.auth_mode != "NONE":
        described["proxy"] = {"base_url": api, **({"headers": headers} if headers else {})}
    if integration.auth_mode == "API_KEY":
        described["credentials"] = {"apiKey": {"type": "string", "title": "API Key", "description": "Your key"}}
    return Provider(**described, docs=f"https://nango.dev/docs/integrations/all/{name}")


def _filled(
    template: str, connection_config: Mapping[str, JsonValue], credentials: Mapping[str, JsonValue] | None = None
) -> str | None:
    """The first of the alternatives (`a || b`) whose places can all be filled; None if there is none."""
    known = {f"connectionConfig.{name}": value for name, value in connection_config.items()} | dict(credentials or {})
    for alternative in template.split(" || "):
        if all(isinstance(known.get(place["name"]), str | int) for place in _PLACE.finditer(alternative)):
            return _PLACE.sub(lambda place: str(known[place["name"]]), alternative)
    return None
