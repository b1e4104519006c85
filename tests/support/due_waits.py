"""When a sweep has something to do next."""

from sqlalchemy import func, select

from nango_graph import Records
from nango_graph.records.tables import waits


async def next_due(records: Records) -> float | None:
    """Seconds since the epoch; None where no wait is to be looked at any more."""
    found = await records._database.row(select(func.min(waits.c.look_at).label("earliest")))
    return found.earliest if found is not None else None
