"""Everything that the environment decides, read in this one place from a mapping that is handed in."""

from collections.abc import Mapping
from pathlib import Path
from typing import Self

from platformdirs import user_data_path
from pydantic import BaseModel, ConfigDict, SecretStr

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


class AgentSettings(BaseModel):
    """A deployment of the agent. Keys are `SecretStr`; nothing here ever comes from a run's context."""

    model_config = ConfigDict(frozen=True)

    nango: NangoSettings
    model: ModelSettings
    data_dir: Path
    records_url: str | None = None
    """SQLAlchemy URL of the records; by default SQLite in `data_dir`."""
    user_id: str = "local-user"
    """Who the user is where nobody logs in: the terminal, and a LangGraph server without auth."""

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Raises `SettingsError` with one sentence that names the variable to set."""
        nango = NangoSettings.from_environ(environ)
        return cls(
            nango=nango,
            model=ModelSettings.from_environ(environ),
            data_dir=data_dir(environ),
            records_url=environ.get("NANGO_AGENT_RECORDS_URL") or None,
            user_id=environ.get("NANGO_AGENT_USER_ID", "").strip() or "local-user",
        )


def data_dir(environ: Mapping[str, str]) -> Path:
    """Where the agent keeps its own files."""
    configured = environ.get("NANGO_AGENT_DATA_DIR")
    return Path(configured).expanduser() if configured else user_data_path("nango-agent", appauthor=False)
