"""Credentials that we give to Nango: one class for each way to authorize."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, PlainSerializer, SecretStr

from nango_tools.models.wire import Sent

_Time = Annotated[AwareDatetime, PlainSerializer(lambda time: time.isoformat(), return_type=str)]


class ConfigOverride(Sent):
    """The OAuth app that a connection uses in place of its integration's."""

    client_id: str | None = None
    client_secret: SecretStr | None = None


class OAuth2Credentials(Sent):
    """With a refresh_token and expires_at Nango refreshes them itself."""

    type: Literal["OAUTH2"] = "OAUTH2"
    access_token: SecretStr
    refresh_token: SecretStr | None = None
    expires_at: _Time | None = None
    config_override: ConfigOverride | None = None


class OAuth2ClientCredentials(Sent):
    type: Literal["OAUTH2_CC"] = "OAUTH2_CC"
    token: SecretStr
    client_id: str
    client_secret: SecretStr
    expires_at: _Time | None = None
    client_certificate: str | None = None
    client_private_key: SecretStr | None = None


class OAuth1Credentials(Sent):
    type: Literal["OAUTH1"] = "OAUTH1"
    oauth_token: SecretStr
    oauth_token_secret: SecretStr


class ApiKeyCredentials(Sent):
    """Nango writes this one field in camel case."""

    type: Literal["API_KEY"] = "API_KEY"
    # With `alias` type checkers would take that for the name of the argument.
    api_key: SecretStr = Field(validation_alias="apiKey", serialization_alias="apiKey")


class BasicCredentials(Sent):
    type: Literal["BASIC"] = "BASIC"
    username: str
    password: SecretStr


class TbaCredentials(Sent):
    """Token-based authentication, of NetSuite."""

    type: Literal["TBA"] = "TBA"
    token_id: SecretStr
    token_secret: SecretStr
    config_override: ConfigOverride | None = None


class AppCredentials(Sent):
    """An installed app, of GitHub; Nango fetches its tokens."""

    type: Literal["APP", "CUSTOM"] = "APP"
    app_id: str
    installation_id: str


class NoCredentials(Sent):
    type: Literal["NONE"] = "NONE"


Credentials = Annotated[
    OAuth2Credentials
    | OAuth2ClientCredentials
    | OAuth1Credentials
    | ApiKeyCredentials
    | BasicCredentials
    | TbaCredentials
    | AppCredentials
    | NoCredentials,
    Field(discriminator="type"),
]


class OAuthClient(Sent):
    """An integration's own OAuth app, as registered with the provider. scopes: comma-separated."""

    type: Literal["OAUTH2", "OAUTH1", "TBA"] = "OAUTH2"
    client_id: str
    client_secret: SecretStr
    scopes: str | None = None
    webhook_secret: SecretStr | None = None


class AppClient(Sent):
    type: Literal["APP"] = "APP"
    app_id: str
    app_link: str
    private_key: SecretStr


class CustomClient(Sent):
    """Both an OAuth app and an installable one."""

    type: Literal["CUSTOM"] = "CUSTOM"
    client_id: str
    client_secret: SecretStr
    app_id: str
    app_link: str
    private_key: SecretStr


IntegrationCredentials = Annotated[OAuthClient | AppClient | CustomClient, Field(discriminator="type")]
