"""Whether a tool reads, writes or destroys, judged from what its author wrote about it; no model is asked.

Nothing on the wire says so reliably: the hosted MCP has no annotations, most actions declare no HTTP method, and some a
wrong one [scripts-config]. So name, method, description and input are each taken at their worst, only a known reading verb
makes a read, and what nothing is known about is a write. An operator's rule may say otherwise afterwards.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from nango_tools.access.describing import description_says, opening_says
from nango_tools.access.inputs import input_says
from nango_tools.access.levels import Access, Verdict
from nango_tools.access.naming import NameSays, name_says

_BY_METHOD = {"PUT": Access.WRITE, "PATCH": Access.WRITE, "DELETE": Access.DESTRUCTIVE}
_READING_METHODS = frozenset({"GET", "HEAD"})
_WRITING_SCOPE = re.compile(r"write|modify|manage|edit|delete|admin|full", re.IGNORECASE)


def classify(
    name: str,
    description: str,
    method: str | None,
    scopes: Sequence[str] = (),
    input_schema: Mapping[str, Any] | None = None,
) -> Verdict:
    """The worst of what the name, the declared HTTP method, the description and the input say. Never raises.

    name: in any case and language. method: as declared for the action, None where none is; GET makes a read of a name
    without a known verb or with a two-faced one, unless a scope is for writing, and POST says nothing. scopes: the
    provider's. input_schema: without references.
    """
    declared = (method or "").strip().upper()
    verdict = _with_method(name_says(name), declared, scopes)
    for evidence in (_by_method(declared), description_says(description), input_says(input_schema)):
        verdict = verdict.or_worse(evidence)
    return verdict.or_worse(opening_says(description)) if verdict.access is Access.READ else verdict


def _with_method(said: NameSays, declared: str, scopes: Sequence[str]) -> Verdict:
    if said.open_to_get and declared in _READING_METHODS:
        writing = next((scope for scope in scopes if _WRITING_SCOPE.search(scope)), None)
        if writing is None:
            return Verdict(Access.READ, f"declared as {declared}, and nothing contradicts")
        return said.verdict or Verdict(Access.WRITE, f'declared as {declared}, but wants the scope "{writing}"')
    return said.verdict or Verdict(Access.WRITE, "nothing says that it only reads")


def _by_method(declared: str) -> Verdict | None:
    return Verdict(_BY_METHOD[declared], f"declared as {declared}") if declared in _BY_METHOD else None
