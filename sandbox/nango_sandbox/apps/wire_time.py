"""Times as the apps' APIs write them."""

from datetime import UTC, datetime


def iso(moment: datetime) -> str:
    """2026-11-20T21:04:53Z"""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
