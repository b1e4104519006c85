"""How long a resume takes among few and among very many who wait: measured by turns, in one run."""

import contextlib
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from embedded_host import EmbeddedHost, embedded_host
from many_waits import fill
from nango_graph.connections.finding import WAIT_TAG
from nango_sandbox import Sandbox
from noting_model import request_to_list
from wait_scenarios import DAY
from waiting_hosts import at_rest
from webhook_post import Post, post_between

FEW, MANY = 100, 100_000
By = Literal["webhook", "sweep"]


@dataclass(frozen=True)
class Crowded:
    by: By
    few: float
    """Median seconds from the authorization (of a sweep: from the beginning of its pass) until the thread had gone on."""
    many: float

    @property
    def ratio(self) -> float:
        return self.many / self.few


async def among_few_and_many(
    sandbox: Sandbox, folder: Path, new_database: Callable[[], str | None], *, samples: int, many: int = MANY
) -> list[Crowded]:
    async with contextlib.AsyncExitStack() as stack:
        hosts: dict[int, tuple[EmbeddedHost, Post]] = {}
        for count in (FEW, many):
            own = folder / f"{count}"
            own.mkdir()
            host = await stack.enter_async_context(embedded_host(sandbox, own, new_database()))
            # The others are not due: how many a pass may ask about is a matter of its budget.
            await fill(host.records, count, now=host.now(), look_at=host.now() + 20 * DAY)
            hosts[count] = host, await stack.enter_async_context(post_between(sandbox, host.url))
        results = []
        for by in ("webhook", "sweep"):
            taken: Sequence[list[float]] = [[], []]
            for number in range(samples + 1):
                turns = list(zip(hosts.items(), taken, strict=True))
                # Whoever comes second finds a warmer machine.
                for (crowd, (host, post)), seconds in turns if number % 2 else reversed(turns):
                    seconds.append(await _once(host, post, by, f"{by}-{number}-of-{crowd}"))
            # The first ones warm up.
            few, lots = (statistics.median(seconds[1:]) for seconds in taken)
            results.append(Crowded(by, few, lots))
        return results


async def _once(host: EmbeddedHost, post: Post, by: By, case: str) -> float:
    await host.ask(case, request_to_list(case), user=case)
    (wait_id,) = (await host.view(case)).waits
    host.sandbox.set_webhook_url(post.url if by == "webhook" else None)
    began = time.perf_counter()
    await host.sandbox.connect("github", {"end_user_id": case, WAIT_TAG: wait_id})
    if by == "sweep":
        began = time.perf_counter()
        await host.sweep()
    view = await at_rest(host, case)
    seconds = time.perf_counter() - began
    assert view.words == "Done."
    return seconds
