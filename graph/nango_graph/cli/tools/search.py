"""`nango-agent tools search`: which tools of a catalogue a request may need, for people and for evaluation."""

import argparse
import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, BinaryIO

from nango_graph.errors import UsageError

if TYPE_CHECKING:
    from nango_tools.catalog import Tool
    from nango_tools.search import Hit, ToolSearch

_STDIN = Path("-")
_GZIP = b"\x1f\x8b"
HELP = "find the tools of a catalogue that a request in plain words may need"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("request", nargs="?", metavar="WORDS", help="what is to be done, in plain words")
    parser.add_argument(
        "--catalog",
        required=True,
        type=Path,
        metavar="FILE",
        help="definitions in JSON lines (.jsonl, .jsonl.gz; - for standard input)",
    )
    parser.add_argument(
        "--requests",
        type=Path,
        metavar="FILE",
        help="many requests: JSON with id and text each, in a list, in an object of lists, or one a line (- for standard input)",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help='a line a request: {"id": ..., "tools": [[integration, name], ...]}; where fewer than --limit match, the other '
        "tools of the best one's integration follow",
    )
    parser.add_argument(
        "--integrations",
        choices=("known", "all"),
        default="all",
        help="search the whole catalogue, or only the integrations that the file says are right (accept, best, integration)",
    )
    parser.add_argument("--limit", type=_count, default=20, metavar="N", help="tools for a request, at most (20)")


async def run(arguments: argparse.Namespace, environ: Mapping[str, str], terminal: Any) -> int:  # noqa: ARG001
    """Asks nobody: neither Nango nor a model. Raises `BadDefinition` and `UsageError`, which say what is wrong where."""
    from nango_tools.search import ToolSearch

    if arguments.catalog == arguments.requests == _STDIN:
        raise UsageError("Only one of --catalog and --requests can be standard input.")
    if (arguments.request is None) == (arguments.requests is None):
        raise UsageError('Give either words ("…") or --requests FILE.')
    if arguments.integrations == "known" and arguments.requests is None:
        raise UsageError("--integrations known needs --requests: the file says which ones are right.")
    requests = [_Request(None, arguments.request)] if arguments.requests is None else _read(arguments.requests)
    tools = _tools(arguments.catalog)
    search = ToolSearch(tools)
    known = arguments.integrations == "known"
    found = _found(search, requests, tools, known=known, limit=arguments.limit, fill=arguments.json)
    try:
        for request, hits in found:
            for line in [_as_json(request, hits)] if arguments.json else _as_text(request, hits, search):
                terminal.stream(f"{_encodable(line)}\n")
    except BrokenPipeError:
        # Whoever read it has seen enough. What is still buffered must not fail again when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


@dataclass(frozen=True, slots=True)
class _Request:
    """integrations: those that are right, empty where the file does not say."""

    id: Any
    text: str
    integrations: frozenset[str] = frozenset()


def _found(
    search: "ToolSearch",
    requests: Iterable[_Request],
    tools: Sequence["Tool"],
    *,
    known: bool,
    limit: int,
    fill: bool,
) -> "Iterator[tuple[_Request, list[Hit]]]":
    for request in requests:
        within = request.integrations if known else None
        among = [tool.id for tool in tools if tool.integration in within] if within else None
        yield request, search.search(request.text, among=among, limit=limit, fill=fill)


def _encodable(line: str) -> str:
    """For consoles that know fewer characters than there are."""
    encoding = sys.stdout.encoding or "utf-8"
    return line.encode(encoding, "backslashreplace").decode(encoding)


def _as_json(request: _Request, hits: "Sequence[Hit]") -> str:
    tools = [[hit.tool.integration, hit.tool.name] for hit in hits]
    return json.dumps({"id": request.id, "tools": tools})


def _as_text(request: _Request, hits: "Sequence[Hit]", search: "ToolSearch") -> Iterator[str]:
    from nango_graph.display import compact

    if request.id is not None:
        yield f"{compact(request.id)}: {compact(request.text)}"
    width = max((len(hit.tool.id) for hit in hits), default=0)
    for hit in hits:
        yield f"  {hit.score:6.2f}  {hit.tool.access:<11}  {hit.tool.id:<{width}}  {compact(hit.tool.description, 100)}"
    if not hits:
        yield f"  None of {len(search.tools)} tools has anything of these words."
    if request.id is not None:
        yield ""


def _tools(path: Path) -> "list[Tool]":
    from nango_tools.catalog import BadDefinition, read_definitions

    if path != _STDIN:
        return [definition.tool() for definition in read_definitions(path)]
    with _kept(sys.stdin.buffer) as kept:
        try:
            return [definition.tool() for definition in read_definitions(kept)]
        except BadDefinition as error:
            raise BadDefinition(str(error).replace(str(kept), str(path))) from error


@contextmanager
def _kept(stream: BinaryIO) -> Iterator[Path]:
    """What is piped in, as the file that definitions are read from."""
    with TemporaryDirectory() as folder:
        beginning = stream.read(len(_GZIP))
        path = Path(folder) / ("piped.jsonl.gz" if beginning == _GZIP else "piped.jsonl")
        with path.open("wb") as file:
            file.write(beginning)
            shutil.copyfileobj(stream, file)
        yield path


def _read(path: Path) -> list[_Request]:
    try:
        text = (sys.stdin.buffer.read() if path == _STDIN else path.read_bytes()).decode("utf-8")
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8.") from error
    requests = [_request(item, f"{path}, {where}") for where, item in _items(text, path)]
    if not requests:
        raise UsageError(f"{path} holds no requests: JSON with id and text each.")
    return requests


def _items(text: str, path: Path) -> Iterator[tuple[str, Any]]:
    """(where it stands, what stands there)"""
    try:
        whole = json.loads(text)
    except ValueError:
        whole = None
    match whole:
        case list():
            yield from ((f"item {number}", item) for number, item in enumerate(whole, 1))
        case {"id": _, "text": _}:
            yield "line 1", whole
        case dict():
            lists = ((name, part) for name, part in whole.items() if isinstance(part, list))
            yield from ((f"{name}, item {number}", item) for name, part in lists for number, item in enumerate(part, 1))
        case _:
            for number, line in enumerate(text.splitlines(), 1):
                if line.strip():
                    try:
                        yield f"line {number}", json.loads(line)
                    except ValueError as error:
                        raise UsageError(f"{path}, line {number}: no JSON.") from error


def _request(item: Any, where: str) -> _Request:
    match item:
        case {"id": str() | int() as id, "text": str() as text}:
            return _Request(id, text, frozenset(_integrations(item)))
        case _:
            raise UsageError(f"{where}: a request has an id and a text.")


def _integrations(item: Mapping[str, Any]) -> Iterator[str]:
    """Of `accept`, `best`, `integration`, `integrations` and the `steps` of a longer job, as far as they have the right form."""
    accepted = item.get("accept")
    for pair in [*(accepted if isinstance(accepted, list) else []), item.get("best")]:
        match pair:
            case [str() as integration, _]:
                yield integration
    steps = item.get("steps")
    for part in [item, *(steps if isinstance(steps, list) else [])]:
        match part:
            case {"integration": str() as integration}:
                yield integration
    named = item.get("integrations")
    yield from (name for name in (named if isinstance(named, list) else []) if isinstance(name, str))


def _count(text: str) -> int:
    if text.isdecimal() and 0 < int(text) <= 10_000:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text} is no number of tools (1 to 10000)")
