"""Starting over without starting again: the apps as they were first, for whoever is connected already."""

from nango_sandbox.services import Services
from nango_sandbox.store.documents import Documents


async def reset(services: Services) -> None:
    """The apps' data as at the beginning, an empty ledger, no faults, no requests seen. Connections and keys stay."""
    now = services.clock.now()
    async with services.database.transaction() as rows:
        for table in ("documents", "counters", "ledger"):
            await rows.execute(f"DELETE FROM {table}")  # noqa: S608 - the names stand above
        for integration in services.integrations.values():
            if integration.seed is not None:
                await integration.seed(Documents(rows, integration.key), now)
    services.faults.clear()
    services.request_log.clear()
