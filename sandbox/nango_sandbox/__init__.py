"""A small Nango on your machine: REST, hosted MCP, a connect page, signed webhooks, and three apps with real data."""

from nango_sandbox.app import create_app
from nango_sandbox.apps import all_apps
from nango_sandbox.catalog import CatalogError, read_catalog
from nango_sandbox.clock import Clock
from nango_sandbox.functions.action import Action, Call, Endpoint, Integration, Sync
from nango_sandbox.functions.failures import ActionFailed, NetworkFailed, ThrownError, UpstreamFailed
from nango_sandbox.functions.signature import Declared
from nango_sandbox.opening import open_services
from nango_sandbox.options import Options
from nango_sandbox.providers.upstreams import refusing
from nango_sandbox.services import Services
from nango_sandbox.serving.in_process import InProcessSandbox
from nango_sandbox.serving.listening import PortTakenError
from nango_sandbox.serving.request_log import SeenRequest
from nango_sandbox.serving.server import Sandbox
from nango_sandbox.store.database import DatabaseTakenError, DatabaseVersionError
from nango_sandbox.store.ledger import LedgerEntry
from nango_sandbox.webhook_receiver import Delivery, WebhookReceiver

__all__ = [
    "Action",
    "ActionFailed",
    "Call",
    "CatalogError",
    "Clock",
    "DatabaseTakenError",
    "DatabaseVersionError",
    "Declared",
    "Delivery",
    "Endpoint",
    "InProcessSandbox",
    "Integration",
    "LedgerEntry",
    "NetworkFailed",
    "Options",
    "PortTakenError",
    "Sandbox",
    "SeenRequest",
    "Services",
    "Sync",
    "ThrownError",
    "UpstreamFailed",
    "WebhookReceiver",
    "all_apps",
    "create_app",
    "open_services",
    "read_catalog",
    "refusing",
]
