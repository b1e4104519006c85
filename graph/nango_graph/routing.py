"""Where the flow goes next. Pure functions of the state; a reply that is ready always goes to `respond`."""

from typing import Literal

from nango_graph.state import State


def after_beginning(state: State) -> Literal["approve", "choose_integrations"]:
    return "approve" if state.get("asked") else "choose_integrations"


def after_choosing(state: State) -> Literal["resolve_connections", "respond"]:
    return "respond" if state.get("reply") else "resolve_connections"


def after_resolving(state: State) -> Literal["await_connection", "discover_tools", "respond"]:
    if state.get("reply"):
        return "respond"
    return "await_connection" if state.get("asked") else "discover_tools"


def after_discovering(state: State) -> Literal["execute", "plan", "respond"]:
    if state.get("reply"):
        return "respond"
    # A plan whose connection broke on the way goes on where it stood.
    return "execute" if state.get("plan_id") else "plan"


def after_planning(state: State) -> Literal["execute", "resolve_connections", "respond"]:
    if state.get("reply"):
        return "respond"
    return "execute" if state.get("plan_id") else "resolve_connections"


def after_executing(state: State) -> Literal["approve", "execute", "plan", "resolve_connections", "respond"]:
    if state.get("reply"):
        return "respond"
    if state.get("asked"):
        return "approve"
    if state.get("parked"):
        return "resolve_connections"
    if "stopped" in state["steps"].values():
        # The run is being ended, so this is where the next one begins.
        return "execute"
    return "plan" if state.get("problem") and not state.get("plan_id") else "respond"


def after_deciding(state: State) -> Literal["approve", "choose_integrations", "execute", "respond"]:
    if state.get("reply"):
        return "respond"
    if state.get("asked"):
        return "approve"
    return "execute" if state.get("plan_id") else "choose_integrations"
