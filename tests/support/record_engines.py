"""What stands between the records and their database, for tests that listen to it."""

from typing import Any

from sqlalchemy import Engine

from nango_graph.records import Records


def engines_of(records: Records) -> set[Engine]:
    """Of who writes, and of who reads."""
    engines: Any = records._database.engines
    return {getattr(engine, "sync_engine", engine) for engine in (engines._writer, engines._readers)}


def writer_of(records: Records) -> Engine:
    engines: Any = records._database.engines
    return getattr(engines._writer, "sync_engine", engines._writer)
