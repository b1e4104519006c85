"""`langgraph dev` killed with SIGKILL around waits, and started again on the same database, without the rows of its threads."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import httpx

from langgraph_host import LangGraphHost
from nango_sandbox import WebhookReceiver
from noting_model import request_to_list
from opened_links import open_link
from wait_scenarios import DAY
from waiting_hosts import PATIENCE, View, at_rest, gone_on, link_in

Killed = Literal["while it waits", "before the nudge", "in the middle of the run"]
By = Literal["webhook", "sweep"]
CASES: Mapping[str, tuple[Killed, By]] = {
    "waits-webhook": ("while it waits", "webhook"),
    "waits-sweep": ("while it waits", "sweep"),
    "nudge-webhook": ("before the nudge", "webhook"),
    "nudge-sweep": ("before the nudge", "sweep"),
    "run-webhook": ("in the middle of the run", "webhook"),
}
"""By the name of the thread, its user and its case. "webhook": the kill comes while it is answered."""


@dataclass(frozen=True)
class Revived:
    """What became of a thread whose server was killed."""

    killed: Killed
    by: By
    row_is_there: bool
    """For its user, as before: by and by once the server was up again, and after it was woken."""
    words: str
    state: str
    plans: int
    reads: int
    seconds: float
    """Real ones, from what woke it (the delivery, the pass of a sweep, or that the server was up again) until it had gone on."""

    @property
    def resumed_once(self) -> bool:
        end = (self.words, self.state, self.plans, self.reads)
        return end == ("Done.", "consumed", 1, 1) and self.row_is_there


async def killed_and_started_again(host: LangGraphHost) -> list[Revived]:
    """A server after the other, each killed: all threads wait a day; then one after the other is authorized."""
    asked: dict[str, tuple[View, str]] = {}
    revived = []
    for case in CASES:
        await host.ask(case, request_to_list(case), user=case)
        asked[case] = await host.view(case), await link_in(host, case)
    await host.let_pass(DAY)
    async with WebhookReceiver() as receiver:
        receiver.receive_from(host.sandbox)
        await host.kill()
        await host.start()
        for case, (killed, by) in CASES.items():
            back = await _is_back(host, case)
            if killed != "while it waits":
                await host.will_be_killed(after="satisfied" if killed == "before the nudge" else "consumed")
            view, link = asked[case]
            await open_link(link, host.cookies(case))
            delivery = await receiver.next()
            began = time.perf_counter()
            await _tell(host, by, delivery, deadly=killed == "before the nudge")
            if killed != "while it waits":
                await host.is_killed()
                await host.start()
                began = time.perf_counter()
                if by == "webhook":
                    # As Nango does, which got no answer.
                    await _tell(host, by, delivery)
            revived.append(await _revived(host, case, view.waits[0], back=back, began=began))
    return revived


async def _tell(host: LangGraphHost, by: By, delivery: Any, *, deadly: bool = False) -> None:
    try:
        if by == "sweep":
            await host.sweep()
        else:
            async with httpx.AsyncClient(base_url=host.url, trust_env=False, timeout=PATIENCE) as http:
                headers = {
                    name: value for name, value in delivery.headers.items() if name.lower().startswith("x-nango")
                }
                (await http.post("/webhooks/nango", content=delivery.raw_body, headers=headers)).raise_for_status()
    except httpx.TransportError:
        if not deadly:
            raise


async def _is_back(host: LangGraphHost, case: str) -> bool:
    """The server has lost the row, and brings it back in the background."""
    until = time.perf_counter() + PATIENCE
    while not await host.knows(case):
        if time.perf_counter() > until:
            return False
        await asyncio.sleep(0.05)
    return True


async def _revived(host: LangGraphHost, case: str, wait_id: str, *, back: bool, began: float) -> Revived:
    await gone_on(host, case, wait_id)
    seconds = time.perf_counter() - began
    view, wait = await at_rest(host, case), await host.records.waits.get(wait_id)
    reads = [entry for entry in await host.sandbox.ledger() if entry.end_user_id == case]
    return Revived(
        *CASES[case],
        row_is_there=back and await host.knows(case),
        words=view.words,
        state=wait.state if wait else "",
        plans=host.model.planned(case),
        reads=len(reads),
        seconds=seconds,
    )
