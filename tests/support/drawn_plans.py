"""Plans that are drawn at random, well-formed and not, and two services that remember what ran and when."""

import asyncio
from dataclasses import dataclass, field
from random import Random
from typing import Any

from nango_sandbox.functions.action import Action, Call, Integration
from nango_sandbox.functions.failures import ActionFailed
from nango_sandbox.functions.signature import Declared

READS, WRITES = ("look", "look-fails"), ("put", "put-fails", "drop")
NEVER = "never"
"""Stands in the marks of steps whose condition does not hold."""
CONDITIONS = [
    ("${s0.yes}", True),
    ("${length(s0.items) > `2`}", True),
    ("${s0.empty}", False),
    ("${s0.nothing}", False),
    ("${s0.yes && s0.empty}", False),
]
"""And whether they may hold: of a step that ran for each of a list they never do, or can't be worked out."""


@dataclass
class Log:
    """What ran: tool, input, and when it began and ended, counted in events. Marks in the input name the step."""

    events: int = 0
    runs: list["Run"] = field(default_factory=list)

    def now(self) -> int:
        self.events += 1
        return self.events


@dataclass
class Run:
    tool: str
    given: dict[str, Any]
    began: int
    ended: int = 0
    failed: bool = False


def apps(log: Log) -> list[Integration]:
    """Two services with the same actions. What comes back has a list, an empty one, a truth and a null."""
    anything = {"type": "object", "properties": {"mark": {"type": "string"}, "data": {}}, "required": ["mark"]}

    def action(integration: str, name: str, access: Any) -> Action:
        async def run(call: Call, given: Any) -> Any:
            mine = Run(f"{integration}/{name}", given, log.now())
            log.runs.append(mine)
            for _ in range(len(given["mark"]) % 3):
                await asyncio.sleep(0)
            mine.ended, mine.failed = log.now(), name.endswith("fails")
            if mine.failed:
                raise ActionFailed("It is not to be.")
            items = [{"n": n, "text": f"${{s1.items[{n}]}} of {given['mark']}"} for n in range(3)]
            return {"mark": given["mark"], "items": items, "empty": [], "yes": True, "nothing": None}

        return Action(name, f"{name} something.", access, run, declared=Declared(anything))

    return [
        Integration(
            key,
            key,
            key.title(),
            actions=(
                *(action(key, name, "read") for name in READS),
                *(action(key, name, "write") for name in WRITES[:2]),
                action(key, "drop", "destructive"),
            ),
        )
        for key in ("lab", "desk")
    ]


def drawn(random: Random, turn: str, first: int) -> Any:
    """What a planner submits that has read nothing carefully: most of it holds. `first`: the number of the first free id."""
    if random.random() < 0.08:
        return random.choice([None, {"kind": "plan"}, {"kind": "plan", "steps": [{}]}, {"kind": "poem"}, {"kind": "plan", "steps": "s1"},
                              {"kind": "question", "text": "Which?"}, {"kind": "answer", "text": "Nothing to do."}])  # fmt: skip
    steps = [_step(random, turn, f"s{number}", number) for number in range(first, first + random.randint(1, 7))]
    if random.random() < 0.2:
        _spoil(random, random.choice(steps), steps)
    if len(steps) > 1 and random.random() < 0.2 and NEVER not in str(steps[0]["arguments"]):
        twin = random.choice(steps[1:])
        twin.update(tool=steps[0]["tool"], arguments=steps[0]["arguments"])
        twin.pop("for_each", None)
    return {"kind": "plan", "steps": steps, "plan_again": random.random() < 0.1}


def _step(random: Random, turn: str, step_id: str, number: int) -> dict[str, Any]:
    def earlier() -> str:
        return f"s{random.randint(max(1, number - 4), number - 1)}"

    fails = random.random() < 0.1
    name = random.choice(["look", "look", "put", "put", "drop"])
    tool = f"{random.choice(['lab', 'desk'])}/{name}{'-fails' if fails and name != 'drop' else ''}"
    step: dict[str, Any] = {"id": step_id, "tool": tool, "independent": random.random() < 0.3}
    mark, refers = f"{turn}/{step_id}", number > 1
    if refers and random.random() < 0.3:
        condition, may_hold = random.choice(CONDITIONS)
        step["when"] = condition.replace("s0", earlier())
        mark += "" if may_hold else f"/{NEVER}"
    arguments: dict[str, Any] = {}
    if refers and random.random() < 0.25:
        step["for_each"] = f"${{{earlier()}.{random.choice(['items', 'items', 'items', 'items[:2]', 'empty', 'yes'])}}}"
        mark += " ${item.n}"
        arguments["data"] = "${item}"
    elif refers and random.random() < 0.5:
        path = random.choice([".items[0].text", ".mark", "", "", ".items[9].text"])
        reference = f"${{{earlier()}{path}}}"
        arguments["data"] = random.choice([reference, f"so: {reference}", [reference, {"deep": reference}]])
    if refers and random.random() < 0.2:
        step["after"] = [earlier()]
    if random.random() < 0.2:
        step["select"] = random.choice(["items[].n", "mark", "[].mark", "length(items)"])
    return {**step, "arguments": {**arguments, "mark": mark}}


def _spoil(random: Random, step: dict[str, Any], steps: list[dict[str, Any]]) -> None:
    """In one of the ways in which plans do not hold."""
    match random.randrange(10):
        case 0:
            step["after"] = [steps[-1]["id"]]
        case 1:
            step["after"], steps[-1]["after"] = [steps[-1]["id"]], [step["id"]]
        case 2:
            step["tool"] = random.choice(["lab/no-such", "elsewhere/look", "look", "lab/"])
        case 3:
            step["arguments"] = random.choice([{}, {"mark": 7}, {"mark": "x", "more": 1}, {"mark": None}])
        case 4:
            step["arguments"]["data"] = random.choice(["${s99.x}", "${nobody}", "${s1..x}", "${@}", "${item.x}", "${"])
        case 5:
            step["id"] = random.choice([steps[0]["id"], "s1", "item", "1", ""])
        case 6:
            step["for_each"] = random.choice(["s1.items", "${item}", "${s1} ${s2}", "${'x'}", "${s1.mark}"])
        case 7:
            step["when"] = random.choice(["yes", "${item.x}", "${s1.yes} ", "${s99}", "${nosuch(s1)}"])
        case 8:
            step["select"] = random.choice(["${s1}", "[[[", "nosuch(@)", "x" * 600, 7])
        case _:
            step[random.choice(["approved", "sent", "x"])] = True
