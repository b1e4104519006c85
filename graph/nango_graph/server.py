"""The graph as the LangGraph server and Studio load it (`langgraph.json`). The server brings the checkpointer."""

from nango_graph.workflow import build_graph

graph = build_graph().compile()
