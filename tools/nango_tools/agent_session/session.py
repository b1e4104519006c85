"""A user's tools, as an agent gets them: each by itself while they are few, found by search when they are many."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from langchain_core.tools import BaseTool

from nango_tools.access import Access
from nango_tools.agent_session.calling import Asker, Caller, find
from nango_tools.agent_session.gating import Earlier, Refused
from nango_tools.agent_session.langchain_tools import SessionTool
from nango_tools.agent_session.naming import function_names
from nango_tools.agent_session.offering import Offered, offer
from nango_tools.agent_session.owner import find_connections
from nango_tools.agent_session.parameters import arguments_of, parameters_of, read_arguments, schema_problem
from nango_tools.agent_session.wording import (
    DESCRIPTION,
    INSTRUCTIONS,
    block,
    one_line,
    result,
    signature,
    tidy,
    unconnected,
)
from nango_tools.catalog import Held, Tool
from nango_tools.errors import Call, InvalidInput, NangoError, Outcome, ReauthorizationRequired, UnknownConnection

if TYPE_CHECKING:
    from nango_tools.search import ToolSearch

_FOUND = 10
_SCHEMA = 20_000


class AgentSession:
    """Made by `nango_tools.session`.

    tools: for `create_agent(tools=...)`, a ToolNode, `bind_tools`. Results and errors are text: data from outside
        between marks, cut where they are long, which is said.
    offered: the tools that they reach, by id (`integration/name`)
    missing: by integration, why it has no tools here: NoConnection, ReauthorizationRequired, SeveralConnections (whose
        connection_ids can be named as `accounts`), UnknownConnection for one that was deleted since
    """

    def __init__(
        self,
        caller: Caller,
        *,
        accounts: Mapping[str, str],
        whole: int,
        whole_tokens: int,
        result_limit: int,
    ) -> None:
        self._caller = caller
        self._accounts = dict(accounts)
        self._whole = whole
        self._whole_tokens = whole_tokens
        self._result_limit = result_limit
        self._offered: dict[str, Offered] = {}
        self._unusable: dict[str, Held] = {}
        self._search: ToolSearch | None = None
        self.tools: list[BaseTool] = []
        self.missing: dict[str, NangoError] = {}

    @property
    def user_id(self) -> str:
        return self._caller.owner.user_id

    @property
    def instructions(self) -> str:
        """For the agent's system prompt: how to read what the tools answer."""
        return INSTRUCTIONS

    @property
    def offered(self) -> dict[str, Tool]:
        return {tool_id: offered.tool for tool_id, offered in self._offered.items()}

    @property
    def held(self) -> dict[str, Held]:
        """By id, tools that are kept back, and why: by the catalogue's guard, or as nobody could make sense of their schemas,
        which is looked at when they are about to be shown. For the app, not for the model.
        """
        catalog = self._caller.catalog
        kept = (one for integration in sorted(self._caller.integrations) for one in catalog.held(integration))
        return {**{one.tool: one for one in kept}, **self._unusable}

    async def by_name(self, request: Any, execute: Callable[[Any], Awaitable[Any]]) -> Any:
        """For `ToolNode(session.tools, awrap_tool_call=session.by_name)`: runs a call that was made when there were fewer tools,
        or more. A paused run may be gone on with after the user has connected another account.
        """
        if request.tool is None and (tool := self._tool_named(request.tool_call["name"])) is not None:
            request = request.override(tool=tool)
        return await execute(request)

    async def refresh(self) -> None:
        """GET /connections, and the tools of those that are new: for after the user has connected an account.

        `tools` is a new list then. An agent that has the search tools finds what is new; another one is made anew.
        """
        caller = self._caller
        wanted = sorted(caller.integrations)
        found = await find_connections(caller.nango, caller.owner, wanted, self._accounts)
        offered = await offer(caller.catalog, caller.policy, found.usable, gated=caller.gate is not None)
        self._offered, self._search, self._unusable = dict(offered.tools), None, {}
        self.missing = {**found.missing, **offered.broken}
        whole = self._whole_set()
        self.tools = self._searched() if whole is None else whole

    async def connect_link(self, integration: str) -> str:
        """POST /connect/sessions: a link for this user and nobody else, which lives 30 minutes. The account that is authorized
        there becomes the user's; one whose credentials no longer work is authorized again (POST /connect/sessions/reconnect).

        InvalidInput for an integration that is not of this session.
        """
        caller = self._caller
        if integration not in caller.integrations:
            problem = f"{integration} is not among the session's integrations"
            raise InvalidInput(
                problem, call=Call("create connect session", None, integration), outcome=Outcome.NOT_SENT
            )
        why = self.missing.get(integration)
        broken = why.call.connection_id if isinstance(why, ReauthorizationRequired) and why.call else None
        sessions = caller.nango.connect_sessions
        if broken is not None:
            async for connection in caller.nango.connections.list(connection_id=broken, integration_ids=[integration]):
                if connection.connection_id == broken and caller.owner.has(connection):
                    again = await sessions.reconnect(
                        connection_id=broken, integration_id=integration, tags=connection.tags
                    )
                    return again.connect_link
        made = await sessions.create(tags=caller.owner.tags, allowed_integrations=[integration])
        return made.connect_link

    async def run(
        self, tool_id: str, arguments: Any, *, call_id: str | None = None, thread_id: str | None = None
    ) -> Any:
        """The output of one of the offered tools as it came, without an agent; under the same policy and the same gate.

        Raises `Refused`, whose words are fit for a model, and `NangoError`.
        """
        output = await self._call(tool_id, arguments, Asker(call_id, thread_id))
        return output.output if isinstance(output, Earlier) else output

    async def _call(self, tool_id: str, arguments: Any, asker: Asker) -> Any:
        offered = find(self._offered, tool_id)
        try:
            return await self._caller.call(offered, arguments, asker)
        except (ReauthorizationRequired, UnknownConnection) as error:
            self.missing[offered.tool.integration] = error
            raise

    async def _words(self, tool_id: str, arguments: Any, asker: Asker) -> str:
        output = await self._call(tool_id, arguments, asker)
        if isinstance(output, Earlier):
            return result(tool_id, output.output, self._result_limit, earlier=True)
        return result(tool_id, output, self._result_limit)

    def _whole_set(self) -> list[BaseTool] | None:
        """Each by itself; None where they are too many, or too large."""
        if len(self._offered) > self._whole:
            return None
        for offered in list(self._offered.values()):
            self._is_usable(offered.tool)
        names = function_names(self._offered)
        tools = [self._tool(names[tool_id], offered.tool) for tool_id, offered in sorted(self._offered.items())]
        return tools if sum(map(_tokens, tools)) <= self._whole_tokens else None

    def _is_usable(self, tool: Tool) -> bool:
        """One that is not is held back from here on."""
        if (problem := schema_problem(tool)) is None:
            return True
        self._unusable[tool.id] = Held(tool.id, tool.fingerprint, problem)
        self._offered.pop(tool.id, None)
        return False

    def _tool_named(self, name: str) -> BaseTool | None:
        """A tool that is not in `tools`, as they are now."""
        if (one := next((tool for tool in self._searched() if tool.name == name), None)) is not None:
            return one
        tool_id = next((tool_id for tool_id, given in function_names(self._offered).items() if given == name), None)
        return None if tool_id is None else self._tool(name, self._offered[tool_id].tool)

    def _tool(self, name: str, tool: Tool) -> BaseTool:
        async def work(given: Any, asker: Asker) -> str:
            return await self._words(tool.id, given, asker)

        parameters, more = parameters_of(tool)
        words = f"{tool.id}: {one_line(tool.description, DESCRIPTION)} ({_EFFECTS[tool.access]})"
        return SessionTool(
            name=name,
            description=f"{words} {more}".rstrip(),
            args_schema=parameters,
            metadata={"tool": tool.id, "access": tool.access.value},
            work=work,
            about=lambda _: tool.id,
        )

    def _searched(self) -> list[BaseTool]:
        return [
            SessionTool(
                name="search_tools",
                description=(
                    "Finds tools in the user's accounts by what they do, in a few words. Names them with their parameters. "
                    f"Accounts: {', '.join(sorted({offered.tool.integration for offered in self._offered.values()}))}."
                ),
                args_schema=_object({"query": _TEXT, "integration": _TEXT}, required=["query"]),
                work=self._on_search,
                about=_named,
            ),
            SessionTool(
                name="get_tool_schema",
                description="The full JSON Schema of a tool that search_tools named. For parameters that its line leaves open.",
                args_schema=_object({"tool": _TEXT}, required=["tool"]),
                work=self._on_schema,
                about=_named,
            ),
            SessionTool(
                name="run_tool",
                description="Runs a tool that search_tools named, with its arguments.",
                args_schema=_object(
                    {
                        "tool": _TEXT,
                        "arguments": {"type": "object", "description": "As the tool's own schema has them."},
                    },
                    required=["tool", "arguments"],
                ),
                work=self._on_run,
                about=_named,
            ),
        ]

    async def _on_search(self, given: Any, _: Asker) -> str:
        query, integration = _text(given, "query"), given.get("integration")
        among: Collection[str] | None = None
        if integration:
            among = [key for key, offered in self._offered.items() if offered.tool.integration == integration]
        if self._search is None:
            # Imported here: who has few tools needs no index, and what it takes is large.
            from nango_tools.search import ToolSearch  # noqa: PLC0415

            offered = [one.tool for one in self._offered.values()]
            self._search = await asyncio.to_thread(ToolSearch, offered)
        hits = self._search.search(query, among=among, limit=_FOUND)
        lines = [signature(hit.tool, arguments_of(hit.tool)) for hit in hits if self._is_usable(hit.tool)]
        said = block("tools", "search", "\n".join(lines)) if lines else "Nothing fits. Try other words."
        apart = [unconnected(key, why) for key, why in sorted(self.missing.items())]
        return "\n".join([said, *(["Without tools for now:", *apart] if apart else [])])

    async def _on_schema(self, given: Any, _: Asker) -> str:
        tool = find(self._offered, _text(given, "tool")).tool
        if not self._is_usable(tool):
            raise Refused(f"{tool.id} can't be used: its schema makes no sense. Only its author can mend that.")
        return result(tool.id, {"arguments": tidy(tool.input_schema), "output": tidy(tool.output_schema)}, _SCHEMA)

    async def _on_run(self, given: Any, asker: Asker) -> str:
        return await self._words(_text(given, "tool"), read_arguments(given.get("arguments", {})), asker)


_TEXT = {"type": "string"}
_CHARACTERS = 4
"""In a token, near enough."""
_EFFECTS = {
    Access.READ: "only reads",
    Access.WRITE: "changes something",
    Access.DESTRUCTIVE: "deletes or overwrites something",
}


def _tokens(tool: BaseTool) -> int:
    return len(json.dumps([tool.name, tool.description, tool.args_schema], ensure_ascii=False)) // _CHARACTERS


def _object(properties: dict[str, Any], *, required: list[str]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _text(given: Any, name: str) -> str:
    value = given.get(name) if isinstance(given, dict) else None
    if not isinstance(value, str) or not value.strip():
        raise Refused(f"{name} is missing: it must be a text.")
    return value


def _named(given: Any) -> str:
    return str(given.get("tool", "")) if isinstance(given, dict) else ""
