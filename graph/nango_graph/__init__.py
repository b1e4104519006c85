"""nango-agent: a LangGraph workflow that does a user's job in their SaaS accounts through Nango."""

from nango_graph.answering import Outcome, answer
from nango_graph.context import Context
from nango_graph.errors import AgentError, ModelError, NotAsked, UsageError
from nango_graph.gate import LedgerGate
from nango_graph.identity import Requester
from nango_graph.records import Records
from nango_graph.run_lease import ThreadBusy
from nango_graph.services import Services, ServicesPerLoop, open_services
from nango_graph.settings import AgentSettings, ModelSettings
from nango_graph.waiting.embedded import EmbeddedThreads
from nango_graph.waiting.served import ServerThreads
from nango_graph.waiting.sweep import sweeping
from nango_graph.waiting.threads import Threads
from nango_graph.web.app import create_web_app
from nango_graph.web.opening import LoginNeeded, LoginUnavailable
from nango_graph.workflow import build_graph

__all__ = [
    "AgentError",
    "AgentSettings",
    "Context",
    "EmbeddedThreads",
    "LedgerGate",
    "LoginNeeded",
    "LoginUnavailable",
    "ModelError",
    "ModelSettings",
    "NotAsked",
    "Outcome",
    "Records",
    "Requester",
    "ServerThreads",
    "Services",
    "ServicesPerLoop",
    "ThreadBusy",
    "Threads",
    "UsageError",
    "answer",
    "build_graph",
    "create_web_app",
    "open_services",
    "sweeping",
]
