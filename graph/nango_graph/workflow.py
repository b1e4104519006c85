"""Start here: the workflow, and how its nodes are put together.

    begin_turn ─▶ choose_integrations ─▶ resolve_connections ─▶ discover_tools ─▶ plan ─▶ execute ─▶ respond
                                               ▲ │                                 ▲       │ ▲
                                               │ ▼                                 │       ▼ │
                                          await_connection                         │  approve ─▶ decide
                                                                                   │
    plan ─▶ respond (an answer, a question);
    plan ─▶ resolve_connections (another integration, account or scope is needed);
    execute ─▶ resolve_connections (a connection broke); discover_tools ─▶ execute (and the plan goes on);
    execute ─▶ plan (a step failed, or results call for more); execute ─▶ execute (the run was stopped: the next one goes on);
    decide ─▶ approve (asked again);
    begin_turn ─▶ approve ─▶ decide ─▶ choose_integrations (what became of writes that were cut off is settled first)

Two nodes ask, and do nothing else: await_connection and approve. What they ask was prepared by the node before.
"""

import os
from collections.abc import Awaitable, Callable
from typing import Any

from langgraph.graph import END, START
from langgraph.runtime import Runtime

from nango_graph import routing
from nango_graph.context import Context, as_context
from nango_graph.durable import DurableBuilder
from nango_graph.errors import ModelError, UsageError
from nango_graph.identity import named_in
from nango_graph.nodes.approve import approve
from nango_graph.nodes.await_connection import await_connection
from nango_graph.nodes.begin_turn import begin_turn
from nango_graph.nodes.choose_integrations import choose_integrations
from nango_graph.nodes.decide import decide
from nango_graph.nodes.discover_tools import discover_tools
from nango_graph.nodes.execute import execute
from nango_graph.nodes.plan import plan
from nango_graph.nodes.resolve_connections import resolve_connections
from nango_graph.nodes.respond import respond
from nango_graph.records.turns import SOMEBODY_ELSES
from nango_graph.services import Services, ServicesPerLoop, ServicesSource, open_services
from nango_graph.settings import AgentSettings
from nango_graph.state import Input, Output, Reply, State
from nango_graph.tracing import Tracing
from nango_tools import NangoError, SettingsError

Node = Callable[[State, Runtime[Context], Services], Awaitable[dict[str, Any]]]

NODES: dict[str, Node] = {
    "begin_turn": begin_turn,
    "choose_integrations": choose_integrations,
    "resolve_connections": resolve_connections,
    "await_connection": await_connection,
    "discover_tools": discover_tools,
    "plan": plan,
    "execute": execute,
    "approve": approve,
    "decide": decide,
    "respond": respond,
}
"""The names are in every checkpoint: a thread that waits in a renamed node is lost."""


def build_graph(services: Services | ServicesSource | None = None) -> DurableBuilder:
    """The workflow, uncompiled: compile it with the checkpointer of your choice.

    `services` come from `open_services(...)`, or are asked for at every node (`ServicesPerLoop`). Without them they are made
    from the environment at the first run, one set for each event loop. Compiled graphs always run with `durability="sync"`.
    """
    source = _source(services)
    graph = DurableBuilder(State, context_schema=Context, input_schema=Input, output_schema=Output)
    graph.services = source
    graph.tracing = Tracing(source)
    graph.admit = _admission(source)
    for name, node in NODES.items():
        graph.add_node(name, _bound(node, source))
    graph.add_edge(START, "begin_turn")
    graph.add_conditional_edges("begin_turn", routing.after_beginning)
    graph.add_conditional_edges("choose_integrations", routing.after_choosing)
    graph.add_conditional_edges("resolve_connections", routing.after_resolving)
    graph.add_edge("await_connection", "resolve_connections")
    graph.add_conditional_edges("discover_tools", routing.after_discovering)
    graph.add_conditional_edges("plan", routing.after_planning)
    graph.add_conditional_edges("execute", routing.after_executing)
    graph.add_edge("approve", "decide")
    graph.add_conditional_edges("decide", routing.after_deciding)
    graph.add_edge("respond", END)
    return graph


def _admission(source: ServicesSource) -> Callable[[str | None, object], Awaitable[None]]:
    async def admit(thread_id: str | None, context: object) -> None:
        """A message that a stranger left in a thread would later be taken for its owner's."""
        who = named_in(as_context(context))
        if thread_id and who is not None:
            tenant = await (await source()).records.turns.tenant_of(thread_id)
            if tenant not in {None, who.tenant}:
                raise UsageError(SOMEBODY_ELSES)

    return admit


def _settings_from_environment() -> AgentSettings:
    try:
        return AgentSettings.from_environ(os.environ)
    except SettingsError as error:
        raise UsageError(str(error)) from error


def _source(services: Services | ServicesSource | None) -> ServicesSource:
    if services is None:
        return ServicesPerLoop(lambda: open_services(_settings_from_environment()))
    if not isinstance(services, Services):
        return services
    given = services

    async def source() -> Services:
        return given

    return source


def _bound(node: Node, source: ServicesSource) -> Any:
    """The node with its services. A failure that has words becomes the answer, so that the thread stays usable."""

    async def run(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
        services = await source()
        try:
            return await node(state, runtime, services)
        except (NangoError, ModelError) as error:
            return {"reply": Reply(kind="problem", text=str(error)), "asked": None, "answered": None}

    return run
