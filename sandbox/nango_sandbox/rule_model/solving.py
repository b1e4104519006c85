"""From a request to a `Decision`: each clause gets its best tool, and what a clause needs is read before."""

from collections.abc import Sequence
from dataclasses import replace

from nango_sandbox.rule_model.attempts import Attempt, Scene, bare
from nango_sandbox.rule_model.choosing import integrations_for
from nango_sandbox.rule_model.decision import Decision, ask, job, overview, parameters_of
from nango_sandbox.rule_model.fields import list_of, lists
from nango_sandbox.rule_model.prompt import Prompt, Result, Tool
from nango_sandbox.rule_model.ranking import nearest, ranked, service_names
from nango_sandbox.rule_model.request import Clause, Token, clauses_of
from nango_sandbox.rule_model.shapes import ANY, Shape
from nango_sandbox.rule_model.sources import Source, same_thing, source_of
from nango_sandbox.rule_model.unfinished import counted
from nango_sandbox.rule_model.words import ARTICLES, CREATING, EACH, TELLING, stem


def solve(prompt: Prompt, request: str) -> Decision:
    scene = _scene(prompt)
    attempts: list[Attempt] = []
    clauses = clauses_in(prompt, request)
    while clauses:
        clause = clauses.pop(0)
        foreign = _foreign(prompt, clause)
        if foreign in prompt.declined:
            return without(prompt.declined, request)
        if foreign:
            return Decision("integration", integration=foreign)
        found = ranked(scene, clause)
        if not found:
            return _no_tool(prompt, clause, request, attempts)
        rivals = _rivals(found, clause)
        if rivals:
            said = f"Several connected apps can {job(found[0][1].tool)}: {', '.join(rivals)}."
            return Decision("question", f"{said} Which one do you mean?")
        best = found[0][1]
        if clause.asks and _lists_any(prompt, best.beyond):  # "list the deals and the open issues": two things to read
            rest = [token for token in clause.tokens if token not in best.beyond]
            clauses = [replace(clause, tokens=rest), replace(clause, tokens=best.beyond, verb_at=-1), *clauses]
            continue
        scene.accept(best)
        attempts.append(best)
    if not attempts:
        return Decision("question", "What would you like me to do?")
    objection = _objection(attempts)
    if objection is not None:
        return without(prompt.declined, request) if prompt.declined else objection
    steps = tuple(step.as_dict() for attempt in attempts for step in attempt.steps)
    return Decision("plan", steps=steps, sought=_sought(attempts))


def _sought(attempts: Sequence[Attempt]) -> str:
    """What to say if what the steps look for is not there."""
    for attempt in attempts:
        words = attempt.sought.split()
        if words:
            bare = " ".join(words[1:] if words[0].lower() in ARTICLES | EACH else words)
            part = any("length(@)" in str(step.arguments) for step in attempt.steps)
            return f"none, or more than one, for “{bare}”" if part else f"no {bare}"
    return ""


def _lists_any(prompt: Prompt, tokens: Sequence[Token]) -> bool:
    readers = [bare(tool) for tool in prompt.tools if tool.reads and lists(tool)]
    return any(same_thing(token.stem, reader) for token in tokens if token.kind == "word" for reader in readers)


def without(declined: Sequence[str], request: str) -> Decision:
    said = " ".join(request.split()).rstrip(".!?")
    why = f"You chose to do without {' and '.join(declined)}, and without that I cannot do this: “{said}”."
    return Decision("answer", f"{why} Nothing was done. Ask again if you want to connect it after all.")


def _objection(attempts: Sequence[Attempt]) -> Decision | None:
    """What has to be said or asked before any of it can run."""
    opaque = next((attempt.opaque for attempt in attempts if attempt.opaque), None)
    if opaque is not None:
        why = f"I cannot do that in one go, because {opaque.key} does not say what it returns."
        return Decision("answer", f"{why} Ask me to {job(opaque)} first, and then say what to do with the result.")
    beyond = next((attempt.beyond for attempt in attempts if attempt.beyond), [])
    if beyond:
        said = " ".join(token.value for token in beyond)
        why = f"I do not know how to do this part: “{said}”, so I have not started on the rest either."
        return Decision("answer", f"{why} Say it in other words, or leave it out.")
    unclear = " ".join(token.value for attempt in attempts for token in attempt.unclear)
    if unclear:
        why = f"I cannot tell which ones you mean by “{unclear}”: nothing in the data says so."
        return Decision("question", f"{why} Which exactly?")
    missing = [pair for attempt in attempts for pair in attempt.missing]
    if missing:
        return ask(missing)
    idle = next((attempt.tool for attempt in attempts if attempt.idle), None)
    if idle is not None:
        able = parameters_of(idle, [field for field in idle.parameters if not field.required])
        return Decision("question", f"What should I change? With {idle.key} I can set: {able}. Which, and to what?")
    lost = [
        (attempt.tool, token.value)
        for attempt in attempts
        for token in attempt.unused
        if not attempt.tool.reads or token.kind in ("hash", "email", "path", "quoted", "number")
    ]
    if lost:
        tool, value = lost[0]
        able = parameters_of(tool, tool.parameters)
        return Decision("question", f"I do not know what “{value}” is for. {tool.key} takes: {able}. Which is it?")
    return None


def _no_tool(prompt: Prompt, clause: Clause, request: str, before: Sequence[Attempt]) -> Decision:
    own = {tool.integration for tool in prompt.tools}
    others = [one for one in prompt.integrations if one.key not in own]
    wanted = integrations_for(request, others, strict=True)
    if wanted:
        return Decision("integration", integration=wanted[0])
    if prompt.declined:
        return without(prompt.declined, request)
    said = " ".join(token.value for token in [*clause.tokens, *clause.each])
    parts = [f"None of the connected tools can do this: “{said}”."]
    if before:
        parts.append("So I have not started on the rest either.")
    near = nearest(clause, prompt.tools)
    parts.append(f"The nearest ones are: {', '.join(near)}." if near else overview(prompt.tools, prompt.integrations))
    return Decision("answer", " ".join(parts))


def _rivals(found: Sequence[tuple[float, Attempt]], clause: Clause) -> list[str]:
    """Services that fit alike when the clause names none."""
    alike = sorted({attempt.tool.integration for score, attempt in found if score == found[0][0]})
    named = any(token.kind == "service" for token in clause.tokens)
    return alike if len(alike) > 1 and not named else []


def _foreign(prompt: Prompt, clause: Clause) -> str:
    """The integration that a clause names and whose tools are not at hand."""
    own = {tool.integration for tool in prompt.tools}
    said = {token.value for token in [*clause.tokens, *clause.each] if token.kind == "service"}
    others = [(one.key, {one.key.lower(), one.display.lower()}) for one in prompt.integrations if one.key not in own]
    others += [(key, set(service_names(key))) for key in prompt.declined]
    return next((key for key, names in others if said & names), "")


def clauses_in(prompt: Prompt, request: str) -> list[Clause]:
    made = {tool.name.head for tool in prompt.tools if tool.name.verb in CREATING | TELLING}
    verbs = {stem(tool.name.verb) for tool in prompt.tools} | made
    return clauses_of(request, verbs, services_of(prompt))


def services_of(prompt: Prompt) -> set[str]:
    keys = [*(tool.integration for tool in prompt.tools), *prompt.declined]
    names = {name for key in keys for name in service_names(key)}
    return names | {name.lower() for one in prompt.integrations for name in (one.key, one.display)}


def _scene(prompt: Prompt) -> Scene:
    """What earlier steps gave can be referred to; a list is stale once something was written in its app after it."""
    by_key = {tool.key: tool for tool in prompt.tools}
    sources: list[Source] = []
    stale: set[str] = set()
    for result in prompt.earlier:
        if not result.succeeded:
            continue
        tool = by_key.get(result.tool, Tool(result.tool))
        shape = _shape(result, tool)
        if not tool.reads:
            stale |= {
                id_ for id_, key in _lists(sources) if key in by_key and by_key[key].integration == tool.integration
            }
        if list_of(tool.result) is None and list_of(shape) is not None:
            tool = Tool(tool.key, tool.parameters, shape, tool.access, tool.description)
        sources.append(source_of(result.id, tool, result.arguments, shape))
    prefix, number = counted(prompt.next_id)
    return Scene(prompt.tools, sources, frozenset(stale), prefix, number)


def _shape(result: Result, tool: Tool) -> Shape:
    """What the tool says that it gives tells more than one value does; run for several items, it gave a list of that."""
    if tool.result == ANY:
        return result.shape
    many = result.shape.kind == "array" and tool.result.kind != "array"
    return Shape("array", items=tool.result, count=result.shape.count) if many else tool.result


def _lists(sources: Sequence[Source]) -> list[tuple[str, str]]:
    return [(one.expression.split(".")[0], one.tool.key) for one in sources if one.many and one.tool.reads]
