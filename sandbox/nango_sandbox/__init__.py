"""A small Nango on your machine: REST, hosted MCP, a connect page, signed webhooks, and three apps with real data."""

from nango_sandbox.app import create_app
from nango_sandbox.clock import Clock
from nango_sandbox.server import PortTakenError, Sandbox
from nango_sandbox.services import Services, open_services
from nango_sandbox.store.database import DatabaseVersionError
from nango_sandbox.store.ledger import LedgerEntry

__all__ = [
    "Clock",
    "DatabaseVersionError",
    "LedgerEntry",
    "PortTakenError",
    "Sandbox",
    "Services",
    "create_app",
    "open_services",
]
