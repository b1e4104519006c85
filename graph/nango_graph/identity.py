"""Who asked, and whose accounts are therefore used."""

from dataclasses import dataclass

from langgraph.runtime import Runtime

from nango_graph.context import Context, as_context
from nango_graph.errors import UsageError

MAX_LENGTH = 200


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
    def tags(self) -> dict[str, str]:
        """The tags by which Nango finds this requester's connections, and which new ones get."""
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
    if server is not None:
        identity = server.user.identity if server.user is not None else fallback_user_id
        return _checked(Requester(identity))
    context = as_context(runtime.context)
    return _checked(Requester(context.user_id, context.organization_id))


def actor_of(runtime: Runtime[Context], fallback_user_id: str) -> str:
    """Who is running the graph now: noted beside decisions."""
    if runtime.server_info is None:
        context = as_context(runtime.context)
        return context.actor or context.user_id or "unnamed"
    return requester_of(runtime, fallback_user_id).user_id


def is_stranger(runtime: Runtime[Context], requester: Requester) -> bool:
    """Is whoever runs the graph now of another tenant? False where nobody is named, as in a wake-up."""
    server = runtime.server_info
    if server is not None:
        known = Requester(server.user.identity) if server.user is not None else None
    else:
        known = named_in(as_context(runtime.context))
    return known is not None and known.tenant != requester.tenant


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
