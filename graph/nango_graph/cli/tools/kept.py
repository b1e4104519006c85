"""The records of a deployment, for commands that need nothing else: no Nango and no model is asked."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from nango_graph.records import Records
from nango_graph.settings import RULE_BASED, AgentSettings


@asynccontextmanager
async def open_records(environ: Mapping[str, str]) -> AsyncIterator[tuple[AgentSettings, Records]]:
    """Raises `SettingsError`. A model need not be configured."""
    settings = AgentSettings.from_environ({**environ, "NANGO_AGENT_MODEL": RULE_BASED})
    records = await Records.open(settings.database_url or settings.data_dir / "records.db")
    try:
        yield settings, records
    finally:
        await records.close()
