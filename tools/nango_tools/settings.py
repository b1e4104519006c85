"""What the client needs to know, and where it comes from."""

import ipaddress
from collections.abc import Mapping
from typing import Self
from urllib.parse import urlsplit

import httpx
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from nango_tools.errors import SettingsError

_VARIABLES = {
    "api_key": "NANGO_API_KEY",
    "base_url": "NANGO_BASE_URL",
    "webhook_signing_key": "NANGO_WEBHOOK_SIGNING_KEY",
}


class NangoSettings(BaseModel):
    """One Nango environment.

    Time-outs are in seconds, for the wait for an answer; connecting has up to 10 of its own. write_timeout is for
    actions that write, which may run for minutes and are not stopped by giving up; read_timeout for all else.
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    api_key: SecretStr
    base_url: str = "https://api.nango.dev"
    webhook_signing_key: SecretStr | None = None
    read_timeout: float = Field(default=30, gt=0, allow_inf_nan=False)
    write_timeout: float = Field(default=150, gt=0, allow_inf_nan=False)

    @field_validator("api_key", "webhook_signing_key")
    @classmethod
    def _fits_a_header(cls, key: SecretStr | None) -> SecretStr | None:
        text = key.get_secret_value() if key else "-"
        if not text or not text.isascii() or not text.isprintable() or " " in text:
            raise ValueError("must be printable ASCII without spaces, and not empty")
        return key

    @field_validator("base_url")
    @classmethod
    def _safe_base_url(cls, base_url: str) -> str:
        if not base_url.isascii() or not base_url.isprintable() or any(c in base_url for c in ' \\"<>'):
            raise ValueError("must be a plain URL without spaces")
        url = urlsplit(base_url)
        if url.scheme not in ("http", "https") or not url.hostname:
            raise ValueError("must begin with https:// (or http:// on this machine) and name a host")
        if url.username is not None or url.password is not None:
            raise ValueError("must not hold a user name or password")
        if url.path not in ("", "/") or "?" in base_url or "#" in base_url:
            raise ValueError("must be only scheme, host and port, as in https://api.nango.dev")
        try:
            httpx.URL(base_url)
        except httpx.InvalidURL as error:
            raise ValueError(f"is not a URL ({error})") from None
        if url.scheme == "http" and not _is_loopback(url.hostname):
            raise ValueError(
                f"would send the API key readable over plain http to {url.hostname}: "
                "use https://, or http:// only to this machine"
            )
        return base_url.rstrip("/")

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Settings from NANGO_API_KEY (or NANGO_SECRET_KEY), NANGO_BASE_URL and NANGO_WEBHOOK_SIGNING_KEY.

        An empty variable counts as not set. SettingsError names the variable that is missing or wrong, never its value.
        """
        key_variable = "NANGO_API_KEY" if environ.get("NANGO_API_KEY") else "NANGO_SECRET_KEY"
        found = {
            "api_key": environ.get(key_variable),
            "base_url": environ.get("NANGO_BASE_URL"),
            "webhook_signing_key": environ.get("NANGO_WEBHOOK_SIGNING_KEY"),
        }
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


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
