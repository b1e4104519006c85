"""The person who answers what a thread asks, in whatever process it goes on."""

import json
from pathlib import Path
from typing import Any

import httpx
from langgraph.types import Command

from kill_scenarios import Scenario

LEDGER = "/told/ledger"
"""Where the server between us and Nango tells what has happened in the accounts: what a person sees who looks there."""


class TruthfulPerson:
    """Answers what is asked: truly, having looked in the accounts. Notes what was asked before answering."""

    def __init__(self, scenario: Scenario, http: httpx.AsyncClient, notes: Path) -> None:
        self._scenario = scenario
        self._http = http
        self._notes = notes

    async def answer(self, question: dict[str, Any]) -> Command[Any]:
        done = (await self._http.get(LEDGER)).raise_for_status().json()
        return Command(resume={"decisions": [self._decision(asked, done) for asked in question["action_requests"]]})

    def _decision(self, asked: dict[str, Any], done: list[list[Any]]) -> dict[str, Any]:
        name, args = asked["name"], asked["args"]
        if name == "resolve_unknown_outcome":
            # Of a message that was to be posted twice, the first one proves nothing about the second.
            number = self._scenario.most if f"s{self._scenario.most}" in asked["description"] else 1
            happened = done.count([args["tool"], args["arguments"]]) >= number
            self._note(about="unknown", tool=args["tool"], arguments=args["arguments"], happened=happened)
            return _edit(name, {**args, "answer": "happened" if happened else "not_happened_retry"})
        items = args.get("items", [args])
        again = [item for item in items if done.count([name, item]) >= self._scenario.most]
        self._note(about="write", tool=name, items=items, again=again)
        if "confirm" in args:
            return _edit(name, {**args, "confirm": "yes"})
        if again:
            left = [item for item in items if item not in again]
            return _edit(name, {"items": left}) if left else {"type": "reject", "message": "That is done."}
        if args.get("title") in self._scenario.edits:
            return _edit(name, {**args, "title": f"{args['title']} (edited)"})
        return {"type": "reject" if args.get("title") in self._scenario.rejects else "approve"}

    def _note(self, **asked: Any) -> None:
        with self._notes.open("a") as notes:
            notes.write(json.dumps(asked) + "\n")


def _edit(name: str, args: dict[str, Any]) -> dict[str, Any]:
    return {"type": "edit", "edited_action": {"name": name, "args": args}}
