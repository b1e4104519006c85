# ruff: noqa: INP001, T201 - a script
"""Prints what the catalogue costs beside plain `MultiServerMCPClient.get_tools()`: `python benchmarks/catalogue.py [--rounds N]`.

A sandbox in a process of its own, the same connections and headers for both sides, taken in turns; times are medians. The
definitions are those of ../shared/action-catalog where that is there, else made-up ones of the same number.
"""

import argparse
import asyncio
import gc
import json
import multiprocessing
import os
import statistics
import tempfile
import time
import tracemalloc
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import httpx
from filled_sandbox import SHARED, Connections, Server, catalogue_lines, sandbox
from langchain_mcp_adapters.client import MultiServerMCPClient
from langchain_mcp_adapters.sessions import StreamableHttpConnection
from pydantic import SecretStr
from tables import table

from nango_tools import Catalog, NangoClient, NangoSettings, Tool, classify
from nango_tools.catalog import Schemas, read_definitions
from nango_tools.search import ToolSearch

CONNECTIONS = 10
FAR = 0.1
"""Seconds that a request takes to a Nango that is not on this machine."""


class Counting(httpx.AsyncHTTPTransport):
    """Counts requests, and lets each take `delay` seconds longer."""

    def __init__(self, delay: float) -> None:
        super().__init__()
        self.delay, self.requests = delay, 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        if self.delay:
            await asyncio.sleep(self.delay)
        return await super().handle_async_request(request)


def plain_client(server: Server, wire: Callable[[], httpx.AsyncBaseTransport]) -> MultiServerMCPClient:
    """As its documentation has it: a server for each connection."""

    def client(
        headers: dict[str, str] | None = None, timeout: httpx.Timeout | None = None, auth: httpx.Auth | None = None
    ) -> httpx.AsyncClient:
        return httpx.AsyncClient(headers=headers, timeout=timeout, auth=auth, transport=wire(), follow_redirects=True)

    return MultiServerMCPClient(
        {
            integration: StreamableHttpConnection(
                transport="streamable_http",
                url=f"{server.url}/mcp",
                headers={
                    "Authorization": f"Bearer {server.key}",
                    "connection-id": connection,
                    "provider-config-key": integration,
                },
                httpx_client_factory=client,
            )
            for integration, connection in server.connections
        }
    )


def times(base: float, this: float) -> str:
    return f"{this / base:.2f} x" if this >= base / 100 else f"1/{base / this:.0f}"


async def discovery(server: Server, rounds: int) -> None:
    """Rounds of all ways, one after the other, so that what else the machine does falls on all of them."""
    key = await _key_for_the_mcp_alone(server)
    for delay in (0.0, FAR):
        found: dict[str, list[float]] = {}
        requests: dict[str, int] = {}
        tools: dict[str, int] = {}
        for _ in range(rounds):
            for name, way in _ways(server, key, delay).items():
                took, tools[name], requests[name] = await way()
                found.setdefault(name, []).append(took)
        medians = {name: statistics.median(seconds) for name, seconds in found.items()}
        base = next(iter(medians.values()))
        print(f"Discovery of {len(server.connections)} connections, {delay * 1000:.0f} ms added to each request\n")
        table(
            ("", "median ms", "beside plain", "requests", "tools"),
            *(
                (name, f"{seconds * 1000:.1f}", times(base, seconds), requests[name], tools[name])
                for name, seconds in medians.items()
            ),
        )
        of_one = "ours cold, one connection, "
        for name, ten, one in (
            ("both listings", "ours cold, both listings", f"{of_one}both"),
            ("the MCP alone", "ours cold, key for the MCP alone", f"{of_one}MCP alone"),
        ):
            took = f"{medians[ten] / medians[one]:.1f} times as long as one"
            print(
                f"{name}: {len(server.connections)} connections take {took}, with {tools[ten]} tools for {tools[one]}"
            )
        print(flush=True)


def _ways(server: Server, mcp_key: str, delay: float) -> dict[str, Callable[[], Awaitable[tuple[float, int, int]]]]:
    """Each gives seconds, tools, requests. Making the client is part of none."""

    async def plain() -> tuple[float, int, int]:
        wires: list[Counting] = []

        def wire() -> Counting:
            wires.append(Counting(delay))
            return wires[-1]

        client = plain_client(server, wire)
        began = time.perf_counter()
        tools = await client.get_tools()
        return time.perf_counter() - began, len(tools), sum(one.requests for one in wires)

    async def ours(settings: NangoSettings, connections: Connections, *, warm: bool = False) -> tuple[float, int, int]:
        wire = Counting(delay)
        async with NangoClient(settings, wire) as nango:
            catalog = Catalog(nango)
            if warm:
                await catalog.discover(connections)
            began, before = time.perf_counter(), wire.requests
            found = await catalog.discover(connections)
            return time.perf_counter() - began, sum(map(len, found.values())), wire.requests - before

    alone = NangoSettings(api_key=SecretStr(mcp_key), base_url=server.url)
    return {
        "plain get_tools(), every time": plain,
        "ours cold, both listings": lambda: ours(server.settings, server.connections),
        "ours cold, key for the MCP alone": lambda: ours(alone, server.connections),
        "ours cold, one connection, both": lambda: ours(server.settings, server.connections[:1]),
        "ours cold, one connection, MCP alone": lambda: ours(alone, server.connections[:1]),
        "ours warm": lambda: ours(server.settings, server.connections, warm=True),
    }


async def _key_for_the_mcp_alone(server: Server) -> str:
    async with httpx.AsyncClient(trust_env=False) as client:
        body = {"name": "mcp", "scopes": ["environment:mcp"]}
        headers = {"Authorization": f"Bearer {server.key}"}
        answer = await client.post(f"{server.url}/sandbox/api/keys", json=body, headers=headers)
        answer.raise_for_status()
        key: str = answer.json()["secret"]
        return key


def judging_and_search(catalogue: Path, rounds: int) -> None:
    definitions = read_definitions(catalogue)
    tools = [definition.tool(schemas=schemas) for schemas in [Schemas()] for definition in definitions]

    def judge() -> None:
        for tool in tools:
            classify(tool.name, tool.description, tool.method, tool.scopes, tool.input_schema)

    queries = _queries(tools)
    made, asked, judged = [], [], []
    for _ in range(rounds):
        judged.append(_seconds(judge))
        made.append(_seconds(lambda: ToolSearch(tools)))
    search = ToolSearch(tools)
    asked = [_seconds(lambda query=query: search.search(query)) for query in queries]  # type: ignore[misc]
    print(f"Classification and search over {len(tools)} tools\n")
    table(
        ("", "median", "at worst"),
        ("classify, all", _ms(statistics.median(judged)), _ms(max(judged))),
        ("classify, one", _ms(statistics.median(judged) / len(tools)), ""),
        ("make the index", _ms(statistics.median(made)), _ms(max(made))),
        (f"search ({len(queries)} requests)", _ms(statistics.median(asked)), _ms(max(asked))),
    )


def _queries(tools: Sequence[Tool]) -> list[str]:
    file = SHARED / "requests.json"
    if file.exists():
        return [each["text"] for each in json.loads(file.read_text())["single"]]
    return [tool.description for tool in tools[:: max(1, len(tools) // 150)]]


def memory(server: Server) -> None:
    """Each in a process of its own, which has imported everything and looked at one listing before it is measured."""
    rows = []
    ways = {
        "plain get_tools(), its list": _plain_kept,
        "ours, the catalogue": _ours_kept,
        "ours, with a search index": _ours_with_search,
    }
    for name, loads in ways.items():
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            rows.append((name, *pool.submit(loads, server).result()))
    base = rows[0]
    print(f"Memory of a loaded catalogue: all {len(server.connections)} connections\n")
    table(
        ("", "tools", "MB", "beside plain", "KB a tool"),
        *(
            (name, tools, f"{size / 1e6:.1f}", times(base[2], size), f"{size / tools / 1e3:.1f}")
            for name, tools, size in rows
        ),
    )


def _plain_kept(server: Server) -> tuple[int, int]:
    async def kept() -> tuple[int, int]:
        first = Server(server.url, server.key, server.connections[:1])
        await plain_client(first, httpx.AsyncHTTPTransport).get_tools()
        before = _traced()
        tools = await plain_client(server, httpx.AsyncHTTPTransport).get_tools()
        return len(tools), _traced() - before

    tracemalloc.start()
    return asyncio.run(kept())


def _ours_kept(server: Server) -> tuple[int, int]:
    return asyncio.run(_ours(server, searched=False))


def _ours_with_search(server: Server) -> tuple[int, int]:
    return asyncio.run(_ours(server, searched=True))


async def _ours(server: Server, *, searched: bool) -> tuple[int, int]:
    tracemalloc.start()
    async with NangoClient(server.settings) as nango:
        first = await Catalog(nango).discover(server.connections[:1])
        # What is made once, however many indexes there are, counts for none.
        ToolSearch(tool for tools in first.values() for tool in tools).search("list")
        before = _traced()
        catalog = Catalog(nango)
        await catalog.discover(server.connections)
        found = await catalog.discover(server.connections)
        search = ToolSearch(tool for tools in found.values() for tool in tools) if searched else None
        size = _traced() - before
        del search
        return sum(map(len, found.values())), size


def _traced() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.3g} ms"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=7, metavar="N", help="how often each is taken (default: 7)")
    rounds = parser.parse_args().rounds
    lines = catalogue_lines()
    # Integrations of ordinary size: those in the middle.
    sizes = sorted(Counter(line["integration"] for line in lines).items(), key=lambda each: each[1])
    middle = {key for key, _ in sizes[(len(sizes) - CONNECTIONS) // 2 :][:CONNECTIONS]}
    where = "../shared/action-catalog" if (SHARED / "catalog.jsonl.gz").exists() else "made up"
    print(f"{len(lines)} definitions ({where}), {os.cpu_count()} processors\n")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with sandbox(folder / "ten", [line for line in lines if line["integration"] in middle]) as ten:
            asyncio.run(discovery(ten, rounds))
        with sandbox(folder / "all", lines) as everything:
            memory(everything)
        judging_and_search(folder / "all" / "catalogue.jsonl", max(3, rounds // 3))


if __name__ == "__main__":
    main()
