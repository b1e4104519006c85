"""The graph as the LangGraph server and Studio load it (`langgraph.json`). The server brings the checkpointer."""

import os
from urllib.parse import urlsplit

from nango_graph.errors import UsageError
from nango_graph.services import ServicesPerLoop, open_services
from nango_graph.settings import AgentSettings
from nango_graph.workflow import build_graph
from nango_tools import SettingsError


def server_settings() -> AgentSettings:
    """Those of the environment. Raises `UsageError` with a sentence that names the variable to set."""
    try:
        settings = AgentSettings.from_environ(os.environ)
    except SettingsError as error:
        raise UsageError(str(error)) from error
    here = os.environ.get("LANGGRAPH_API_URL", "").rstrip("/")
    if settings.public_url is None and urlsplit(here).hostname in {"127.0.0.1", "localhost"}:
        # `langgraph dev` says where it listens, and serves our pages there.
        return settings.model_copy(update={"public_url": here})
    return settings


services = ServicesPerLoop(lambda: open_services(server_settings()))
"""Of the graph and of our own routes: one set for each event loop."""

graph = build_graph(services).compile()
