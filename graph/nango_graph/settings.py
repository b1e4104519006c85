"""Everything that the environment decides, read in this one place from a mapping that is handed in."""

import hmac
from collections.abc import Mapping
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from platformdirs import user_data_path
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from nango_tools import NangoSettings, SettingsError

RULE_BASED = "rule-based"
DEFAULT_MODEL = "gpt-5-mini"


class ModelSettings(BaseModel):
    """Which chat model to use. `name` may be "rule-based": the stand-in that needs no key."""

    model_config = ConfigDict(frozen=True)

    name: str = DEFAULT_MODEL
    api_key: SecretStr | None = None
    base_url: str | None = None
    use_responses_api: bool = False

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        name = environ.get("NANGO_AGENT_MODEL", "") or DEFAULT_MODEL
        key = environ.get("OPENAI_API_KEY", "")
        if not key and name != RULE_BASED:
            raise SettingsError(
                "OPENAI_API_KEY is not set. Set it (in the environment or in .env), "
                f"or set NANGO_AGENT_MODEL={RULE_BASED} to try things without a language model."
            )
        return cls(
            name=name,
            api_key=SecretStr(key) if key else None,
            base_url=environ.get("OPENAI_BASE_URL") or None,
            use_responses_api=environ.get("NANGO_AGENT_RESPONSES_API", "").lower() in {"1", "true", "yes"},
        )


class Limits(BaseModel):
    """The most that the budgets of a run's context may be, in this deployment. None: no less than the context itself allows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int | None = Field(default=None, ge=1)
    items: int | None = Field(default=None, ge=1)
    replans: int | None = Field(default=None, ge=0)
    model_calls: int | None = Field(default=None, ge=1)
    tokens: int | None = Field(default=None, ge=1_000)
    seconds: int | None = Field(default=None, ge=1)

    @classmethod
    def read(cls, text: str) -> Self:
        """From `steps=50,seconds=7200`. Raises `SettingsError`."""
        said: dict[str, int] = {}
        for entry in _list(text):
            name, _, number = (part.strip() for part in entry.partition("="))
            if name not in cls.model_fields or name in said:
                raise SettingsError(
                    f"NANGO_AGENT_LIMITS: {entry[:60]!r} is {'there twice' if name in said else 'not known'}. "
                    f"Give each of {', '.join(cls.model_fields)} at most once, as in steps=50,seconds=7200."
                )
            least = next(one.ge for one in cls.model_fields[name].metadata if hasattr(one, "ge"))
            if not number.isascii() or not number.isdecimal() or len(number) > 9 or int(number) < least:
                raise SettingsError(
                    f"NANGO_AGENT_LIMITS: {name} must be a whole number from {least}, not {number[:40]!r}."
                )
            said[name] = int(number)
        return cls(**said)


class AgentSettings(BaseModel):
    """A deployment of the agent. Keys are `SecretStr`; nothing here ever comes from a run's context."""

    model_config = ConfigDict(frozen=True)

    nango: NangoSettings
    model: ModelSettings
    data_dir: Path
    database_url: str | None = None
    """Records, and checkpoints where the agent makes them itself: SQLAlchemy URL; by default SQLite in `data_dir`."""
    user_id: str = "local-user"
    """Who the user is in a terminal."""
    server_user_id: str = "local-user"
    """Who the user is on a LangGraph server without auth. Empty where users log in: then nobody is assumed."""
    public_url: str | None = None
    """Where browsers reach our own pages (`/connect/...`). Without it people are shown Nango's own, short-lived links."""
    link_secret: SecretStr | None = None
    """Signs our links. By default derived from the Nango key, so that all workers agree on it."""
    policy_file: Path | None = None
    """Rules of the operator: what is never done, what asks, what needs no question."""
    environment: str = ""
    """A name for the Nango environment of the key: only needed where several environments share one database of records."""
    embeddings: str | None = None
    """An embedding model of the OpenAI-compatible endpoint, to find tools by meaning too. None: by words alone."""
    probes: dict[str, str] = Field(default_factory=dict)
    """By integration: an action that only reads, to see that a new connection works where the key can't read connections."""
    concurrency: int = Field(default=20, ge=1, le=200)
    """Calls of one run to Nango at the same time, in all."""
    concurrency_per_connection: int = Field(default=10, ge=1, le=200)
    """The same to one connection."""
    async_actions: tuple[str, ...] = ()
    """Globs of tools (`integration/tool`) that Nango runs asynchronously: those that may take minutes."""
    limits: Limits = Limits()
    """Caps the budgets that a run's context asks for."""

    @property
    def link_key(self) -> bytes:
        """What our links are signed with."""
        if self.link_secret is not None:
            return self.link_secret.get_secret_value().encode()
        return hmac.digest(self.nango.api_key.get_secret_value().encode(), b"nango-agent connect links", "sha256")

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Raises `SettingsError` with one sentence that names the variable to set."""
        nango = NangoSettings.from_environ(environ)
        user_id = environ.get("NANGO_AGENT_USER_ID", "").strip() or "local-user"
        users_log_in = any(name.startswith("NANGO_AGENT_JW") and value for name, value in environ.items())
        return cls(
            nango=nango,
            model=ModelSettings.from_environ(environ),
            data_dir=data_dir(environ),
            database_url=environ.get("NANGO_AGENT_DATABASE_URL") or None,
            user_id=user_id,
            server_user_id="" if users_log_in else environ.get("NANGO_AGENT_DEV_USER", "").strip() or user_id,
            public_url=_public_url(environ),
            link_secret=_link_secret(environ.get("NANGO_AGENT_LINK_SECRET", "")),
            policy_file=policy_file(environ),
            environment=environ.get("NANGO_AGENT_ENVIRONMENT", "").strip(),
            embeddings=environ.get("NANGO_AGENT_EMBEDDINGS", "").strip() or None,
            probes=_probes(environ.get("NANGO_AGENT_PROBES", "")),
            concurrency=_number(environ, "NANGO_AGENT_CONCURRENCY", 20),
            concurrency_per_connection=_number(environ, "NANGO_AGENT_CONCURRENCY_PER_CONNECTION", 10),
            async_actions=_list(environ.get("NANGO_AGENT_ASYNC_ACTIONS", "")),
            limits=Limits.read(environ.get("NANGO_AGENT_LIMITS", "")),
        )


def _public_url(environ: Mapping[str, str]) -> str | None:
    url = (environ.get("NANGO_AGENT_PUBLIC_URL") or "").rstrip("/")
    if not url:
        return None
    parts = urlsplit(url)
    local = parts.hostname in {"localhost", "127.0.0.1", "::1"}
    if (
        not parts.hostname
        or parts.query
        or parts.fragment
        or not (parts.scheme == "https" or (parts.scheme == "http" and local))
    ):
        raise SettingsError(
            f"NANGO_AGENT_PUBLIC_URL must be an https:// address (http:// on this machine), not {url[:200]!r}."
        )
    return url


def _link_secret(text: str) -> SecretStr | None:
    if text and len(text) < 32:
        raise SettingsError("NANGO_AGENT_LINK_SECRET is too short: give it at least 32 characters.")
    return SecretStr(text) if text else None


def _probes(text: str) -> dict[str, str]:
    probes = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        integration, _, action = (part.strip() for part in entry.partition("/"))
        if not integration or not action:
            raise SettingsError(f"NANGO_AGENT_PROBES: {entry[:100]!r} is not integration/action.")
        probes[integration] = action
    return probes


def _number(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name, "").strip() or str(default)
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text[:9]) <= 200:
        raise SettingsError(f"{name} must be a number from 1 to 200, not {text[:40]!r}.")
    return int(text)


def _list(text: str) -> tuple[str, ...]:
    return tuple(filter(None, (part.strip() for part in text.split(","))))


def policy_file(environ: Mapping[str, str]) -> Path | None:
    """Where the operator's rules stand, if anywhere."""
    configured = environ.get("NANGO_AGENT_POLICY", "").strip()
    return Path(configured).expanduser() if configured else None


def data_dir(environ: Mapping[str, str]) -> Path:
    """Where the agent keeps its own files."""
    configured = environ.get("NANGO_AGENT_DATA_DIR")
    return Path(configured).expanduser() if configured else user_data_path("nango-agent", appauthor=False)
