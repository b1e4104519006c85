"""LangSmith traces without credentials. Off unless LangSmith's own switch is on (`LANGSMITH_TRACING=true`).

What the graph does is then traced through a client that masks links' session tokens, keys and the like before
anything leaves the process. A host that traces with a tracer of its own, or a graph around this one, decides for
itself: `create_mask` is what its `langsmith.Client(anonymizer=...)` needs.
"""

import asyncio
import re
from collections.abc import Callable, Iterable
from typing import Any

from langchain_core.callbacks import BaseCallbackManager
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import ensure_config, merge_configs
from langchain_core.tracers import LangChainTracer
from langchain_core.tracers.context import tracing_v2_callback_var
from langsmith import Client
from langsmith.run_helpers import get_tracing_context
from langsmith.utils import tracing_is_enabled
from pydantic import SecretStr

from nango_graph.services import ServicesSource
from nango_graph.settings import AgentSettings

MASKED = "[masked]"

# Chat messages are Markdown, where our own escaping puts a backslash before each of these.
_U = r"\\*_"
_TELLING_NAME = (
    r"(?:[a-z0-9_.\\-]*(?:(?:api|private|signing|secret|access)\\*[_-]?key|token|secret|passwd|password)"
    r"|authorization|credentials?|(?:set-)?cookie)"
)
_TELLING_FIELD = re.compile(_TELLING_NAME, re.IGNORECASE)
_SHAPES = re.compile(
    # What stands in a group `before…` is kept.
    rf"""
      (?P<before> \b(?:Bearer|Basic)\s+ ) [\w.~+/=\\-]{{8,}}
    | (?P<before_parameter> [?&;\#]{_TELLING_NAME}= ) [^\s&"'<>)\]]+
    | (?P<before_password> ://[^\s/:@]+: ) [^\s/@]+ (?=@)
    | (?P<before_field> (?<!\\)["']{_TELLING_NAME}["']\s*:\s*(?P<quote>["']) ) (?:\\.|(?!(?P=quote)).)+
    | (?P<before_escaped> (?<!\\)\\++["']{_TELLING_NAME}\\+["']\s*:\s*(?P<escaped>\\+["']) ) (?:(?!(?P=escaped)).)+
    | nango{_U}connect{_U}session{_U}\w+
    | \b(?:sk|rk|pk)(?:-|{_U})[\w\\-]{{16,}}
    | \bgh[a-z]{_U}\w{{20,}} | \bgithub{_U}pat{_U}[\w\\]{{20,}} | \bglpat-[\w\\-]{{16,}}
    | \bxox[a-z]-[\w\\-]{{10,}} | \bxapp-[\w\\-]{{10,}}
    | \blsv2{_U}[\w\\]{{16,}}
    | \b(?:AKIA|ASIA)[0-9A-Z]{{16}}\b
    | \bAIza[\w\\-]{{30,}} | \bya29\.[\w\\-]{{20,}}
    | \beyJ[\w\\-]{{8,}}\.[\w\\-]{{8,}}\.[\w\\-]*
    | -----BEGIN[ ][A-Z ]*PRIVATE[ ]KEY-----.*?(?:-----END[ ][A-Z ]*PRIVATE[ ]KEY-----|\Z)
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)


def create_mask(secrets: Iterable[SecretStr] = ()) -> Callable[[Any], Any]:
    """A function for `langsmith.Client(anonymizer=...)`: returns JSON data with everything masked that looks like a credential.

    Masked are `secrets` themselves, session tokens of connect links, Bearer values, keys of well-known shapes, and
    text in fields that are named like a secret (`api_key`, `access_token`, `password`, ...).
    """
    # The longest first: one may begin with another.
    known = sorted({secret.get_secret_value() for secret in secrets} - {""}, key=len, reverse=True)
    exact = re.compile("|".join(map(_perhaps_escaped, known)) or r"(?!)")

    def in_text(text: str) -> str:
        text = exact.sub(MASKED, text)
        return _SHAPES.sub(_masked, text)

    def mask(value: Any, *, hidden: bool = False) -> Any:
        match value:
            case str():
                return MASKED if hidden and value else in_text(value)
            case dict():
                return {
                    in_text(str(name)): mask(part, hidden=hidden or _TELLING_FIELD.fullmatch(str(name)) is not None)
                    for name, part in value.items()
                }
            case list():
                return [mask(part, hidden=hidden) for part in value]
            case _:
                return value

    return mask


def _perhaps_escaped(secret: str) -> str:
    return re.sub(r"(?<=.)(\\\W|_)", r"\\\\*\1", re.escape(secret))


def _masked(found: re.Match[str]) -> str:
    kept = (text for name, text in found.groupdict().items() if name.startswith("before"))
    return "".join(filter(None, kept)) + MASKED


class Tracing:
    """Gives runs a tracer that masks, while LangSmith tracing is on. Its client is made at the first traced run.

    `services` know the deployment's own secrets. Making them may raise, as it does when the run itself asks for them.
    """

    def __init__(self, services: ServicesSource) -> None:
        self._services = services
        self._client: Client | None = None

    async def traced(self, config: RunnableConfig | None, own: RunnableConfig | None) -> RunnableConfig | None:
        """The configuration of a run, with a tracer: unless tracing is off, or the host has chosen a client or a tracer.

        `own` is the graph's configuration, which the run's goes over.
        """
        surroundings = get_tracing_context()
        if not tracing_is_enabled() or surroundings["client"] is not None or tracing_v2_callback_var.get() is not None:
            return config
        # Inherited ones included.
        callbacks = merge_configs(
            {"callbacks": (own or {}).get("callbacks")}, {"callbacks": ensure_config(config).get("callbacks")}
        ).get("callbacks")
        handlers = callbacks.handlers if isinstance(callbacks, BaseCallbackManager) else (callbacks or [])
        if any(isinstance(handler, LangChainTracer) for handler in handlers):
            return config
        if self._client is None:
            mask = create_mask(_secrets_of((await self._services()).settings))
            # In a thread: it looks at the machine, which a server's loop should not wait for.
            self._client = await asyncio.to_thread(Client, anonymizer=mask)
        parent = surroundings["parent"]
        tracer = LangChainTracer(
            client=self._client,
            project_name=parent.session_name if parent is not None else surroundings["project_name"],
            tags=surroundings["tags"],
            metadata=surroundings["metadata"],
        )
        if isinstance(callbacks, BaseCallbackManager):
            callbacks = callbacks.copy()
            callbacks.add_handler(tracer)
        else:
            callbacks = [*handlers, tracer]
        return {**(config or {}), "callbacks": callbacks}


def _secrets_of(settings: AgentSettings) -> list[SecretStr]:
    found = [settings.nango.api_key, settings.nango.webhook_signing_key, settings.model.api_key, settings.link_secret]
    return [secret for secret in found if secret is not None]
