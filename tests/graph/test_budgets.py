"""What one request may use up: each budget is reached, said and kept, whatever is killed, edited or begun again."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from agents import Agent, MovableClock, ScriptedModel
from nango_graph import AgentSettings, Context, ModelSettings, Records, build_graph
from nango_graph.budgets import Budget, BudgetReached, effective
from nango_graph.identity import Requester
from nango_graph.nodes.respond import plain_account
from nango_graph.records import TurnRow
from nango_graph.records.turns import Spent
from nango_graph.settings import Limits
from nango_tools import NangoSettings, SettingsError
from replying_model import calling
from warm_commands import Command

OCTO = {"owner": "octo", "repo": "widgets"}
APPROVE: dict[str, Any] = {"type": "approve"}


def step(number: int, tool: str, arguments: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": f"s{number}", "tool": tool, "arguments": arguments, **more}


def plan(*steps: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "plan", "steps": list(steps)}


LIST = step(1, "github/list-issues", OCTO)
GET = step(2, "github/get-issue", {**OCTO, "issue_number": "${s1.issues[0].number}"})
MISSING = step(2, "github/get-issue", {**OCTO, "issue_number": 999})
CREATE = step(1, "github/create-issue", {**OCTO, "title": "Crash on undo"})


def costing(answer: dict[str, Any], tokens: int) -> AIMessage:
    """A submission of the planner, with what the endpoint says it cost."""
    message = calling("submit_plan", answer)
    message.usage_metadata = {"input_tokens": tokens - 1, "output_tokens": 1, "total_tokens": tokens}
    return message


async def spent_by(agent: Agent, thread: str = "t") -> Spent:
    turn = await agent.services.records.turns.last_of(thread)
    assert turn is not None
    return turn.spent


class BusyModel(ScriptedModel):
    """Every call of it takes `seconds` of the clock; from the call number `hangs` on it does not answer at all."""

    clock: Any = None
    seconds: float = 0.0
    hangs: int = 1000
    called: Any = None

    def reply(self, messages: list[BaseMessage], tools: list[dict[str, Any]]) -> AIMessage:
        self.clock.time += self.seconds
        return super().reply(messages, tools)

    async def _agenerate(self, *args: Any, **kwargs: Any) -> Any:
        self.hangs -= 1
        if self.hangs < 0:
            self.called.set()
            await asyncio.Event().wait()
        return await super()._agenerate(*args, **kwargs)


def with_model(agent: Agent, **how: Any) -> Agent:
    model = BusyModel(clock=agent.clock, integrations=agent.model.integrations, called=asyncio.Event(), **how)
    return _again(agent, replace(agent.services, model=model))


def with_limits(agent: Agent, **limits: int) -> Agent:
    settings = agent.services.settings.model_copy(update={"limits": Limits(**limits)})
    return _again(agent, replace(agent.services, settings=settings))


def _again(agent: Agent, services: Any) -> Agent:
    graph = build_graph(services).compile(checkpointer=agent.graph.checkpointer or InMemorySaver())
    return Agent(agent.sandbox, services, services.model, agent.clock, graph)


# Calls of the model


async def test_a_plan_that_is_not_mended_in_time_says_which_budget_it_was(agent) -> None:
    agent.model.script = [plan(step(1, "github/no-such-tool", {})), plan(LIST)]
    seen = await agent.say("list the issues", max_model_calls=2)
    assert "asked as often as one request may (2 times)" in seen.answer
    assert "raise max_model_calls" in seen.answer
    assert len(agent.model.prompts) == 1, "the first call chose the integrations"
    assert (await spent_by(agent)).model_calls == 2
    assert await agent.ledger() == []


async def test_what_failed_is_not_planned_again_without_a_call_and_what_was_done_is_told(agent) -> None:
    agent.model.script = [plan(LIST, MISSING, step(3, "github/get-issue", {**OCTO, "issue_number": "${s2.number}"}))]
    seen = await agent.say("list the issues", max_model_calls=2)
    assert "max_model_calls" in seen.answer
    done, not_done = seen.answer.split("Not done, or not all of it:")
    account = seen.values["connections"]["github"]["label"]
    assert f"Done:\n- s1 github/list-issues: succeeded ({account})." in done
    assert f"- s2 github/get-issue: failed ({account}). " in not_done
    assert f"- s3 github/get-issue: not run ({account}). It needs s2" in not_done


async def test_where_no_call_is_left_for_the_answer_it_is_a_plain_account(agent) -> None:
    agent.model.script = [plan(LIST)]
    agent.model.words = "The model was asked."
    seen = await agent.say("list the issues", max_model_calls=2)
    assert "The model was asked." not in seen.answer
    assert "Done:\n- s1 github/list-issues: succeeded (" in seen.answer
    assert "Not done" not in seen.answer
    assert (await spent_by(agent)).model_calls == 2


async def test_searches_of_the_planner_are_calls_too(agent) -> None:
    agent.model.script = [{"kind": "search_tools", "text": "issues"}, plan(LIST)]
    assert (await agent.say("list the issues")).answer == "Done."
    assert (await spent_by(agent)).model_calls == 4


async def test_the_next_request_begins_with_nothing_used_up(agent) -> None:
    agent.model.script = [plan(LIST)]
    assert "max_model_calls" in (await agent.say("list the issues", max_model_calls=2)).answer
    agent.model.script = [plan(GET)]
    assert (await agent.say("and the first one?")).answer == "Done.", "what was read before is still there"


# Tokens


async def test_tokens_that_the_endpoint_tells_are_counted_and_end_the_turn(agent) -> None:
    agent.model.script = [costing(plan(LIST), 99_900)]
    seen = await agent.say("list the issues", max_tokens=100_000)
    assert "one request may use 100000 tokens" in seen.answer
    assert "raise max_tokens" in seen.answer
    assert "- s1 github/list-issues" in seen.answer
    assert 99_900 < (await spent_by(agent)).tokens < 110_000


async def test_where_the_endpoint_tells_none_they_are_estimated_by_what_was_said(agent) -> None:
    agent.model.script = [plan(LIST)]
    await agent.say("list the issues " + "x" * 40_000)
    asked_three_times = 3 * 10_000
    assert asked_three_times < (await spent_by(agent)).tokens < asked_three_times + 20_000


async def test_a_prompt_that_would_not_fit_is_not_sent(agent) -> None:
    seen = await agent.say("list the issues " + "x" * 40_000, max_tokens=9_000)
    assert "max_tokens" in seen.answer
    assert await spent_by(agent) == replace(await spent_by(agent), model_calls=0, tokens=0)


@pytest.mark.parametrize("absurd", [-5, 0, 10**15])
async def test_what_an_endpoint_says_of_its_tokens_need_not_be_true(agent, absurd) -> None:
    agent.model.script = [costing(plan(LIST), absurd)]
    await agent.say("list the issues")
    told = (await spent_by(agent)).tokens
    assert 100 < told < 2**31


# Seconds


@pytest.fixture
async def slow(start, sandbox, proxy) -> AsyncIterator[Agent]:
    """Each call of an action takes 100 seconds of the clock."""
    await sandbox.connect("github", {"end_user_id": "ada"})
    async with start(nango={"base_url": proxy.url}) as agent:
        agent.model.integrations = ["github"]

        async def handle(request: Any, forward: Any) -> Any:
            if request.url.path == "/action/trigger":
                agent.clock.time += 100
            return await forward()

        proxy.handle = handle
        yield agent


async def test_when_the_time_is_up_no_further_call_leaves_and_the_rest_is_told(slow) -> None:
    slow.model.script = [plan(LIST, GET)]
    seen = await slow.say("list the issues", max_seconds=60)
    assert [entry.action for entry in await slow.ledger()] == ["list-issues"]
    assert "the time that one request may work (60 seconds) is used up" in seen.answer
    assert seen.answer.count("raise max_seconds") == 1, "it is said once, not with every step"
    assert "Done:\n- s1 github/list-issues" in seen.answer
    assert "- s2 github/get-issue" in seen.answer.split("Not done, or not all of it:")[1]


async def test_time_that_is_up_is_no_reason_to_plan_again(slow) -> None:
    slow.model.script = [{**plan(LIST, GET), "plan_again": True}]
    seen = await slow.say("list the issues", max_seconds=60)
    assert len(slow.model.prompts) == 1
    assert seen.values["plan_id"] is not None, "it went on to the answer"


async def test_time_is_summed_over_runs_and_waiting_for_people_is_none_of_it(slow) -> None:
    slow.model.script = [plan(LIST, {**CREATE, "id": "s2"}, {**CREATE, "id": "s3"})]
    await slow.say("list and create", max_seconds=150)
    slow.clock.time += 50_000
    seen = await slow.decide(APPROVE, APPROVE)
    assert [entry.action for entry in await slow.ledger()] == ["list-issues", "create-issue"]
    assert "max_seconds" in seen.answer
    assert 200 <= (await spent_by(slow)).seconds < 300


async def test_time_that_the_model_takes_counts(agent) -> None:
    busy = with_model(agent, seconds=40, script=[plan(step(1, "github/no-such-tool", {})), plan(LIST)])
    seen = await busy.say("list the issues", max_seconds=70)
    assert "max_seconds" in seen.answer
    assert len(busy.model.prompts) == 1
    assert await busy.ledger() == []


# What is spent stays spent


async def test_an_edited_state_gives_nothing_back(agent) -> None:
    agent.model.script = [plan(CREATE)]
    seen = await agent.say("create it", max_model_calls=2, max_steps=1)
    turn = {**seen.values["turn"], "planned": 0}
    turn["settings"] = {**turn["settings"], "max_model_calls": 200, "max_steps": 100, "max_seconds": 80_000}
    await agent.edit_state({"turn": turn}, after="execute")
    await agent.wake()
    seen = await agent.decide(APPROVE)
    assert "max_model_calls" in seen.answer
    assert (await spent_by(agent)).model_calls == 2


async def test_steps_are_counted_by_the_settings_that_the_records_have(agent) -> None:
    agent.model.script = [plan(CREATE)]
    seen = await agent.say("create it", max_steps=1)
    turn = {**seen.values["turn"], "planned": 7}
    turn["settings"] = {**turn["settings"], "max_steps": 100}
    agent.model.script = [plan({**LIST, "id": "s2"}, {**LIST, "id": "s3"})] * 3
    await agent.edit_state({"turn": turn, "plan_id": None, "asked": None}, after="discover_tools")
    assert "at most 1 are allowed" in (await agent.wake()).answer


async def test_a_call_that_is_cut_off_in_the_middle_has_been_counted(agent) -> None:
    busy = with_model(agent, hangs=1)
    run = asyncio.create_task(busy.say("list the issues", max_model_calls=2))
    async with asyncio.timeout(20):
        await busy.model.called.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert (await spent_by(agent)).model_calls == 2
    seen = await agent.wake()
    assert "max_model_calls" in seen.answer
    assert agent.model.prompts == []


PROCESS = """
import asyncio, json, sys
from pathlib import Path
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from nango_graph import AgentSettings, Context, build_graph, open_services

async def main(folder, environment):
    settings = AgentSettings.from_environ(environment)
    async with AsyncSqliteSaver.from_conn_string(str(folder / "threads.db")) as saver, open_services(settings) as services:
        graph = build_graph(services).compile(checkpointer=saver)
        config = {"configurable": {"thread_id": "t"}}
        context = Context(user_id="ada", max_model_calls=1)
        await graph.ainvoke({"messages": [("user", "tu das bitte")]}, config, context=context)

asyncio.run(main(Path(sys.argv[1]), json.loads(sys.argv[2])))
"""


@asynccontextmanager
async def silent_endpoint() -> AsyncIterator[tuple[str, asyncio.Event]]:
    """A model's endpoint that takes requests and answers none."""
    asked, over = asyncio.Event(), asyncio.Event()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        asked.set()
        await over.wait()
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", asked
    finally:
        over.set()
        server.close()
        await server.wait_closed()


async def test_a_process_that_is_killed_while_it_asks_the_model_has_used_that_call_up(start, sandbox, tmp_path) -> None:
    for integration in ("github", "slack"):
        await sandbox.connect(integration, {"end_user_id": "ada"})
    async with silent_endpoint() as (url, asked):
        environment = {
            "NANGO_API_KEY": sandbox.api_key.get_secret_value(),
            "NANGO_BASE_URL": sandbox.base_url,
            "OPENAI_API_KEY": "of the endpoint",
            "OPENAI_BASE_URL": url,
            "NANGO_AGENT_DATA_DIR": str(tmp_path),
        }
        process = await Command.start(
            str(tmp_path),
            json.dumps(environment),
            program=PROCESS,
            folder=tmp_path,
            environ={"LANGSMITH_TRACING": "false"},
        )
        async with asyncio.timeout(60):
            await asked.wait()
        await process.kill()
        assert await process.wait() == -signal.SIGKILL
    async with (
        AsyncSqliteSaver.from_conn_string(str(tmp_path / "threads.db")) as saver,
        start(records=tmp_path / "records.db", saver=saver) as agent,
    ):
        assert (await spent_by(agent)).model_calls == 1
        assert "max_model_calls" in (await agent.wake()).answer


async def test_a_process_that_comes_back_goes_on_counting(start, sandbox, tmp_path) -> None:
    await sandbox.connect("github", {"end_user_id": "ada"})
    saver, clock = InMemorySaver(), MovableClock()
    async with start(records=tmp_path / "records.db", saver=saver, clock=clock) as agent:
        agent.model.integrations, agent.model.script = ["github"], [costing(plan(CREATE), 50_000)]
        await agent.say("create it", max_model_calls=2)
        before = await spent_by(agent)
    async with start(records=tmp_path / "records.db", saver=saver, clock=clock) as agent:
        seen = await agent.decide(APPROVE)
        assert "max_model_calls" in seen.answer
        assert "Done:\n- s1 github/create-issue" in seen.answer
        assert (await spent_by(agent)).tokens == before.tokens > 50_000


# The budget itself


@pytest.fixture
async def records(records_url) -> AsyncIterator[Records]:
    opened = await Records.open(records_url)
    yield opened
    await opened.close()


class Beside:
    """What a budget needs of the services."""

    def __init__(self, records: Records, tmp_path: Path, **limits: int) -> None:
        self.records, self.clock = records, MovableClock()
        self.settings = AgentSettings(
            nango=NangoSettings(api_key="a-key-of-nango"),
            model=ModelSettings(name="scripted"),
            data_dir=tmp_path,
            limits=Limits(**limits),
        )

    async def turn(self, **settings: Any) -> TurnRow:
        row = TurnRow("turn", Requester("ada"), "t", "", settings=settings)
        await self.records.turns.begin(row, message_id="m", now=0.0)
        return await self.records.turns.get("turn", "t")


async def test_what_is_spent_at_the_same_time_adds_up(records) -> None:
    await records.turns.begin(TurnRow("turn", Requester("ada"), "t", ""), message_id="m", now=0.0)
    await asyncio.gather(
        *(records.turns.spend("turn", model_calls=1, tokens=number, seconds=0.5) for number in range(20))
    )
    assert (await records.turns.get("turn", "t")).spent == Spent(20, 190, 10.0)
    again = TurnRow("turn", Requester("ada"), "t", "")
    await records.turns.begin(again, message_id="m", now=1.0)
    assert (await records.turns.get("turn", "t")).spent == Spent(20, 190, 10.0), "begun again, it keeps what it spent"


async def test_the_time_of_long_work_is_noted_while_it_goes_on(records, tmp_path) -> None:
    beside = Beside(records, tmp_path)
    turn = await beside.turn()
    async with asyncio.timeout(20), Budget(turn, beside).at_work(every=0.001):
        beside.clock.time += 50
        while (await records.turns.get("turn", "t")).spent.seconds < 50:
            pass
        beside.clock.time += 7
    assert (await records.turns.get("turn", "t")).spent.seconds == pytest.approx(57)


async def test_work_that_fails_has_taken_its_time_too(records, tmp_path) -> None:
    beside = Beside(records, tmp_path)
    budget = Budget(await beside.turn(), beside)

    async def work() -> None:
        async with budget.at_work():
            beside.clock.time += 50
            raise LookupError

    with pytest.raises(LookupError):
        await work()
    assert (await records.turns.get("turn", "t")).spent.seconds == pytest.approx(50)


async def test_the_model_gets_no_more_time_than_is_left(records, tmp_path) -> None:
    beside = Beside(records, tmp_path)
    await beside.turn(max_seconds=10)
    await records.turns.spend("turn", seconds=9.98)
    budget = Budget(await records.turns.get("turn", "t"), beside)

    async def never() -> AIMessage:
        await asyncio.Event().wait()
        return AIMessage("")

    async with asyncio.timeout(20):
        with pytest.raises(BudgetReached, match="max_seconds"):
            await budget.ask([HumanMessage("hello")], never)
    assert (await records.turns.get("turn", "t")).spent.model_calls == 1


async def test_a_time_out_of_the_model_itself_is_not_taken_for_the_end_of_the_budget(records, tmp_path) -> None:
    beside = Beside(records, tmp_path)

    async def too_slow() -> AIMessage:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        await Budget(await beside.turn(), beside).ask([HumanMessage("hello")], too_slow)


async def test_a_clock_that_is_set_back_gives_no_time_back(records, tmp_path) -> None:
    beside = Beside(records, tmp_path)
    budget = Budget(await beside.turn(max_seconds=10), beside)
    beside.clock.time += 6
    await budget.spend()
    beside.clock.time -= 1_000
    await budget.spend()
    beside.clock.time += 6
    assert "max_seconds" in budget.deadline_reached()


# What the deployment allows


async def test_a_context_asks_for_no_more_than_the_deployment_allows(agent) -> None:
    capped = with_limits(agent, model_calls=2, steps=1)
    capped.model.script = [plan(LIST)]
    seen = await capped.say("list the issues", max_model_calls=50, max_steps=50)
    assert "as often as one request may (2 times)" in seen.answer
    assert "Whoever runs this agent can raise max_model_calls, in NANGO_AGENT_LIMITS." in seen.answer
    assert seen.values["turn"]["settings"]["max_steps"] == 1
    turn = await capped.services.records.turns.last_of("t")
    assert (turn.settings["max_model_calls"], turn.settings["max_steps"]) == (2, 1)


async def test_what_the_deployment_takes_back_counts_for_a_turn_that_waits(agent) -> None:
    agent.model.script = [plan(CREATE)]
    await agent.say("create it")
    capped = with_limits(agent, model_calls=2)
    seen = await capped.decide(APPROVE)
    assert "NANGO_AGENT_LIMITS" in seen.answer
    assert len(await capped.written()) == 1


def test_a_context_may_be_stricter_than_the_deployment() -> None:
    asked = {"max_steps": 5, "max_items": 900, "deny": ["x/*"]}
    limits = Limits(steps=50, items=500, replans=0)
    assert effective(asked, limits) == {"max_steps": 5, "max_items": 500, "max_replans": 0, "deny": ["x/*"]}
    assert effective(asked, Limits()) == asked


def test_limits_are_read_from_the_environment() -> None:
    text = " steps=50, items=500,model_calls = 40,tokens=1000000,seconds=7200,replans=0,"
    assert Limits.read(text) == Limits(steps=50, items=500, model_calls=40, tokens=1_000_000, seconds=7200, replans=0)
    assert Limits.read("") == Limits()
    environ = {"NANGO_API_KEY": "k", "NANGO_AGENT_MODEL": "rule-based", "NANGO_AGENT_LIMITS": "tokens=7000"}
    assert AgentSettings.from_environ(environ).limits == Limits(tokens=7_000)


@pytest.mark.parametrize(
    "text",
    [
        *("step=5", "steps", "steps=", "steps=0", "steps=-1", "steps=1.5", "steps=٥", "5", "steps=1e3"),
        "steps=1,steps=2",
        "tokens=999",
        "steps=" + "9" * 5000,
    ],
)
def test_limits_that_say_nothing_clear_are_refused_at_the_start(text) -> None:
    with pytest.raises(SettingsError, match=r"^NANGO_AGENT_LIMITS: ") as refused:
        Limits.read(text)
    assert len(str(refused.value)) < 300


def test_the_least_that_a_limit_may_be_is_the_least_that_a_context_takes() -> None:
    for name in Limits.model_fields:
        least = next(one.ge for one in Context.model_fields[f"max_{name}"].metadata if hasattr(one, "ge"))
        limits = Limits.read(f"{name}={least}")
        assert Context.model_validate(effective({}, limits)).model_dump()[f"max_{name}"] == least
        with pytest.raises(SettingsError, match=f"NANGO_AGENT_LIMITS: {name} must be a whole number from {least}"):
            Limits.read(f"{name}={least - 1}")


# The plain account


def test_the_account_never_says_of_the_unknown_that_it_was_done_or_not() -> None:
    account = plain_account(
        [
            {
                "step": "s1",
                "tool": "github/create-issue",
                "status": "unknown: it may have happened",
                "error": "Cut off.",
            },
            {"step": "s2", "tool": "slack/post-message", "status": "rejected by the user", "error": "no\x1b[31m"},
        ],
        {"github": {"integration": "github", "connection_id": "c", "label": "octo's\u202e account"}},
    )
    assert account == (
        "Nobody knows whether this happened:\n"
        "- s1 github/create-issue: unknown: it may have happened (octo's\\u202e account). Cut off.\n"
        "Not done, or not all of it:\n"
        "- s2 slack/post-message: rejected by the user. no\\u001b[31m"
    )


def test_the_account_does_not_repeat_what_is_said_above_it_and_keeps_the_rest() -> None:
    results: Any = [
        {"step": "s1", "tool": "github/x", "status": "not run", "error": "Time is up. 3 of its calls had succeeded."},
        {"step": "s2", "tool": "github/x", "status": "failed", "error": "y" * 5000},
    ]
    lines = plain_account(results, {}, told="Time is up.").splitlines()
    assert lines[1] == "- s1 github/x: not run. 3 of its calls had succeeded."
    assert len(lines[2]) < 700
    assert lines[2].endswith("…")
    assert plain_account([], {}) == "Nothing was executed."
