"""300 random plans, well-formed and not, through the whole graph: what holds for each of them.

The planner draws what it submits; the human approves some of what is asked and refuses the rest. What ran, and when, is told by
the actions themselves.
"""

import asyncio
import contextlib
import itertools
import json
import re
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import Field

from agents import Agent, MovableClock, Seen
from drawn_plans import NEVER, READS, WRITES, Log, Run, apps, drawn
from nango_graph import AgentSettings, ModelSettings, Records, build_graph, open_services
from nango_graph.planning.plan import Step
from nango_graph.planning.references import steps_referred_to
from nango_sandbox import Sandbox
from nango_tools import NangoSettings
from replying_model import ReplyingModel, calling, first_of

THREADS, AT_ONCE, PORTIONS = 180, 6, 3
"""Each thread has two turns. A turn draws until a plan holds, or it has to give up."""
PLANS = 300
"""That were carried out, of all portions together; what was drawn and refused comes on top."""


class Drawing(ReplyingModel):
    """Every request draws its own plans, whatever happens beside it."""

    draws: dict[str, Random] = Field(default_factory=dict)

    def reply(self, messages: list[BaseMessage], tools: list[dict[str, Any]]) -> AIMessage:
        tool = first_of(tools)
        if not tool:
            return AIMessage("Done.")
        if tool == "choose_integrations":
            return calling(tool, {"integrations": ["lab", "desk"]})
        request = messages[-1].text.rpartition("<request>\n")[2]
        free = re.search(r"<next_step_id>s(\d+)<", messages[-1].text)
        assert free
        random = self.draws.setdefault(request, Random(request))
        submission = drawn(random, request, int(free[1]))
        return AIMessage("I will not.") if submission is None else calling(tool, submission)


@dataclass
class Human:
    """Answers whatever is asked, and remembers what it allowed."""

    agent: Agent
    thread: str
    random: Random
    allowed: Counter[str] = field(default_factory=Counter)
    answered: int = 0
    statuses: dict[str, str] = field(default_factory=dict)
    plans: int = 0

    async def has_it_done(self, request: str, **context: Any) -> Seen:
        seen = await self.agent.say(request, thread=self.thread, **context)
        for _ in range(40):
            if seen.question is None:
                assert seen.answer.strip()
                self.statuses |= seen.values["steps"]
                return seen
            self.answered += 1
            seen = await self.agent.decide(*map(self._decision, seen.asks), thread=self.thread)
            assert seen.question is None or not seen.question.get("problem"), "the answer was one"
        raise AssertionError("it asks without end")

    def _decision(self, asked: dict[str, Any]) -> dict[str, Any]:
        args = asked["args"]
        if self.random.random() < 0.15:
            return {"type": "reject", "message": "no"}
        for given in args.get("items", [args]):
            self.allowed[
                called(asked["name"], {name: value for name, value in given.items() if name != "confirm"})
            ] += 1
        if "confirm" in args:
            return {"type": "edit", "edited_action": {"name": asked["name"], "args": {**args, "confirm": "yes"}}}
        return {"type": "approve"}


def called(tool: str, given: dict[str, Any]) -> str:
    return f"{tool} {json.dumps(given, sort_keys=True)}"


@contextlib.asynccontextmanager
async def drawing_agent(log: Log, folder: Path) -> AsyncIterator[Agent]:
    async with contextlib.AsyncExitStack() as stack:
        sandbox = await stack.enter_async_context(Sandbox(integrations=apps(log)))
        for key in ("lab", "desk"):
            await sandbox.connect(key, {"end_user_id": "ada"})
        settings = AgentSettings(
            nango=NangoSettings(api_key=sandbox.api_key, base_url=sandbox.base_url),
            model=ModelSettings(name="drawing"),
            data_dir=folder,
        )
        records = await Records.in_memory(allow_writes=True)
        stack.push_async_callback(records.close)
        model, clock = Drawing(), MovableClock()
        services = await stack.enter_async_context(open_services(settings, records=records, model=model, clock=clock))
        graph = build_graph(services).compile(checkpointer=InMemorySaver())
        agent: Any = Agent(sandbox, services, model, clock, graph)  # type: ignore[arg-type]
        yield agent


@pytest.mark.parametrize("portion", range(PORTIONS))
async def test_whatever_is_planned_it_ends_in_an_answer_in_order_and_with_nothing_but_what_was_allowed(
    portion: int, tmp_path: Path
) -> None:
    log, turn_of_one = Log(), asyncio.Semaphore(AT_ONCE)
    async with drawing_agent(log, tmp_path) as agent:

        async def one(number: int) -> Human:
            human = Human(agent, f"p{number}", Random(number))
            async with turn_of_one:
                for turn in "ab":
                    few = {"max_items": 2} if number % 7 == 0 else {}
                    await human.has_it_done(f"p{number}{turn}", **few)
            return human

        share = THREADS // PORTIONS
        humans = await asyncio.gather(*map(one, range(portion * share, (portion + 1) * share)))
        seen = Counter[str]()
        for human in humans:
            runs = [run for run in log.runs if re.match(rf"{human.thread}[ab]/", run.given["mark"])]
            assert_only_allowed(runs, human.allowed)
            for row in await agent.services.records.plans.of_thread(human.thread):
                human.plans += 1
                steps = [Step.model_validate(step) for step in row.steps]
                assert_in_order(steps, runs, human.statuses)
                seen.update(step.tool.partition("/")[2] for step in steps)
        assert not [run for run in log.runs if NEVER in run.given["mark"]], "a condition did not hold"
    assert set(seen) == {*READS, *WRITES}, "plans of all kinds held"
    assert sum(human.answered for human in humans) > share
    assert sum(human.plans for human in humans) >= PLANS // PORTIONS
    assert len(log.runs) > 2 * share


def assert_only_allowed(runs: list[Run], allowed: Counter[str]) -> None:
    """No write without a yes, and none more often."""
    written = Counter(called(run.tool, run.given) for run in runs if run.tool.partition("/")[2] in WRITES)
    assert written <= allowed, written - allowed


def assert_in_order(steps: list[Step], runs: list[Run], statuses: dict[str, str]) -> None:
    marks = Counter(str(step.arguments["mark"]) for step in steps)
    mine: dict[str, list[Run]] = {}
    for step in steps:
        mark = str(step.arguments["mark"])
        if marks[mark] == 1 and re.search(rf"/{step.id}\b", mark):  # else two steps do the same
            begins = mark.partition("${")[0]
            mine[step.id] = [
                run
                for run in runs
                if run.given["mark"] == mark or (begins != mark and run.given["mark"].startswith(begins))
            ]
    for position, step in enumerate(steps):
        ran = mine.get(step.id, [])
        began = min((run.began for run in ran), default=0)
        for before in steps[:position] if ran else ():
            if before.id not in mine:
                continue
            prior, writes = mine[before.id], [one.tool.partition("/")[2] in WRITES for one in (before, step)]
            if before.id in step.needs:
                assert not any(run.failed for run in prior), f"{step.id} needs {before.id}, which failed"
                taken = before.id in steps_referred_to([step.arguments, step.for_each, step.when])
                assert prior or before.for_each or not taken, f"{step.id} needs {before.id}, which did not run"
                good = {"succeeded"} if taken else {"succeeded", "skipped"}
                assert statuses[before.id] in good, f"{step.id} needs {before.id}: {statuses[before.id]}"
            in_turn = writes[1] and not (before.independent or step.independent)
            after_a_write = not writes[1] and before.integration == step.integration
            if before.id in step.needs or (writes[0] and (in_turn or after_a_write)):
                assert all(run.ended < began for run in prior), f"{step.id} began before {before.id} had ended"
    for step in steps:
        ran = mine.get(step.id, [])
        if step.tool.partition("/")[2] in WRITES and not step.independent:
            assert all(one.ended < other.began for one, other in itertools.pairwise(ran)), "one item at a time"
