"""Who may log in to a LangGraph server: what its tokens look like, and who signs them."""

from collections.abc import Mapping
from typing import Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, SecretStr

from nango_graph.server.addresses import is_loopback
from nango_tools import SettingsError

VARIABLES = ("NANGO_AGENT_JWT_", "NANGO_AGENT_JWKS_")
"""How the names of all variables begin that are read here."""

_SHARED = {"HS256": 32, "HS384": 48, "HS512": 64}
"""Algorithms with a shared secret, and its least length in bytes (RFC 7518, 3.2)."""
_KEY_TYPES = {
    **dict.fromkeys(_SHARED, "oct"),
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), "RSA"),
    **dict.fromkeys(("ES256", "ES384", "ES512"), "EC"),
    "EdDSA": "OKP",
}
_NAMES_OF_COOKIES = set("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")


class JwtSettings(BaseModel):
    """Tokens are checked with `algorithms`, whatever they say themselves. Either `secret` or `jwks_url` is set."""

    model_config = ConfigDict(frozen=True)

    algorithms: tuple[str, ...]
    """All of one kind of key."""
    issuer: str
    audience: str
    secret: SecretStr | None = None
    jwks_url: str | None = None
    organization_claim: str = "org_id"
    """The claim that names the user's organization; who has none is a tenant of their own."""
    cookie: str | None = None
    """A cookie that may hold the token, for pages that are opened in a browser; the API never reads it."""
    login_url: str | None = None
    """Where people log in: shown to who opens a link and is not logged in."""

    @property
    def key_type(self) -> str:
        """As RFC 7517 names them: oct, RSA, EC or OKP."""
        return _KEY_TYPES[self.algorithms[0]]

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self | None:
        """None where nothing is set. Raises `SettingsError` for half of it: that must not pass for "no login"."""
        given = {name: value.strip() for name, value in environ.items() if name.startswith(VARIABLES)}
        if not any(given.values()):
            return None
        algorithms = _algorithms(given.get("NANGO_AGENT_JWT_ALGORITHMS", ""))
        secret, jwks_url = given.get("NANGO_AGENT_JWT_SECRET", ""), given.get("NANGO_AGENT_JWKS_URL", "")
        if algorithms[0] in _SHARED:
            if jwks_url:
                raise SettingsError(f"NANGO_AGENT_JWKS_URL is set, but {algorithms[0]} has no public key: remove one.")
            _check_secret(secret, algorithms)
        else:
            if secret:
                raise SettingsError(f"NANGO_AGENT_JWT_SECRET is set, but {algorithms[0]} needs none: remove one.")
            _check_jwks_url(jwks_url, algorithms[0])
        return cls(
            algorithms=algorithms,
            issuer=_required(given, "NANGO_AGENT_JWT_ISSUER", "the `iss` of your tokens"),
            audience=_required(
                given, "NANGO_AGENT_JWT_AUDIENCE", "the `aud` by which tokens are meant for this server"
            ),
            secret=SecretStr(secret) if secret else None,
            jwks_url=jwks_url or None,
            organization_claim=given.get("NANGO_AGENT_JWT_ORGANIZATION_CLAIM") or "org_id",
            cookie=_cookie(given.get("NANGO_AGENT_JWT_COOKIE", "")),
            login_url=_login_url(given.get("NANGO_AGENT_JWT_LOGIN_URL", "")),
        )


def _required(given: Mapping[str, str], name: str, what: str) -> str:
    if not given.get(name):
        raise SettingsError(f"{name} is not set: it must be {what}.")
    return given[name]


def _algorithms(text: str) -> tuple[str, ...]:
    algorithms = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not algorithms:
        raise SettingsError(
            "NANGO_AGENT_JWT_ALGORITHMS is not set: name what your tokens are signed with, such as RS256."
        )
    for name in algorithms:
        if name not in _KEY_TYPES:
            raise SettingsError(f"NANGO_AGENT_JWT_ALGORITHMS: {name[:40]!r} is none of {', '.join(_KEY_TYPES)}.")
    if len({_KEY_TYPES[name] for name in algorithms}) > 1:
        raise SettingsError(
            f"NANGO_AGENT_JWT_ALGORITHMS: {', '.join(algorithms)} need keys of different kinds; use one."
        )
    return algorithms


def _check_secret(secret: str, algorithms: tuple[str, ...]) -> None:
    if not secret:
        raise SettingsError(f"NANGO_AGENT_JWT_SECRET is not set: {algorithms[0]} needs one.")
    if "-----BEGIN" in secret:
        raise SettingsError(
            "NANGO_AGENT_JWT_SECRET holds a PEM key. A public key is no secret: set NANGO_AGENT_JWKS_URL and RS256, "
            "ES256 or EdDSA in NANGO_AGENT_JWT_ALGORITHMS."
        )
    least = max(_SHARED[name] for name in algorithms)
    if len(secret.encode()) < least:
        raise SettingsError(f"NANGO_AGENT_JWT_SECRET is too short for {', '.join(algorithms)}: give it {least} bytes.")


def _check_jwks_url(url: str, algorithm: str) -> None:
    if not url:
        raise SettingsError(
            f"NANGO_AGENT_JWKS_URL is not set: {algorithm} needs the address of the signer's public keys."
        )
    if not _is_safe(url) or urlsplit(url).fragment:
        # The address itself stays out of the message: it might hold a password.
        raise SettingsError("NANGO_AGENT_JWKS_URL must be an https:// address without user and fragment.")


def _login_url(url: str) -> str | None:
    if url and not _is_safe(url):
        raise SettingsError("NANGO_AGENT_JWT_LOGIN_URL must be an https:// address without user.")
    return url or None


def _is_safe(url: str) -> bool:
    """https, or http on this machine; without user and password."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
    return bool(host and safe and parts.username is None and parts.password is None)


def _cookie(name: str) -> str | None:
    if not set(name) <= _NAMES_OF_COOKIES:
        raise SettingsError("NANGO_AGENT_JWT_COOKIE must be the name of a cookie: letters, digits, - and _.")
    return name or None
