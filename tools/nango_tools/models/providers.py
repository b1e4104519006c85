"""Providers: the apps that Nango knows how to talk to, whether or not this environment has an integration for them."""

from pydantic import Field, JsonValue

from nango_tools.models.wire import Wire


class ProviderProxy(Wire):
    """base_url may hold ${connectionConfig.…} to be filled in."""

    base_url: str | None = None


class Provider(Wire):
    """auth_mode: OAUTH2, API_KEY, BASIC, NONE and others. name: what an integration's `provider` says.

    connection_config, credentials: the fields that a user is asked for when connecting, by name; no values.
    """

    name: str
    display_name: str | None = None
    auth_mode: str | None = None
    categories: tuple[str, ...] = ()
    default_scopes: tuple[str, ...] = ()
    docs: str | None = None
    docs_connect: str | None = None
    logo_url: str | None = None
    authorization_url: str | dict[str, str] | None = None
    token_url: str | dict[str, str] | None = None
    proxy: ProviderProxy | None = None
    connection_config: dict[str, JsonValue] = Field(default_factory=dict)
    credentials: dict[str, JsonValue] = Field(default_factory=dict)


class ProviderList(Wire):
    data: list[Provider]


class ProviderAnswer(Wire):
    data: Provider
