"""The graph as the LangGraph server and Studio load it (`langgraph.json`). The server brings the checkpointer."""

import os

from nango_graph.errors import UsageError
from nango_graph.server.addresses import with_public_url
from nango_graph.services import ServicesPerLoop, open_services
from nango_graph.settings import AgentSettings
from nango_graph.workflow import build_graph
from nango_tools import SettingsError


def server_settings() -> AgentSettings:
    """Those of the environment. Raises `UsageError` with a sentence that names the variable to set."""
    try:
        return with_public_url(AgentSettings.from_environ(os.environ), os.environ)
    except SettingsError as error:
        raise UsageError(str(error)) from error


services = ServicesPerLoop(lambda: open_services(server_settings()))
"""Of the graph and of our own routes: one set for each event loop."""

graph = build_graph(services).compile()
