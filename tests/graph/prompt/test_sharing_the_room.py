"""Of a large catalogue the parts of a request, and what it names, share the room: no step crowds out the others."""

from typing import Any, cast

from langchain_core.messages import AIMessage, HumanMessage

from nango_graph.catalog_view import view_of
from nango_graph.finding_tools import ToolFinder
from nango_graph.planning.presenting import SIGNATURES, tokens_of
from nango_graph.state import State, Turn
from nango_tools import Tool
from nango_tools.catalog.definitions import Definition

THINGS = ("lantern", "kettle", "violin", "turbine", "meadow", "parcel", "voucher", "anchor", "bonnet", "candle")
VERBS = ("list", "get", "create", "update", "delete", "export", "assign", "close", "clone", "lock", "move", "print")
LONG = "Written so that few of its kind fit beside each other in a prompt. " * 4


def tool(integration: str, name: str, description: str = LONG) -> Tool:
    return Definition(integration=integration, name=name, description=f"{name}. {description}").tool()


def catalogue(*more: Tool) -> dict[str, Tool]:
    """A dozen tools for each of ten things, in one integration."""
    tools = [tool("store", f"{verb}-{thing}") for thing in THINGS for verb in VERBS]
    return {each.id: each for each in [*tools, *more]}


def asked(*texts: str) -> State:
    """The last one is the request, the others were asked before."""
    *before, request = texts
    said = [
        each for number, text in enumerate(before) for each in (HumanMessage(text, id=f"h{number}"), AIMessage("Done."))
    ]
    turn = Turn(id="t", message_id="m", request=request, settings={}, planned=0)
    state: dict[str, Any] = {"turn": turn, "messages": [*said, HumanMessage(request, id="m")]}
    return cast("State", {**state, "unfinished": [], "earlier": [], "results": []})


async def shown(state: State, tools: dict[str, Tool]) -> set[str]:
    view, ids = await view_of(state, tools, [], ToolFinder(), searched=[], words=[])
    assert tokens_of(view.signatures) <= SIGNATURES
    assert view.index
    return set(ids)


async def test_the_last_of_many_parts_is_in_view_as_the_first_one_is() -> None:
    steps = list(zip(VERBS, THINGS, strict=False))
    request = ", ".join(f"{verb} the {thing}" for verb, thing in steps)
    assert {f"store/{verb}-{thing}" for verb, thing in steps} <= await shown(asked(request), catalogue())


async def test_an_integration_that_is_named_is_in_view_although_all_words_are_about_the_tools_of_another() -> None:
    tools = catalogue(*(tool("ledger", f"{verb}-entry") for verb in VERBS))
    seen = await shown(asked("Close the lantern kettle violin turbine meadow parcel by Ledger"), tools)
    assert "ledger/close-entry" in seen
    assert len([each for each in seen if each.startswith("ledger/")]) >= 8
    assert {f"store/close-{thing}" for thing in THINGS[:6]} <= seen


async def test_what_earlier_requests_were_near_has_room_beside_a_request_of_several_parts() -> None:
    request = ", ".join(f"close the {thing}" for thing in THINGS[:3])
    assert "store/print-candle" in await shown(asked("Print the candle", request), catalogue())
