"""What the client needs to know, and where it comes from."""

import ipaddress
from collections.abc import Mapping
from typing import NoReturn, Self
from urllib.parse import SplitResult, unquote, urlsplit

import httpx
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, ValidationInfo, field_validator

from nango_tools.errors import SettingsError

_VARIABLES = {
    "api_key": "NANGO_API_KEY",
    "base_url": "NANGO_BASE_URL",
    "webhook_signing_key": "NANGO_WEBHOOK_SIGNING_KEY",
    "management_mcp_url": "NANGO_MANAGEMENT_MCP_URL",
    "allow_insecure_http": "NANGO_ALLOW_INSECURE_HTTP",
}
_CLOUD = "https://api.nango.dev"
_CLOUD_MANAGEMENT = "https://mcp.nango.dev/mcp"


class NangoSettings(BaseModel):
    """One Nango environment.

    Time-outs are in seconds, for the wait for an answer; connecting has up to 10 of its own. write_timeout is for
    actions that write, which may run for minutes and are not stopped by giving up; read_timeout for all else.
    longest_wait is for how many seconds a read waits, at most, when Nango's request limit is used up (its window is a minute).
    max_response_bytes limits an answer, unpacked.

    allow_insecure_http: send the key readable to hosts other than this machine, for a Nango in a private network.
    management_mcp_url: the Management MCP is on another host; None means that there is none.

    Settings hold keys and so cannot be pickled; make them anew where they are needed. Copies are fine.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    api_key: SecretStr
    allow_insecure_http: bool = False
    base_url: str = _CLOUD
    management_mcp_url: str | None = Field(default=None, validate_default=True)
    webhook_signing_key: SecretStr | None = None
    read_timeout: float = Field(default=30, gt=0, allow_inf_nan=False)
    write_timeout: float = Field(default=150, gt=0, allow_inf_nan=False)
    longest_wait: float = Field(default=65, ge=0, allow_inf_nan=False)
    max_response_bytes: int = Field(default=32 * 1024 * 1024, gt=0)

    @field_validator("api_key", "webhook_signing_key")
    @classmethod
    def _fits_a_header(cls, key: SecretStr | None) -> SecretStr | None:
        text = key.get_secret_value() if key else "-"
        if not text or not text.isascii() or not text.isprintable() or " " in text:
            raise ValueError("must be printable ASCII without spaces, and not empty")
        return key

    @field_validator("base_url")
    @classmethod
    def _safe_base_url(cls, base_url: str, info: ValidationInfo) -> str:
        url = _safe(base_url, insecure=info.data.get("allow_insecure_http", False))
        if url.path not in ("", "/"):
            raise ValueError("must be only scheme, host and port, as in https://api.nango.dev")
        return base_url.rstrip("/")

    @field_validator("management_mcp_url")
    @classmethod
    def _safe_management_url(cls, given: str | None, info: ValidationInfo) -> str | None:
        if given is None:
            return _CLOUD_MANAGEMENT if info.data.get("base_url") == _CLOUD else None
        url = _safe(given, insecure=info.data.get("allow_insecure_http", False))
        if url.path in ("", "/") or any(segment in (".", "..") for segment in unquote(url.path).split("/")):
            raise ValueError("must have a path, as in https://mcp.nango.dev/mcp")
        return given

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "NangoSettings hold keys and are not pickled: make them anew, from_environ() or from your vault"
        )

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Settings from NANGO_API_KEY (or NANGO_SECRET_KEY), NANGO_BASE_URL, NANGO_WEBHOOK_SIGNING_KEY,
        NANGO_MANAGEMENT_MCP_URL and NANGO_ALLOW_INSECURE_HTTP (true or false).

        An empty variable counts as not set. SettingsError names the variable that is missing or wrong, never its value.
        """
        key_variable = "NANGO_API_KEY" if environ.get("NANGO_API_KEY") else "NANGO_SECRET_KEY"
        found = {name: environ.get(variable) for name, variable in _VARIABLES.items()}
        found["api_key"] = environ.get(key_variable)
        if not found["api_key"]:
            raise SettingsError(
                "Set NANGO_API_KEY to the API key of your Nango environment (Nango dashboard, Environment settings)"
            )
        try:
            return cls.model_validate({name: value for name, value in found.items() if value})
        except ValidationError as error:
            problem = error.errors(include_input=False, include_url=False)[0]
            field = str(problem["loc"][0])
            variable = key_variable if field == "api_key" else _VARIABLES.get(field, field)
            text = problem["msg"].removeprefix("Value error, ")
        raise SettingsError(f"{variable} {text}")


def _safe(address: str, *, insecure: bool) -> SplitResult:
    """The parts of a URL that the key may be sent to; ValueError, in words that follow its name, for any other."""
    if not address.isascii() or not address.isprintable() or any(c in address for c in ' \\"<>'):
        raise ValueError("must be a plain URL without spaces")
    url = urlsplit(address)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ValueError("must begin with https:// (or http:// on this machine) and name a host")
    if url.username is not None or url.password is not None:
        raise ValueError("must not hold a user name or password")
    if "?" in address or "#" in address:
        raise ValueError("must be only scheme, host and port, and for the Management MCP a path")
    try:
        httpx.URL(address)
    except httpx.InvalidURL as error:
        raise ValueError(f"is not a URL ({error})") from None
    if url.scheme == "http" and not insecure and not _is_loopback(url.hostname):
        raise ValueError(
            f"would send the API key readable over plain http to {url.hostname}: use https://, http:// only to this "
            "machine, or set NANGO_ALLOW_INSECURE_HTTP=true where the network in between is yours"
        )
    return url


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
