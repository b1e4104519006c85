"""What a job needs read first: the phrase that names it, the tool that reads it, or the earlier result that has it."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from nango_sandbox.rule_model.arguments import fill, is_query
from nango_sandbox.rule_model.attempts import Attempt, Scene, bare, carried
from nango_sandbox.rule_model.feeding import inherit
from nango_sandbox.rule_model.fields import is_id, is_text, list_of, lists, thing_of, words_of
from nango_sandbox.rule_model.matching import matches
from nango_sandbox.rule_model.phrases import Phrase, first_of, narrow, phrase_in, select
from nango_sandbox.rule_model.prompt import Tool
from nango_sandbox.rule_model.request import Clause, Token
from nango_sandbox.rule_model.shapes import Field
from nango_sandbox.rule_model.sources import Source, field_for, field_named, name, of, reference, same_thing, source_of
from nango_sandbox.rule_model.words import group_of, is_plural, same_things, stem

_PLACES = {"hash": "channel", "path": "repository"}


@dataclass(frozen=True)
class _Reader:
    score: float
    tool: Tool
    arguments: dict[str, Any]
    used: set[int]


class Reading:
    """Adds the steps that read to `out`, and to `used` the tokens they were made of."""

    def __init__(self, scene: Scene, tool: Tool, clause: Clause, out: Attempt, used: set[int]) -> None:
        self.scene, self.tool, self.clause, self.out, self.used = scene, tool, clause, out, used

    def phrase(self) -> Phrase | None:
        """The phrase whose thing another tool has to read, None when the clause says all that the tool needs."""
        phrase = phrase_in(self.clause, self._is_read) or self._fields_phrase()
        if phrase is None:
            return None
        own = {word for parameter in self.tool.parameters for word in words_of(parameter)}
        if group_of(self.clause.verb) != "post" and any(token.stem in own for token in phrase.projected):
            # "set the amount of the deal": what is to be set is no part of the thing
            last = max(token.start for token in phrase.projected)
            phrase.tokens = [token for token in phrase.tokens if token.start > last and token.lower != "of"]
            phrase.projected = []
        return phrase if self._wants(phrase) else None

    def source(self, phrase: Phrase) -> Source | None:
        """What the phrase means, None when it cannot be told or there is nothing that reads it."""
        before = len(self.out.steps)
        said = [token for token in phrase.tokens if token not in phrase.projected and token.start >= 0]
        if said:
            self.out.sought = self.clause.text[said[0].start : said[-1].end]
        source = self._known(phrase)
        if source is None and phrase.noun is not None:
            source = self._read(phrase)
        if source is None or not source.many or (phrase.many and not phrase.ordering):
            return source
        if phrase.ordering:
            chosen = select(source, phrase)
            if chosen is None:
                self.out.unclear += [token for token in phrase.tokens if token.lower in phrase.ordering]
            return chosen
        if phrase.noun is None and any(token.lower == "that" for token in phrase.tokens):
            return source
        if "[?" in source.expression:
            return first_of(source)
        del self.out.steps[before:]  # "the contact" of many: which one has to be asked
        return None

    def look_up(self, parameter: Field, tokens: list[Token]) -> str | None:
        """An id that the clause gives by another name: `#general` for a channel's id, an address for a person's."""
        thing = thing_of(parameter, self.tool)
        for token in tokens:
            channel = token.kind == "hash" and thing == "channel"
            person = token.kind in ("email", "mention") and thing in same_things("user") | same_things("contact")
            if not (channel or person) or token.start in self.used:
                continue
            noun = Token("word", thing, -2, -1)
            source = self._read(Phrase([noun, token], noun))
            found = field_for(parameter, self.tool, source) if source is not None else None
            if source is not None and found is not None:
                self.used.add(token.start)
                return reference(of(first_of(source), name(found.name)))
        return None

    def _fields_phrase(self) -> Phrase | None:
        """`post the titles to #random`: of what was listed last."""
        last = next((source for source in reversed(self.scene.sources) if source.many), None)
        if last is None or group_of(self.clause.verb) != "post":
            return None
        said = [token for token in self.clause.tokens if is_plural(token.lower) and field_named(last.shape, token.stem)]
        return Phrase([Token("word", "those", -2, -1), *said], None, projected=said) if said else None

    def _is_read(self, token: Token) -> bool:
        """Whether a word is a thing that some other tool lists."""
        if token.lower.endswith(("ed", "ing")) or token.lower == self.clause.verb:
            return False
        made = group_of(self.tool.name.verb) in ("create", "post")
        if token.stem in same_things(self.tool.name.head) and (made or (self.tool.reads and lists(self.tool))):
            return False
        return any(lists(tool) and same_thing(token.stem, bare(tool)) for tool in self._readers())

    def _readers(self) -> list[Tool]:
        return [tool for tool in self.scene.tools if tool.reads and tool.key != self.tool.key]

    def _wants(self, phrase: Phrase) -> bool:
        """Whether the tool lacks something that the phrase's thing has: its id, or a text to write."""
        if phrase.each:
            return True
        filled = fill(self.tool, self.clause, self.clause.tokens)
        pointing = [p for p in self.tool.parameters if is_id(p) and (p.required or self.tool.reads)]
        identified = any(p.name in filled.arguments for p in pointing)
        if identified and (self.tool.reads or not phrase.projected):
            return False
        if phrase.noun is None:
            return bool(filled.missing)
        texts = any(is_text(p) for p in filled.missing)
        ids = any(self._identifies(p, phrase.noun) for p in filled.missing)
        acted = any(self._identifies(p, phrase.noun) for p in self.tool.required)
        return ids or texts or (acted and phrase.many) or (bool(phrase.projected) and not self.tool.reads)

    def _identifies(self, parameter: Field, noun: Token) -> bool:
        return noun.stem in same_things(thing_of(parameter, self.tool)) and (is_id(parameter) or not is_text(parameter))

    def _known(self, phrase: Phrase) -> Source | None:
        """What an earlier step gave, when the phrase points back at it."""
        back = [source for source in reversed(self.scene.sources) if self._serves(source)]
        if phrase.noun is not None:
            if any(token.kind in ("path", "hash", "email", "quoted") for token in phrase.tokens):
                return None
            back = [one for one in back if same_thing(phrase.noun.stem, one) and not self._elsewhere(one)]
        if _repeats(self.clause):
            back.sort(key=lambda source: source.tool.key != self.tool.key)
        if phrase.many or phrase.ordering:
            back = [source for source in back if source.many] or back
        if not back:
            return None
        if phrase.noun is None and not back[0].many:
            return back[0]
        # One record that was read or changed is only meant if nothing else is said of it.
        source = next((self._fresh(one) for one in back if one.many or not self._narrows(one, phrase)), None)
        if source is None:
            return None
        narrowed, unknown = narrow(source, phrase, set(), source.tool)
        if unknown and not source.planned:
            asked = fill(source.tool, Clause(phrase.tokens, asks=True), phrase.tokens, reads=True)
            if asked.used and all(token.start in asked.used for token in unknown):
                return self._again(source, {**carried(source), **asked.arguments})
        self._unclear(unknown)
        return narrowed

    def _narrows(self, source: Source, phrase: Phrase) -> bool:
        return narrow(source, phrase, set(), source.tool)[0].expression != source.expression

    def _elsewhere(self, source: Source) -> bool:
        """Whether the clause says a place that is not the source's: the messages "in #random" are not those of #general."""
        tokens = self.clause.tokens
        places = [
            token
            for before, token in pairwise(tokens)
            if token.kind in ("path", "hash") and before.lower in ("in", "on", "from", "of", "at")
        ]
        said = fill(source.tool, Clause(places, asks=True), places, reads=True).arguments
        everywhere = not said and any(field_named(source.shape, stem(_PLACES[token.kind])) for token in places)
        return everywhere or any(source.arguments.get(key) != value for key, value in said.items())

    def _fresh(self, source: Source) -> Source:
        """A list that something was changed in since is read again: "the oldest open one" is another one now."""
        stale = source.many and not source.planned and source.expression.split(".")[0] in self.scene.stale
        arguments = carried(source)
        return self._again(source, arguments) if stale and len(arguments) == len(source.arguments) else source

    def _again(self, source: Source, arguments: dict[str, Any]) -> Source:
        step = self.out.add(source.tool, arguments, again=True)
        return source_of(step.id, source.tool, step.arguments, source.tool.result, planned=True)

    def _serves(self, source: Source) -> bool:
        """Whether it has the id that is wanted; where none is, anything to write will do."""
        missing = fill(self.tool, self.clause, self.clause.tokens).missing
        pointing = [p for p in missing if is_id(p)]
        if pointing:
            return any(field_for(p, self.tool, source) is not None for p in pointing)
        return any(is_text(p) or field_for(p, self.tool, source) is not None for p in self.tool.required)

    def _read(self, phrase: Phrase) -> Source | None:
        """A step that reads the phrase's thing, with what the phrase says as its arguments."""
        best = self._best_reader(phrase)
        if best is None:
            return None
        tool, arguments = best.tool, best.arguments
        if not tool.result.fields and list_of(tool.result) is None:
            self.out.opaque = tool
        self.used |= best.used
        self.out.missing += [(tool, parameter) for parameter in tool.required if parameter.name not in arguments]
        step = self.out.add(tool, arguments)
        # A search may find more than what was meant, so what was searched for is a condition too.
        searched = {str(arguments.get(parameter.name)) for parameter in tool.parameters if is_query(parameter)}
        asked = {token.start for token in phrase.tokens if token.start in best.used and token.value not in searched}
        source, unknown = narrow(source_of(step.id, tool, arguments, tool.result, planned=True), phrase, asked, tool)
        self._unclear([token for token in unknown if token.start not in best.used])
        return source

    def _best_reader(self, phrase: Phrase) -> _Reader | None:
        # Acting on "all issues" is no wish to see the closed ones, which "list all issues" is.
        said = [token for token in phrase.tokens if token not in phrase.projected]
        tokens = [token for token in said if self.tool.reads or token.lower != "all"]
        asking = Clause(tokens, asks=True)
        places = [token for token in self.clause.tokens if token.kind in ("path", "hash") and token not in tokens]
        best: _Reader | None = None
        for match in matches(asking, self._readers())[:6]:
            tool = match.tool
            if phrase.noun is not None and not same_thing(phrase.noun.stem, bare(tool)):
                continue
            filled = fill(tool, asking, tokens, reads=True)
            if filled.missing:
                filled = fill(tool, asking, [*tokens, *places], reads=True)
            inherit(tool, filled.arguments, self.scene.sources)
            missing = [parameter for parameter in tool.required if parameter.name not in filled.arguments]
            if phrase.noun is not None and any(
                is_id(p) and phrase.noun.stem in same_things(thing_of(p, tool)) for p in missing
            ):
                continue  # it needs what it is to find
            score = match.score - 2.0 * len(missing) + 0.7 * len(filled.used) + self._worth(tool)
            if best is None or score > best.score:
                best = _Reader(score, tool, filled.arguments, filled.used)
        return best

    def _worth(self, tool: Tool) -> float:
        """A reader is worth more when it is known what it gives, and that this has the id that is wanted."""
        known = 0.5 if list_of(tool.result) or tool.result.fields else 0.0
        source = bare(tool)
        return known + any(is_id(p) and field_for(p, self.tool, source) is not None for p in self.tool.required)

    def _unclear(self, unknown: list[Token]) -> None:
        if not self.tool.reads:
            shown = {stem(word) for word in (*self.tool.name.words, self.clause.verb)}
            self.out.unclear += [token for token in unknown if token.stem not in shown or token.kind != "word"]


def _repeats(clause: Clause) -> bool:
    """Asks for more of the same: "post that to #random too"."""
    return any(token.lower in ("too", "also", "well", "again") for token in clause.tokens)
