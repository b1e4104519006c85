"""A process that embeds the graph: `worker.py SETTINGS`, a JSON object. What it is told comes in lines, what it says goes out so.

wake THREAD       looks at the thread's waits, and wakes it: says "planned N" when its run is over, N calls of the planner by then
look THREAD       commits what it finds, and wakes nobody: says "looked"
go THREAD [JSON]  `nango_graph.answer` with the decisions: says "gone"
With "die_at": N it kills itself when it has stored its Nth checkpoint.
"""

import asyncio
import json
import os
import signal
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

sys.path.insert(0, str(Path(__file__).parent.parent / "support"))

from agents import ScriptedModel
from nango_graph import AgentSettings, Context, Records, answer, build_graph, open_services
from nango_graph.waiting.embedded import EmbeddedThreads
from nango_graph.waiting.looking import look_at_waits


def say(*words: object) -> None:
    sys.stdout.write(f"{' '.join(map(str, words))}\n")
    sys.stdout.flush()


def dying(saver: Any, at: int | None) -> Any:
    stored, left = saver.aput, at

    async def aput(*args: Any) -> Any:
        nonlocal left
        kept = await stored(*args)
        if left is not None:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return kept

    saver.aput = aput
    return saver


async def main(told: dict[str, Any]) -> None:
    settings = AgentSettings.from_environ(told["environ"])
    model = ScriptedModel(integrations=["github"], script=[told["plan"]] * 1000)
    async with AsyncExitStack() as stack:
        url = told["records"]
        records = await Records.open(url if "://" in url else Path(url))
        stack.push_async_callback(records.close)
        kind = AsyncPostgresSaver if told["saver"].startswith("postgres") else AsyncSqliteSaver
        saver = dying(await stack.enter_async_context(kind.from_conn_string(told["saver"])), told.get("die_at"))
        services = await stack.enter_async_context(open_services(settings, records=records, model=model))
        graph = build_graph(services).compile(checkpointer=saver)
        say("ready")
        while True:
            command, thread, *rest = (await asyncio.to_thread(sys.stdin.readline)).split(maxsplit=2) or ["end", ""]
            match command:
                case "wake":
                    async with EmbeddedThreads(graph, again=0.02) as threads:
                        (wait,) = await records.waits.live_in(thread) or [None]
                        if wait is not None:
                            await look_at_waits(services, thread)
                            turn = await records.turns.get(wait.turn_id, thread)
                            await threads.wake(turn, wait_id=wait.id)
                    say("planned", len(model.prompts))
                case "look":
                    assert await look_at_waits(services, thread)
                    say("looked")
                case "go":
                    decisions = json.loads(rest[0]) if rest else None
                    await answer(thread, decisions, graph=graph, context=Context(user_id="ada"))
                    say("gone")
                case _:
                    return


asyncio.run(main(json.loads(sys.argv[1])))
