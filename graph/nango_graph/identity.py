"""Who asked, and whose accounts are therefore used."""

from dataclasses import dataclass
from urllib.parse import quote

from langgraph.runtime import Runtime
from langgraph_sdk.auth.types import BaseUser

from nango_graph.context import Context, as_context
from nango_graph.errors import UsageError

MAX_LENGTH = 200
BY_RULE = "policy:"
"""What an actor begins with where a rule of the operator decided, and never where a person did."""


@dataclass(frozen=True, slots=True)
class Requester:
    """The person whose turn it is. Connections are always the requester's, whoever answers a question later."""

    user_id: str
    organization_id: str = ""

    @property
    def tenant(self) -> str:
        """What may never be crossed: the organization if there is one, else the user."""
        return f"organization:{self.organization_id}" if self.organization_id else f"user:{self.user_id}"

    @property
    def key(self) -> str:
        """Names this person among all tenants: the owner of threads on a LangGraph server."""
        user = f"user:{quote(self.user_id, safe='')}"
        return f"organization:{quote(self.organization_id, safe='')}/{user}" if self.organization_id else user

    @property
    def tags(self) -> dict[str, str]:
        """The tags that new connections of this requester get."""
        tags = {"end_user_id": self.user_id}
        if self.organization_id:
            tags["organization_id"] = self.organization_id
        return tags


def requester_of(runtime: Runtime[Context], fallback_user_id: str) -> Requester:
    """The authenticated user on a server, the context's user when embedded.

    A server without auth serves one user, `fallback_user_id`: a context comes from whoever calls, and must not choose.
    Raises `UsageError` for an empty user.
    """
    server = runtime.server_info
    if server is None:
        context = as_context(runtime.context)
        return _checked(Requester(context.user_id, context.organization_id))
    logged_in = _logged_in(runtime)
    if logged_in is None and not fallback_user_id:
        raise UsageError("Nobody is logged in, and this server has JWT settings: serve it with deploy/langgraph.json.")
    return _checked(logged_in or Requester(fallback_user_id))


def _logged_in(runtime: Runtime[Context]) -> Requester | None:
    """The user that the server authenticated: `user_id` and `organization_id` as our own auth sets them, or another auth's
    identity. None without auth, and in runs that nobody asked for, such as wake-ups.
    """
    user = runtime.server_info.user if runtime.server_info is not None else None
    if user is None:
        return None
    return Requester(_field(user, "user_id") or user.identity, _field(user, "organization_id"))


def _field(user: BaseUser, name: str) -> str:
    try:
        value = user[name]
    except (KeyError, AttributeError):
        return ""
    return value if isinstance(value, str) else ""


def actor_of(runtime: Runtime[Context], fallback_user_id: str) -> str:
    """Who is running the graph now: noted beside decisions."""
    # A run that was killed right after an answer is gone on with by nobody.
    actor = decider_of(runtime, fallback_user_id) or "unnamed"
    # Nobody passes for a rule by being called like one.
    return f"user:{actor}" if actor.startswith(BY_RULE) else actor


def decider_of(runtime: Runtime[Context], fallback_user_id: str) -> str:
    """Who would decide in this run: "" if it names nobody, who therefore can only end waits."""
    if runtime.server_info is None:
        return decider_in(as_context(runtime.context))
    known = _logged_in(runtime)
    return known.user_id if known is not None else fallback_user_id


def decider_in(context: Context) -> str:
    """As `decider_of`, where the graph is embedded."""
    return context.actor or context.user_id


def is_stranger(runtime: Runtime[Context], requester: Requester) -> bool:
    """Is whoever runs the graph now of another tenant? False where nobody is named, as in a wake-up."""
    known = _named(runtime)
    return known is not None and known.tenant != requester.tenant


def names_nobody(runtime: Runtime[Context]) -> bool:
    """Is this a run that no person asked for, such as a wake-up?"""
    return _named(runtime) is None


def _named(runtime: Runtime[Context]) -> Requester | None:
    return _logged_in(runtime) if runtime.server_info is not None else named_in(as_context(runtime.context))


def named_in(context: Context) -> Requester | None:
    """Whom a context names; None where it names nobody."""
    return Requester(context.user_id, context.organization_id) if context.user_id else None


def _checked(requester: Requester) -> Requester:
    for name, value in (("user_id", requester.user_id), ("organization_id", requester.organization_id)):
        if len(value) > MAX_LENGTH or any(ord(character) < 32 for character in value):
            raise UsageError(
                f"The {name} of the run is longer than {MAX_LENGTH} characters or holds control characters."
            )
    if not requester.user_id.strip():
        raise UsageError("No user: pass context=Context(user_id=...) so that only that user's connections are used.")
    return requester
