"""nango-agent: a LangGraph workflow that does a user's job in their SaaS accounts through Nango."""

from nango_graph.context import Context
from nango_graph.errors import AgentError, ModelError, UsageError
from nango_graph.records import Records
from nango_graph.services import Services, open_services
from nango_graph.settings import AgentSettings, ModelSettings
from nango_graph.workflow import build_graph

__all__ = [
    "AgentError",
    "AgentSettings",
    "Context",
    "ModelError",
    "ModelSettings",
    "Records",
    "Services",
    "UsageError",
    "build_graph",
    "open_services",
]
