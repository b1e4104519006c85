"""Words of general English: stems, verbs that mean the same, nouns that mean the same. Nothing here knows any service."""

import re
from dataclasses import dataclass
from functools import cache


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Verbs of one line mean the same; the first one names the group.
_VERBS = {
    group.split()[0]: _words(group)
    for group in """
        list show get fetch find search look lookup view display see read retrieve check count query summarize summarise describe zeige montre affiche
        create make open add new file raise register start log erstelle crée crea
        post send write share message announce say tell notify publish reply poste schreibe sende envoie envía
        update change edit modify set adjust patch
        delete remove erase drop destroy lösche supprime elimina borra
        close finish complete resolve end
        reopen unresolve
        archive
        unarchive restore
        comment
        label tag
        assign
        rename
        invite
        move put
        mark flag
        merge
        cancel
        pay
        upload
        pin
        schedule
    """.strip().splitlines()
}
READING = _VERBS["list"]
CREATING = _VERBS["create"]
TELLING = _VERBS["post"]

# Nouns of one line mean the same thing; a compound has its parts beside it.
_NOUNS = [
    _words(line)
    for line in """
        issue bug ticket
        repository repo
        pull_request pr pull request
        message msg
        user person people member
        comment note
        contact lead
        company organization
        task todo
        mail email
        conversation history
    """.strip().splitlines()
]
KINDS = {"bug": "issue"}  # a bug is an issue, but not every issue is one
QUESTIONS = _words("what which who whom whose where when why how is are was were does do did has have any")
POLITE = _words(
    "please kindly can could would will you i we want need like to d let lets go ahead and now then also just hey hi hello"
    " ok okay so afterwards finally next first bitte"
)
EACH = _words("each every all any")
THOSE = _words("it that this them those these one ones its they both there he she him her his")
ARTICLES = _words("a an the my our your new another some of me us their ein eine einen un une")
PREPOSITIONS = _words(
    "in on to at from into for with as by about via using of onto within inside under through over named called titled"
    " that which whose saying where and or but if not no than worth"
)
ORDINALS = {
    word: at
    for at, word in enumerate("first second third fourth fifth sixth seventh eighth ninth tenth".split(" "))  # noqa: SIM905
}
OLDEST = _words("oldest earliest")
NEWEST = _words("newest latest recent youngest freshest")
LARGEST = _words("largest biggest highest greatest")
SMALLEST = _words("smallest lowest cheapest")
NUMBERS = {word: at + 1 for at, word in enumerate("one two three four five six seven eight nine ten".split(" "))}  # noqa: SIM905
ID_WORDS = _words("id number key ts timestamp uuid gid sid slug ref iid")
_LINKS = _words("by for to from in on of with and or a the as at")
_VAGUE = _words("info detail metadata data record")
_STEMS = {"people": "person", "replies": "reply", "said": "say", "sent": "send", "made": "make", "wrote": "write"}
_UNCHANGED = _words("status address business has is this does news s series analytics access alias aliases")


@dataclass(frozen=True)
class Name:
    """A tool's name read as words: `list-issue-comments` is the verb list, the nouns issue and comment, head comment."""

    verb: str
    nouns: tuple[str, ...]
    words: tuple[str, ...] = ()

    @property
    def head(self) -> str:
        return self.nouns[-1] if self.nouns else ""

    @property
    def reads(self) -> bool:
        return self.verb in READING or group_of(self.verb) == "list"

    def spoken(self) -> str:
        return " ".join((self.verb, *self.words))


@cache
def read_name(name: str) -> Name:
    words = split_words(name)
    if not words:
        return Name("", ())
    verb, rest = words[0], words[1:]
    nouns: list[str] = []
    for word in rest:
        if word in _LINKS and nouns:
            break  # what follows (by email, for section) narrows the thing, it does not name it
        nouns.append(stem(word))
    told = [noun for noun in nouns if noun not in _LINKS]
    return Name(verb, tuple(noun for noun in told if noun not in _VAGUE) or tuple(told), rest)


@cache
def split_words(name: str) -> tuple[str, ...]:
    """`issueNumber`, `issue_number` and `issue-number` as lower-case words."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return tuple(word for word in re.split(r"[^a-z0-9]+", spaced.lower()) if word)


@cache
def stem(word: str) -> str:
    """The form under which issue, issues, closing, closed and close meet."""
    word = word.lower().strip("'’")
    for ending in ("'s", "’s"):
        word = word.removesuffix(ending)
    if word in _UNCHANGED or word in _STEMS:
        return _STEMS.get(word, word)
    if word == "addresses":
        return "address"
    if len(word) > 6 and word.endswith(("ee", "ees")):
        return word.removesuffix("s")[:-2]  # an assignee is someone assigned
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("sses", "shes", "ches", "xes")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending in ("ing", "ed"):
        if len(word) > len(ending) + 2 and word.endswith(ending):
            base = word[: -len(ending)]
            if len(base) > 2 and base[-1] == base[-2] and base[-1] not in "aeiosl":
                return base[:-1]
            return base[:-1] if base.endswith(("el",)) and base[-2:] != "el" else _unsilent(base)
    return _unsilent(word)


@cache
def group_of(verb: str) -> str:
    """The name of the group of verbs that `verb` belongs to, itself if it is in none."""
    verb = verb.lower()
    for name, group in _VERBS.items():
        if verb in group or stem(verb) in {stem(other) for other in group}:
            return name
    return stem(verb)


@cache
def same_things(noun: str) -> frozenset[str]:
    """`noun` (a stem) and the stems that mean the same thing."""
    for group in _NOUNS:
        stems = frozenset(stem(word) for word in group)
        if noun in stems:
            return stems
    return frozenset((noun,))


@cache
def known_verb(word: str) -> bool:
    return any(word in group for group in _VERBS.values())


def is_plural(word: str) -> bool:
    word = word.lower()
    return word == "people" or (
        word.endswith("s") and not word.endswith(("ss", "us", "'s", "’s")) and stem(word) != word
    )


def _unsilent(word: str) -> str:
    """Drops a silent e, so that close, closed and closing share a stem; doubled l as in labelled."""
    if len(word) > 4 and word.endswith("ll"):
        word = word[:-1]
    return word[:-1] if len(word) > 3 and word.endswith("e") and word[-2] != "e" else word
