"""Puts results into words: what was found, what was done, what was not and why. Says nothing the results do not show."""

from collections.abc import Sequence

from nango_sandbox.rule_model.deeds import done, not_done
from nango_sandbox.rule_model.findings import Found, found, read_found
from nango_sandbox.rule_model.prompt import Prompt, Result, Tool
from nango_sandbox.rule_model.request import clauses_of
from nango_sandbox.rule_model.words import group_of


def answer(prompt: Prompt) -> str:
    told = account(prompt.results, prompt.request, earlier=prompt.earlier)
    failed = any(not result.succeeded for result in prompt.results)
    if prompt.problem and not failed:
        told = "\n\n".join(part for part in (told, f"Not everything worked: {prompt.problem}") if part)
    return told or "I have no results for that: nothing was found, and nothing was done."


def account(results: Sequence[Result], request: str, *, earlier: Sequence[Result] = (), sought: str = "") -> str:
    """`sought` says what was not found, where a write had nothing to be done to: "no contact with email …"."""
    writes = [result for result in results if not Tool(result.tool).reads]
    shown = _asked_for([result for result in results if result not in writes], request, bool(writes))
    known = [read_found(result) for result in (*earlier, *results) if result.succeeded]
    verb = _verb(request, writes)
    parts: list[str] = []
    for at, result in enumerate(results):
        called = verb if group_of(Tool(result.tool).name.verb) == "update" else ""
        if not result.succeeded:
            parts.append(not_done(result, called, known, sought))
        elif result in writes:
            parts.append(done(result, called, known, _read_before(results[:at])))
        elif result in shown:
            parts.append(found(read_found(result), request))
    return "\n\n".join(parts)


def _asked_for(reads: Sequence[Result], request: str, writes: bool) -> list[Result]:
    """What was only read to go on with it is not told."""
    asking = sum(clause.asks for clause in clauses_of(request))
    if writes:
        return list(reads[-asking:]) if asking else []
    return [one for at, one in enumerate(reads) if not any(_feeds(one, later) for later in reads[at + 1 :])]


def _feeds(read: Result, later: Result) -> bool:
    """Whether a later step was given something that only this one can have told."""
    given = [value for value in later.arguments.values() if value not in read.arguments.values()]
    what = read_found(read) if read.succeeded else None
    items = (what.items if what.items is not None else [what.record]) if what is not None else []
    return any(value in item.values() for value in given for item in items if isinstance(item, dict))


def _read_before(results: Sequence[Result]) -> Found | None:
    reads = [result for result in results if result.succeeded and Tool(result.tool).reads]
    return read_found(reads[-1]) if reads else None


def _verb(request: str, writes: Sequence[Result]) -> str:
    """What the user called it: to close an issue is to update it, as the tool's name has it."""
    updates = {result.tool for result in writes if group_of(Tool(result.tool).name.verb) == "update"}
    said = {
        clause.verb
        for clause in clauses_of(request)
        if clause.verb and not clause.asks and group_of(clause.verb) not in ("list", "create", "post", "delete", "mark")
    }
    return said.pop() if len(updates) == 1 == len(said) else ""
