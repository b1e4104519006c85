"""Whether a tool reads, writes or destroys, judged from what its author wrote about it; no model is asked.

Nothing on the wire says so reliably: the hosted MCP has no annotations, most actions declare no HTTP method, and some a
wrong one [scripts-config]. So name, method, description and scopes are each taken at their worst, only a known reading
verb makes a read, and what nothing is known about is a write. An operator's rule may say otherwise afterwards.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from nango_tools.access.levels import Access, Verdict


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_READS = _words("""
    get list search find fetch read retrieve query lookup look show view describe count download browse preview
    whoami validate calculate compute estimate compare autocomplete suggest inspect analyze summarize filter
    aggregate ping lint parse render enrich
""")

# Words that are as often a noun count only where a verb stands: get-order reads, order-get and get-or-order may not.
_WRITES = _words("""
    create add insert make update edit modify upsert write append prepend rename move upload attach assign
    associate connect register subscribe unarchive send resend reply forward invite notify submit approve accept
    confirm complete finalize reopen start restart stop launch deploy enable activate reactivate restore undelete
    pause resume mark unmark mute unmute unlock unblock enroll enqueue sync resync rerun convert migrate generate
    identify ingest push adjust increment decrement apply rotate provision install join snooze react respond
    dispatch configure reorder initiate init toggle redeem renew extend acknowledge escalate promote demote
    publish reschedule duplicate clone import patch put save set replace
""")
_WRITES_OR_NOUNS = _words("""
    new post change copy link follow like star pin tag label share schedule message close open resolve trigger
    archive grant process refresh retry replay issue sign book reserve order purchase record log track store
    commit claim vote rate request split swap answer release hold authorize impersonate switch transition report
    flag bookmark bill credit skip check verify test watch ask call invoke run comment export
""")
_DESTROYS = _words("""
    delete destroy remove purge erase wipe trash discard empty truncate reset cancel revoke terminate deactivate
    disable expire abort kill uninstall unlink unregister deregister detach disassociate unassign unsubscribe
    unfollow unlike unstar unpin untag unshare evict ban suspend withdraw overwrite anonymize redact decline
    reject dismiss disconnect execute exec eval clear drop kick
""")
_DESTROYS_OR_NOUNS = _words("""
    void pay charge capture payout transfer merge block lock forget reverse refund leave deletion removal
    cancellation termination erasure
""")
_JOINS = _words("and or then")
_AMOUNTS = _words("batch bulk")

_BY_METHOD = {"PUT": Access.WRITE, "PATCH": Access.WRITE, "DELETE": Access.DESTRUCTIVE}
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_WRITING_SCOPE = re.compile(r"write|modify|manage|edit|delete|admin", re.IGNORECASE)
# What passes on whatever it is given can do anything that its credentials can.
_PASSES_ON = re.compile(
    r"\b(any|arbitrary|raw)\b.{0,30}\b(sql|statements?|graphql|quer(y|ies)|requests?|commands?|code|scripts?|methods?)\b",
    re.IGNORECASE | re.DOTALL,
)


def classify(
    name: str,
    description: str,
    method: str | None,
    scopes: Sequence[str] = (),
    input_schema: Mapping[str, Any] | None = None,  # noqa: ARG001
) -> Verdict:
    """The worst of what the name, the declared HTTP method and the description's first word say.

    name: snake_case, kebab-case or camelCase. method: as declared for the action, None where none is; GET makes a read
    of a name without any known verb, unless a scope is for writing, and POST says nothing. scopes: the provider's.
    """
    declared = (method or "").upper()
    verdict = _by_name(name)
    if verdict is None and declared == "GET" and not any(_WRITING_SCOPE.search(scope) for scope in scopes):
        verdict = Verdict(Access.READ, "declared as GET, and nothing contradicts")
    if verdict is None:
        verdict = Verdict(Access.WRITE, "nothing says that it only reads")
    if declared in _BY_METHOD:
        verdict = verdict.or_worse(Verdict(_BY_METHOD[declared], f"declared as {declared}"))
    return verdict.or_worse(_by_description(description))


def _by_name(name: str) -> Verdict | None:
    """None where no verb is known at all."""
    if not name.isascii():
        return Verdict(Access.WRITE, "its name is not plain ASCII")
    words = [word.lower() for word in _WORD.findall(name)]
    if words and words[0] in _AMOUNTS:
        del words[0]
    reads = bool(words) and words[0] in _READS
    verdict = Verdict(Access.READ, f'its name begins with "{words[0]}"') if reads else None
    for before, word in zip(["", *words], words, strict=False):
        found = _verb(word, nouns_too=not reads or before in _JOINS)
        if found is not None:
            stated = Verdict(found, f'"{word}" in its name')
            verdict = verdict.or_worse(stated) if verdict else stated
    return verdict


def _by_description(description: str) -> Verdict | None:
    if match := _PASSES_ON.search(description):
        return Verdict(Access.DESTRUCTIVE, f'its description says "{match[0]}"')
    if match := re.match(r"\W*(\w+)", description):
        found = _verb(_infinitive(match[1].lower()), nouns_too=False)
        return Verdict(found, f'its description begins with "{match[1]}"') if found else None
    return None


def _verb(word: str, *, nouns_too: bool) -> Access | None:
    if word in _DESTROYS or (nouns_too and word in _DESTROYS_OR_NOUNS):
        return Access.DESTRUCTIVE
    if word in _WRITES or (nouns_too and word in _WRITES_OR_NOUNS):
        return Access.WRITE
    return None


def _infinitive(word: str) -> str:
    """deletes, publishes, copies, as the lists have them."""
    for ending, instead in (("ies", "y"), ("es", ""), ("s", "")):
        if word.endswith(ending) and word.removesuffix(ending) + instead in _WRITES | _DESTROYS:
            return word.removesuffix(ending) + instead
    return word
