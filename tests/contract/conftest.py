"""One suite for two servers: the sandbox, always, and a live Nango, where the environment names one.

    NANGO_LIVE_URL, NANGO_LIVE_KEY     the live server, and a key of an environment kept for tests
    NANGO_LIVE_ACTION                  an action that reads, as integration/action, with
    NANGO_LIVE_CONNECTION              a connection of that integration to run it on, and
    NANGO_LIVE_INPUT                   its input as JSON ({} if not set)
    NANGO_LIVE_SYNC, NANGO_LIVE_MODEL  a sync of that integration and one of its models; it is paused and started
    NANGO_LIVE_UPSTREAM                a base URL that the live server's proxy may reach

On a live server the suite makes integrations and connections of its own, with names that nothing else has, and deletes
them again; what it does not make, it only reads. What needs functions is skipped there unless they are named.
"""

import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from nango_sandbox import Sandbox
from nango_sandbox.functions.action import Action, Call, Integration, Sync
from nango_sandbox.functions.failures import ActionFailed
from nango_sandbox.options import Options
from nango_tools import NangoClient, NangoError, NangoSettings, NoCredentials, UnknownConnection, UnknownIntegration

# Read here, since a fixture takes all that begins with NANGO out of the environment.
LIVE = {name: value for name, value in os.environ.items() if name.startswith("NANGO_LIVE_") and value}
IS_LIVE = "NANGO_LIVE_URL" in LIVE and "NANGO_LIVE_KEY" in LIVE

HOST = "https://things.example"
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


@dataclass(frozen=True)
class Functions:
    """Functions that are deployed, and a connection to run them on. sandbox: with these it is our own app there."""

    integration_id: str
    connection_id: str
    action: str
    input: Any
    sync: str | None
    model: str | None
    sandbox: Sandbox | None

    @property
    def where(self) -> dict[str, str]:
        return {"integration_id": self.integration_id, "connection_id": self.connection_id}


@dataclass(frozen=True)
class Server:
    settings: NangoSettings
    sandbox: Sandbox | None
    upstream: str | None


async def _get_thing(_: Call, given: dict[str, Any]) -> dict[str, Any]:
    return {"number": given.get("number", 0), "title": "A thing"}


async def _make_thing(call: Call, given: dict[str, Any]) -> dict[str, Any]:
    return {"title": given.get("title"), "by": call.actor}


async def _refuse(_: Call, given: dict[str, Any]) -> dict[str, Any]:
    raise ActionFailed("no more things", left=0, given=given)


async def _return_nothing(_: Call, __: dict[str, Any]) -> None:
    return None


async def _copy_things(_: Call, __: None) -> dict[str, list[dict[str, Any]]]:
    return {"Thing": [{"id": f"t-{number}", "title": f"Thing {number}"} for number in range(25)]}


THINGS = Integration(
    "things",
    "unauthenticated",
    "Things",
    "NONE",
    actions=(
        Action("get-thing", "Get one thing by its number.", "read", _get_thing),
        Action("make-thing", "Make a thing.", "write", _make_thing),
        Action("refuse", "Refuse to make a thing.", "write", _refuse),
        Action("return-nothing", "Return nothing.", "read", _return_nothing),
        Action("off", "An action that is switched off.", "read", _get_thing, enabled=False),
    ),
    syncs=(
        Sync(
            "copy-things",
            "Copies things.",
            {
                "Thing": {
                    "type": "object",
                    "properties": {"id": {"type": "string"}, "title": {"type": "string"}},
                    "required": ["id", "title"],
                }
            },
            _copy_things,
        ),
    ),
)


async def _echo(request: Request) -> JSONResponse:
    if request.url.path.startswith("/status/"):
        return JSONResponse({"message": "as you wish"}, int(request.url.path.removeprefix("/status/")))
    return JSONResponse(
        {
            "method": request.method,
            "path": request.url.path,
            "query": request.url.query,
            "headers": dict(request.headers),
            "body": (await request.body()).decode(),
        }
    )


@pytest.fixture(params=["in the sandbox", *(["on a live Nango"] if IS_LIVE else [])])
async def server(request: pytest.FixtureRequest) -> AsyncIterator[Server]:
    if request.param == "on a live Nango":
        settings = NangoSettings(api_key=SecretStr(LIVE["NANGO_LIVE_KEY"]), base_url=LIVE["NANGO_LIVE_URL"])
        yield Server(settings, None, LIVE.get("NANGO_LIVE_UPSTREAM"))
        return
    options = Options(
        environment_variables={"FOO": "bar"},
        upstreams={HOST: Starlette(routes=[Route("/{path:path}", _echo, methods=METHODS)])},
    )
    async with Sandbox(integrations=[THINGS], options=options) as sandbox:
        settings = NangoSettings(
            api_key=sandbox.api_key,
            base_url=sandbox.base_url,
            management_mcp_url=sandbox.management_mcp_url,
        )
        yield Server(settings, sandbox, HOST)


@pytest.fixture
async def nango(server: Server) -> AsyncIterator[NangoClient]:
    async with NangoClient(server.settings) as client:
        yield client


@pytest.fixture
def unique() -> str:
    """In every name that a test gives, so that it meets nothing that was there before."""
    return uuid4().hex[:12]


@pytest.fixture
async def make_integration(nango: NangoClient, unique: str) -> AsyncIterator[Callable[[str], Awaitable[str]]]:
    """Make an integration of a provider; it is deleted afterwards."""
    made: list[str] = []

    async def make(provider: str = "unauthenticated") -> str:
        key = f"contract-{unique}-{len(made)}"
        await nango.integrations.create(key, provider)
        made.append(key)
        return key

    yield make
    for key in made:
        await _unless_gone(nango.integrations.delete(key), UnknownIntegration)


@pytest.fixture
async def integration(make_integration: Callable[[str], Awaitable[str]]) -> str:
    """An integration without authorization, of our own."""
    return await make_integration("unauthenticated")


Connect = Callable[..., Awaitable[str]]


@pytest.fixture
async def connect(nango: NangoClient, integration: str, unique: str) -> AsyncIterator[Connect]:
    """Import a connection of `integration` with some tags; it is deleted afterwards."""
    made: list[str] = []

    async def make(tags: dict[str, str], **more: Any) -> str:
        connection_id = f"contract-{unique}-{len(made)}"
        made.append(connection_id)
        await nango.connections.import_connection(
            integration, NoCredentials(), tags=tags, connection_id=connection_id, **more
        )
        return connection_id

    yield make
    for connection_id in made:
        await _unless_gone(nango.connections.delete(connection_id, integration), UnknownConnection)


@pytest.fixture
async def functions(server: Server) -> Functions:
    if server.sandbox is not None:
        connection_id = await server.sandbox.connect("things", {"end_user_id": "alice"})
        given = {"number": 7}
        return Functions("things", connection_id, "get-thing", given, "copy-things", "Thing", server.sandbox)
    if "NANGO_LIVE_ACTION" not in LIVE or "NANGO_LIVE_CONNECTION" not in LIVE:
        pytest.skip("NANGO_LIVE_ACTION and NANGO_LIVE_CONNECTION name no action to run")
    integration_id, _, action = LIVE["NANGO_LIVE_ACTION"].partition("/")
    return Functions(
        integration_id,
        LIVE["NANGO_LIVE_CONNECTION"],
        action,
        json.loads(LIVE.get("NANGO_LIVE_INPUT", "{}")),
        LIVE.get("NANGO_LIVE_SYNC"),
        LIVE.get("NANGO_LIVE_MODEL"),
        None,
    )


@pytest.fixture
def own(functions: Functions) -> Sandbox:
    """The sandbox, for what needs functions that write or fail: a live server is not asked to."""
    if functions.sandbox is None:
        pytest.skip("only functions that read are run on a live server")
    return functions.sandbox


async def _unless_gone(deletion: Awaitable[None], gone: type[NangoError]) -> None:
    try:
        await deletion
    except gone:
        return
