"""A wait with SIGKILL at every point at which something around it has become durable, and other processes on the same database."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from killed_processes import USER, Forks, Order
from nango_sandbox import Sandbox, WebhookReceiver

DAY = 86400.0
ONCE = {"asked": ["github/create-issue"], "live": [], "words": "Done.", "written": 1}
"""What is true in the end: the write was asked for once, no wait is left, it was approved, and it is in Nango's ledger once."""

Copied = Callable[[Order, str], Order]
"""The same order on a copy of its folder and database, called so."""


@dataclass(frozen=True)
class Killed:
    after: str
    """What had become durable last."""
    hoped: dict[str, Any]
    end: dict[str, Any]

    @property
    def resumed_once(self) -> bool:
        return self.hoped == self.end


def order_for(sandbox: Sandbox, folder: str, database_url: str | None) -> Order:
    nango = {
        "api_key": sandbox.api_key.get_secret_value(),
        "base_url": sandbox.base_url,
        "webhook_signing_key": sandbox.webhook_signing_key.get_secret_value(),
    }
    return Order("ask", folder, nango, "killed", database_url)


async def killed_on_the_way_to_the_question(run: Forks, sandbox: Sandbox, order: Order, copied: Copied) -> list[Killed]:
    commits = (await run(copied(order, "whole"))).commits
    assert all(any(mark in commit for commit in commits) for mark in ("insert waits open", "the question"))
    begun = next(at for at, commit in enumerate(commits) if "turns" in commit)
    killed = []
    for at, commit in enumerate(commits, 1):
        cut = replace(copied(order, f"ask-{at}"), kill_after=at)
        assert (await run(cut)).signal == 9
        # Until the records know whose turn it is, nobody but the message's own run goes on: the message is sent again.
        hoped = ONCE | {"said_again": at <= begun, "authorized": True}
        killed.append(Killed(commit, hoped, await _finished(run, sandbox, cut)))
        await _forget_connections(sandbox)
    return killed


async def killed_on_the_way_back(
    by: Literal["deliver", "sweep"], run: Forks, sandbox: Sandbox, order: Order, copied: Copied
) -> list[Killed]:
    """A day has passed. Killed until the graph is beyond the wait."""
    assert (await run(order)).signal == 0
    delivery = await _authorized(sandbox)
    sandbox.clock.advance(DAY)
    waking = replace(order, do=by, ahead=DAY, delivery=delivery)
    commits = (await run(copied(waking, "whole"))).commits
    assert all(
        any(mark in commit for commit in commits) for mark in ("update waits satisfied", "update waits consumed")
    )
    passed = commits.index("checkpoint before plan") + 1
    killed = []
    for at, commit in enumerate(commits[:passed], 1):
        cut = replace(copied(waking, f"{by}-{at}"), kill_after=at)
        assert (await run(cut)).signal == 9
        hoped = ONCE | {"said_again": False, "authorized": False}
        killed.append(Killed(commit, hoped, await _finished(run, sandbox, replace(cut, ahead=DAY + 60))))
    return killed


async def _finished(run: Forks, sandbox: Sandbox, order: Order) -> dict[str, Any]:
    before = await _written(sandbox)
    told = (await run(replace(order, do="finish", kill_after=None))).told
    return {**told, "written": await _written(sandbox) - before}


async def _written(sandbox: Sandbox) -> int:
    return [entry.action for entry in await sandbox.ledger()].count("create-issue")


async def _authorized(sandbox: Sandbox) -> dict[str, Any]:
    """The connection is made; the delivery that told of it is kept from the agent until somebody hands it over."""
    async with WebhookReceiver() as receiver:
        receiver.receive_from(sandbox)
        await sandbox.connect("github", {"end_user_id": USER})
        delivery = await receiver.next()
        sandbox.set_webhook_url(None)
    return {"body": delivery.raw_body.decode(), "headers": dict(delivery.headers)}


async def _forget_connections(sandbox: Sandbox) -> None:
    async def forget(services: Any) -> None:
        for connection in await services.connections.newest_first():
            await services.connections.delete(connection.connection_id, connection.integration)

    await sandbox.run(forget)
