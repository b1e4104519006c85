"""The tools that could do a clause, tried: words alone do not decide, what they leave missing or unused counts too."""

import re
from collections.abc import Sequence

from nango_sandbox.rule_model.attempts import Attempt, Scene, bare
from nango_sandbox.rule_model.building import attempt
from nango_sandbox.rule_model.fields import words_of
from nango_sandbox.rule_model.matching import Match, matches
from nango_sandbox.rule_model.prompt import Tool
from nango_sandbox.rule_model.request import Clause, is_content
from nango_sandbox.rule_model.sources import field_named
from nango_sandbox.rule_model.words import same_things, stem

_NEAR = 4.0  # how far behind the best by words a tool may be and still be tried
_LEAST = 1.4  # a match by words below this is none
_WORTH = 1.0  # below this the words fit, but what they say does not
_TRIED = 8


def ranked(scene: Scene, clause: Clause) -> list[tuple[float, Attempt]]:
    """Attempts, best first; the same request gives the same order."""
    found = _candidates(scene, clause)
    tried: list[tuple[float, Attempt]] = []
    for match in found[:_TRIED]:
        if match.score < found[0].score - _NEAR:
            break
        made = attempt(scene, match.tool, clause)
        score = _score(match, made)
        if score >= _WORTH and _in_named_services(scene, clause, made):
            tried.append((score, made))
    return sorted(tried, key=lambda pair: (-pair[0], len(pair[1].tool.parameters), pair[1].tool.key))


def nearest(clause: Clause, tools: Sequence[Tool]) -> list[str]:
    """Keys of the tools that share most words with a clause that none can do."""
    stems = {thing for word in clause.stems for thing in same_things(word)}
    scored: list[tuple[float, str]] = []
    for tool in tools:
        told = {stem(word) for word in tool.description.replace(".", " ").split() if len(word) > 3}
        score = 2 * len(stems & set(tool.name.nouns)) + (stem(tool.name.verb) in stems) + 0.4 * len(stems & told)
        if score > 0.5:
            scored.append((-score, tool.key))
    return [key for _, key in sorted(scored)[:3]]


def service_names(integration: str) -> tuple[str, str]:
    return integration.lower(), integration.lower().replace("-", " ")


def _candidates(scene: Scene, clause: Clause) -> list[Match]:
    about = {thing for token in clause.each if token.kind == "word" for thing in same_things(token.stem)}
    back = [about | things for things in _pointed_to(scene, clause)]
    pointing = clause.pronoun or not any(is_content(token) for token in clause.tokens[clause.verb_at + 1 :])
    for meant in (*back, about) if pointing else (about, *back):
        found = [match for match in matches(clause, scene.tools, meant) if match.score >= _LEAST]
        if not pointing and meant is not about and clause.asks:
            found = [match for match in found if _knows(match.tool, clause)]
        if found:
            return found
    return []


def _knows(tool: Tool, clause: Clause) -> bool:
    """Whether a question that points at nothing ("how many are closed?") has a word for this tool."""
    words = [token.stem for token in clause.tokens if is_content(token) and token.lower not in ("many", "much")]
    shape = bare(tool).shape
    told = {word for field in tool.parameters for word in words_of(field)}
    told |= {stem(str(choice)) for field in tool.parameters for choice in field.shape.choices}
    return not words or any(word in told or field_named(shape, word) is not None for word in words)


def _pointed_to(scene: Scene, clause: Clause) -> list[set[str]]:
    """What "it" may be, likeliest first: what was read or done last, but before that what has the fields asked about."""
    asked = [token.stem for token in clause.tokens if is_content(token)] if clause.asks else []
    newest_first = list(reversed(scene.sources))
    sources = sorted(newest_first, key=lambda source: not any(field_named(source.shape, word) for word in asked))
    found = [{thing for noun in source.tool.name.nouns for thing in same_things(noun)} for source in sources]
    return [things for at, things in enumerate(found) if things not in found[:at]]


def _score(match: Match, made: Attempt) -> float:
    against = 1.2 * len(made.missing) + 0.8 * len(made.unused) + 3.0 * made.idle + 2.0 * (made.opaque is not None)
    if match.tool.reads:
        against += 0.4 * (len(made.steps) - 1)
    return round(match.score - against, 3)


def _in_named_services(scene: Scene, clause: Clause, made: Attempt) -> bool:
    written = " ".join(f"{step.arguments} {step.for_each}" for step in made.steps)
    back = [s.tool for s in scene.sources if re.search(rf"\b{re.escape(s.expression)}\b", written)]
    tools = [*(step.tool for step in made.steps), *back]
    used = {name for tool in tools for name in service_names(tool.integration)}
    return all(token.value in used for token in [*clause.tokens, *clause.each] if token.kind == "service")
