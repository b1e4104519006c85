"""Runs that are cancelled while something is on its way, and what a person says became of it."""

import asyncio
import contextlib
from typing import Any, Protocol

from agents import Agent, Proxy
from nango_graph import Context

T: Any = {"configurable": {"thread_id": "t"}}
ADA = Context(user_id="ada")


class HoldsBack(Protocol):
    """What a proxy does with requests; sets `there` when it holds back what it was to hold back, until `over` is set."""

    there: asyncio.Event
    over: asyncio.Event

    async def __call__(self, request: Any, forward: Any) -> Any: ...


async def cut_off(agent: Agent, proxy: Proxy, sent: Any, holding: HoldsBack) -> None:
    """A run of Ada's that is cancelled then."""
    proxy.handle = holding
    run = asyncio.create_task(agent.graph.ainvoke(sent, T, context=ADA))
    there = asyncio.create_task(holding.there.wait())
    await asyncio.wait([run, there], return_when=asyncio.FIRST_COMPLETED, timeout=30)
    assert there.done(), f"it ended before: {run}"
    run.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await run
    assert run.cancelled()
    holding.over.set()
    proxy.handle = lambda _, forward: forward()


def said(shown: dict[str, Any], answer: str) -> dict[str, Any]:
    """The decision on an unknown outcome."""
    return {"type": "edit", "edited_action": {"name": shown["name"], "args": {**shown["args"], "answer": answer}}}
