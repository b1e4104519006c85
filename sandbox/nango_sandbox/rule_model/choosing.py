"""Which integrations a request needs, from nothing but their names and the names of their tools."""

from collections.abc import Callable, Sequence

from nango_sandbox.rule_model.conversation import is_small_talk, withdrawn
from nango_sandbox.rule_model.matching import verb_fit
from nango_sandbox.rule_model.prompt import Integration, Prompt, Tool
from nango_sandbox.rule_model.request import Clause, clauses_of
from nango_sandbox.rule_model.words import group_of, same_things, stem

_IMPLIES = {"hash": "channel", "email": "contact", "path": "repository", "mention": "user"}
_MOST = 3  # services that fit alike; more of them would ask for connections nobody meant


def choose(prompt: Prompt) -> list[str]:
    """Keys of the integrations needed, in the order of the list; a follow-up needs those of what it follows."""
    if is_small_talk(prompt.request) or withdrawn(prompt.request):
        return []
    chosen = set(integrations_for(prompt.request, prompt.integrations))
    clauses = clauses_of(prompt.request)
    asked = bool(prompt.history) and prompt.history[-1].mine and prompt.history[-1].said.rstrip().endswith("?")
    answers = asked and not any(clause.verb or clause.asks for clause in clauses)
    if answers or any(clause.pronoun for clause in clauses) or not chosen:
        for turn in reversed([turn for turn in prompt.history if not turn.mine]):
            before = integrations_for(turn.said, prompt.integrations)
            if before:
                chosen |= set(before)
                break
    return [integration.key for integration in prompt.integrations if integration.key in chosen]


def integrations_for(request: str, integrations: Sequence[Integration], *, strict: bool = False) -> list[str]:
    """`strict` leaves out what only one noun suggests."""
    names = {
        name: one.key
        for one in integrations
        for name in (one.key.lower(), one.display.lower(), one.key.lower().replace("-", " "))
    }
    tools = [tool for one in integrations for tool in one.tools]
    verbs = frozenset(stem(tool.name.verb) for tool in tools)
    chosen: list[str] = []
    for clause in clauses_of(request, verbs, names):
        said = [names[token.value] for token in [*clause.tokens, *clause.each] if token.kind == "service"]
        chosen += said
        doers = _doers(clause, tools, set(said))
        chosen += doers
        for noun in _things(clause):
            if any(_knows(tool, noun) for tool in tools if tool.integration in chosen):
                continue
            if not strict:
                chosen += _best(
                    {tool.integration: 1.0 for tool in tools if tool.name.reads and noun in same_things(tool.name.head)}
                )
    return list(dict.fromkeys(chosen))


def _doers(clause: Clause, tools: Sequence[Tool], said: set[str]) -> list[str]:
    """The integrations with the tool that the clause's verb and things come nearest to; those said win."""
    scores = _scores(clause, tools, verb_fit) or _scores(clause, tools, _change_fit)
    return [] if said & set(scores) else _best(scores)


def _scores(clause: Clause, tools: Sequence[Tool], fit: Callable[[Tool, Clause], float | None]) -> dict[str, float]:
    scores: dict[str, float] = {}
    stems = clause.stems | {token.stem for token in clause.each}
    implied = {stem(_IMPLIES[token.kind]) for token in clause.tokens if token.kind in _IMPLIES}
    for tool in tools:
        verb = fit(tool, clause)
        if verb is None:
            continue
        nouns = [bool(same_things(noun) & stems) for noun in tool.name.nouns]
        hinted = any(implied & same_things(noun) for noun in tool.name.nouns)
        if (
            not any(nouns)
            and not (hinted and clause.verb and not clause.asks)
            and not _goes_without_saying(tool, clause)
        ):
            continue
        head = 4.0 if nouns and nouns[-1] else 0.0
        score = verb + 2.0 * sum(nouns) - 0.5 * nouns.count(False) + 0.3 * hinted + head
        scores[tool.integration] = max(score, scores.get(tool.integration, 0.0))
    return scores


def _change_fit(tool: Tool, clause: Clause) -> float | None:
    """With only a name to go by: closing, labelling or assigning something may be a matter of updating it."""
    changes = (
        group_of(clause.verb) not in ("create", "post", "delete", "list") and bool(clause.verb) and not clause.asks
    )
    return 1.5 if changes and group_of(tool.name.verb) == "update" else None


def _goes_without_saying(tool: Tool, clause: Clause) -> bool:
    """What is posted to #general is a message without being called one."""
    return group_of(tool.name.verb) == "post" == group_of(clause.verb) and tool.name.head in same_things(
        "messag"
    ) | same_things("mail")


def _things(clause: Clause) -> list[str]:
    return [
        token.stem for token in [*clause.each, *clause.tokens] if token.kind == "word" and token.lower != clause.verb
    ]


def _knows(tool: Tool, noun: str) -> bool:
    return any(noun in same_things(word) for word in tool.name.nouns)


def _best(scores: dict[str, float]) -> list[str]:
    if not scores:
        return []
    top = max(scores.values())
    best = [key for key, score in scores.items() if score == top]
    return best if len(best) <= _MOST else []
