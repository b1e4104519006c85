# ruff: noqa: INP001, T201 - a script
"""A sandbox with one app whose actions take as long as cases.py says: `python lab.py`, until its standard input ends.

It has a process of its own, so that what it costs is not taken for what its clients cost. It prints a JSON line:
url, key, connection.
"""

import asyncio
import json
import sys
from typing import NotRequired

from cases import CREATE, GET, INTEGRATION, LIST, seconds_of
from typing_extensions import TypedDict

from nango_sandbox import Action, Call, Integration, Options, Sandbox

TEXT = "An entry of the lab, as long as what an API says of a thing usually is. " * 4


class Wanted(TypedDict):
    key: str
    given: NotRequired[list[int]]


class Entry(TypedDict):
    key: str
    value: int
    text: str


class Few(TypedDict):
    count: int


class Entries(TypedDict):
    entries: list[Entry]


class New(TypedDict):
    key: str
    text: str


async def get_entry(_: Call, wanted: Wanted) -> Entry:
    await asyncio.sleep(seconds_of(wanted["key"]))
    return Entry(key=wanted["key"], value=sum(wanted.get("given", [])) + 1, text=TEXT)


async def list_entries(_: Call, few: Few) -> Entries:
    await asyncio.sleep(seconds_of("list"))
    return Entries(entries=[Entry(key=f"item-{number}", value=number, text="") for number in range(few["count"])])


async def create_entry(_: Call, new: New) -> Entry:
    await asyncio.sleep(seconds_of(new["key"]))
    return Entry(key=new["key"], value=1, text=new["text"])


LAB = Integration(
    INTEGRATION,
    "lab",
    "Lab",
    "API_KEY",
    actions=(
        Action(GET, "Get an entry of the lab by its key.", "read", get_entry),
        Action(LIST, "List the entries of the lab.", "read", list_entries),
        Action(CREATE, "Create an entry in the lab.", "write", create_entry),
    ),
)


async def main() -> None:
    async with Sandbox(integrations=[LAB], options=Options(rate_limit=None)) as sandbox:
        connection = await sandbox.connect(INTEGRATION, {"end_user_id": "ada"})
        told = {"url": sandbox.base_url, "key": sandbox.api_key.get_secret_value(), "connection": connection}
        print(json.dumps(told), flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
