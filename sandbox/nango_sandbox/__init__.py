"""A small Nango on your machine: REST, hosted MCP, a connect page, signed webhooks, and three apps with real data."""

from nango_sandbox.app import create_app
from nango_sandbox.apps import all_apps
from nango_sandbox.catalog import CatalogError, read_catalog
from nango_sandbox.clock import Clock
from nango_sandbox.functions.action import Action, Call, Endpoint, Integration, Sync
from nango_sandbox.opening import open_services
from nango_sandbox.options import Options
from nango_sandbox.services import Services
from nango_sandbox.serving.in_process import InProcessSandbox
from nango_sandbox.serving.listening import PortTakenError
from nango_sandbox.serving.request_log import SeenRequest
from nango_sandbox.serving.server import Sandbox
from nango_sandbox.store.database import DatabaseVersionError
from nango_sandbox.store.ledger import LedgerEntry
from nango_sandbox.webhook_receiver import Delivery, WebhookReceiver

__all__ = [
    "Action",
    "Call",
    "CatalogError",
    "Clock",
    "DatabaseVersionError",
    "Delivery",
    "Endpoint",
    "InProcessSandbox",
    "Integration",
    "LedgerEntry",
    "Options",
    "PortTakenError",
    "Sandbox",
    "SeenRequest",
    "Services",
    "Sync",
    "WebhookReceiver",
    "all_apps",
    "create_app",
    "open_services",
    "read_catalog",
]
