"""From a request to a `Decision`: each clause gets its best tool, and what a clause needs is read before."""

from collections.abc import Sequence

from nango_sandbox.rule_model.attempts import Attempt, Scene
from nango_sandbox.rule_model.choosing import integrations_for
from nango_sandbox.rule_model.conversation import combined, goes_on, is_small_talk, withdrawn
from nango_sandbox.rule_model.decision import Decision, ask, job, overview, parameters_of
from nango_sandbox.rule_model.fields import list_of
from nango_sandbox.rule_model.prompt import Prompt, Tool
from nango_sandbox.rule_model.ranking import nearest, ranked, service_names
from nango_sandbox.rule_model.request import Clause, clauses_of
from nango_sandbox.rule_model.shapes import ANY
from nango_sandbox.rule_model.sources import Source, source_of
from nango_sandbox.rule_model.unfinished import counted, renumbered
from nango_sandbox.rule_model.words import CREATING, TELLING, stem


def plan(prompt: Prompt) -> Decision:
    if prompt.problem:
        went = f"That did not work: {prompt.problem.rstrip('.')}."
        return Decision("answer", f"{went} I have not tried the same again; tell me what to do differently.")
    if prompt.unfinished and goes_on(prompt.request):
        return Decision("plan", steps=tuple(renumbered(prompt.unfinished, prompt.next_id)))
    if is_small_talk(prompt.request):
        return Decision("answer", overview(prompt.tools))
    if withdrawn(prompt.request):
        return Decision("answer", "All right, I leave it at that.")
    decision = _decide(prompt, prompt.request)
    whole = combined(prompt.history, prompt.request, _services(prompt))
    if whole and not (decision.kind == "plan" and _is_a_job(prompt)):
        continued = _decide(prompt, whole)
        if continued.kind != "answer" or decision.kind == "answer":
            return continued
    return decision


def _decide(prompt: Prompt, request: str) -> Decision:
    scene = _scene(prompt)
    attempts: list[Attempt] = []
    for clause in _clauses(prompt, request):
        foreign = _foreign(prompt, clause)
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
        scene.accept(best)
        attempts.append(best)
    if not attempts:
        return Decision("question", "What would you like me to do?")
    return _objection(attempts) or Decision("plan", steps=tuple(step.as_dict() for a in attempts for step in a.steps))


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
        if not attempt.tool.reads or token.kind in ("hash", "email", "path", "quoted")
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
    said = " ".join(token.value for token in [*clause.tokens, *clause.each])
    parts = [f"None of the connected tools can do this: “{said}”."]
    if before:
        parts.append("So I have not started on the rest either.")
    near = nearest(clause, prompt.tools)
    parts.append(f"The nearest ones are: {', '.join(near)}." if near else overview(prompt.tools))
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
    others = (one for one in prompt.integrations if one.key not in own)
    return next((one.key for one in others if said & {one.key.lower(), one.display.lower()}), "")


def _is_a_job(prompt: Prompt) -> bool:
    return any(clause.verb or clause.asks for clause in _clauses(prompt, prompt.request))


def _clauses(prompt: Prompt, request: str) -> list[Clause]:
    made = {tool.name.head for tool in prompt.tools if tool.name.verb in CREATING | TELLING}
    verbs = {stem(tool.name.verb) for tool in prompt.tools} | made
    return clauses_of(request, verbs, _services(prompt))


def _services(prompt: Prompt) -> set[str]:
    names = {name for tool in prompt.tools for name in service_names(tool.integration)}
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
        shape = result.shape if result.shape != ANY else tool.result
        if not tool.reads:
            stale |= {
                id_ for id_, key in _lists(sources) if key in by_key and by_key[key].integration == tool.integration
            }
        if list_of(tool.result) is None and list_of(shape) is not None:
            tool = Tool(tool.key, tool.parameters, shape, tool.access, tool.description)
        sources.append(source_of(result.id, tool, result.arguments, shape))
    prefix, number = counted(prompt.next_id)
    return Scene(prompt.tools, sources, frozenset(stale), prefix, number)


def _lists(sources: Sequence[Source]) -> list[tuple[str, str]]:
    return [(one.expression.split(".")[0], one.tool.key) for one in sources if one.many and one.tool.reads]
