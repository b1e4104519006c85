"""What the name of a tool says that it does: the worst of the verbs in it, where verbs can stand."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from nango_tools.access.languages import destroys_elsewhere, reads_elsewhere, writes_elsewhere
from nango_tools.access.levels import Access, Verdict
from nango_tools.access.positions import (
    begins_with_reading,
    head_of,
    is_plural,
    is_thing,
    is_verb,
    lemma,
    verb_positions,
    without_what_comes_before,
)
from nango_tools.access.verbs import (
    ALSO_THINGS,
    CUT_OFF,
    DEEDS,
    DESTROYS,
    DESTROYS_OR_NOUNS,
    ENDING_PAIRS,
    HANDED_OVER,
    JOINS,
    LOOKS_IF_GET,
    MONEY,
    MOSTLY_THINGS,
    NOUN_HEADS,
    ONLY_CHANGE,
    PARTICLES,
    PREPOSITIONS,
    READS,
    READS_OR_WRITES,
    WRITES_OR_NOUNS,
    judged,
    vocabulary,
)
from nango_tools.access.writing import Writing, written

# To list an item may be to offer it for sale.
_OFFERED = vocabulary("item product property listing offer nft asset")
# Opening them is what marks them as read.
_MARKED_BY_READING = vocabulary("notification notifications message messages conversation thread inbox chat all")
# Who gets the next one may have taken it from a queue.
_QUEUED = vocabulary("job task message item lead call ticket work record number")
# Not things that are there, but made for whoever asks, with the power to do something.
_ISSUED = vocabulary("url uri link token ticket code credentials session key password")
_POWERS = vocabulary("""
    upload uploads signed presigned presign sign signing login logon auth authorization authorize authentication oauth sso
    checkout magic temporary temp embed embedded activation reset onboarding invite invitation session one otp portal
    connect verification join access refresh id bearer client ephemeral csrf new guest impersonation share shareable
    shared public payment registration setup sas federation federated billing hosted delegated sts
    """)
# A session or a key is as often a record that is there: get-checkout-session, get-access-key.
_POWERS_OVER = {
    "session": vocabulary("portal upload login embed embedded impersonation billing"),
    "key": vocabulary("new temporary temp ephemeral"),
    "password": vocabulary("new temporary temp one"),
}
_ALWAYS_ISSUED = vocabulary("token otp passcode nonce jwt")
# A record about what the verb does: to get a publish status publishes nothing.
_ABOUT = vocabulary("""
    status statuses state history info details log logs stats statistics analytics metrics settings configuration
    configurations config configs schedule limits quota errors progress
    """)
# Behind get or list: of many such records, or of what is decided about it.
_RECORDS = vocabulary("""
    policy policies rules jobs times tokens cursor points result results checklist reasons options types requests events
    templates windows runs
    """)
_FETCHES = vocabulary("get fetch retrieve list")
# Even of what destroys, if the verb stands right behind get or list: get-purge-policy, but not get-user-delete-jobs.
_OF_DESTROYING = vocabulary("policy policies status statuses reasons points result results")
# Said of a thing that was, or is to be: a record, unless someone makes one.
_CALLED_OFF = vocabulary("cancellation cancellations cancelation cancelations cancelled cancelling")
_SYLLABLES = vocabulary("de re dis un ex can er pur")
_GLUED = re.compile(
    r"(?<!un)(?:delete|remove|revoke|terminate|overwrite|unsubscribe)(?![drs])|(?:destroy|uninstall)(?!e[dr]|s|ing)"
)
# Without them a name ends in a noun: mailing-list, job-search.
_ONLY_VERBS = vocabulary("get fetch retrieve describe")
# Even after one thing they read: domain-search, email-count.
_READING_NOUNS = vocabulary("search count lookup autocomplete")


@dataclass(frozen=True, slots=True)
class NameSays:
    """verdict: None where no verb is known. open_to_get: a declared GET may still make a read of it."""

    verdict: Verdict | None
    open_to_get: bool = False


def name_says(name: str) -> NameSays:
    """Never raises. A name that reads is one whose verb is known to, with nothing in it that contradicts."""
    writing = written(name)
    found = list(_found(writing))
    if writing.disguise:
        found.append(Verdict(Access.WRITE, f"its name has {writing.disguise}"))
    if found:
        return NameSays(max(found, key=lambda verdict: verdict.access))
    if verb := _reading_verb(writing):
        return NameSays(Verdict(Access.READ, f'"{verb}" in its name, and nothing else that does something'))
    two_faced = next((word for word in verb_positions(writing) if word in READS_OR_WRITES), None)
    if two_faced:
        return NameSays(
            Verdict(Access.WRITE, f'"{two_faced}" in its name, which does not always only read'),
            open_to_get=two_faced in LOOKS_IF_GET and head_of(writing)[0] == two_faced and not writing.foreign,
        )
    return NameSays(None, open_to_get=bool(writing.words) and all(map(is_thing, writing.words)))


def _found(writing: Writing) -> Iterator[Verdict]:
    """All that changes something, with where it stands."""
    words = writing.words
    reads = begins_with_reading(writing)
    verbs = list(verb_positions(writing))
    about = _destroying_that_is_asked_about(writing)
    for word in {*words, *writing.also}:
        if word == about:
            continue
        if (
            word in DESTROYS
            or judged(word) is Access.DESTRUCTIVE
            or (word not in _CALLED_OFF and destroys_elsewhere(word))
        ):
            yield _in_name(Access.DESTRUCTIVE, word)
        elif glued := _GLUED.search(word):
            yield _in_name(Access.DESTRUCTIVE, glued[0])
        elif writes_elsewhere(word):
            yield _in_name(Access.WRITE, word)
    for word in verbs:
        verb = lemma(word)
        if verb in DESTROYS_OR_NOUNS or judged(verb) is Access.DESTRUCTIVE:
            yield _in_name(Access.DESTRUCTIVE, word)
        elif verb in WRITES_OR_NOUNS or judged(verb) is Access.WRITE:
            yield _in_name(Access.WRITE, word)
    if not reads and not ONLY_CHANGE.intersection(verbs[:1]):
        yield from (_in_name(Access.DESTRUCTIVE, word) for word in words if word in DEEDS)
    if not (reads and _is_about(words)):
        yield from (_in_name(Access.WRITE, word) for word in _writes_inside(words, reads=reads))
    yield from _verb_at_the_end(writing)
    yield from _split_apart(words)
    yield from _two_faced_pairs(writing, reads=reads)
    yield from _made_or_taken(writing, reads=reads)


def _verb_at_the_end(writing: Writing) -> Iterator[Verdict]:
    """Where the first word is a thing as often as a verb, and the last one a verb: list-members-ban, query-run, view-lock."""
    head, rest = head_of(writing)
    if head in READS and len(rest) > 1 and rest[-1] in {"off", "on"}:
        yield _in_name(Access.WRITE, "-".join(rest[-2:]))
    if head in READS and rest in {("off",), ("on",)}:
        yield _in_name(Access.WRITE, f"{head}-{rest[0]}")
    if head not in NOUN_HEADS or not rest or PREPOSITIONS.intersection(rest[-2:-1]):
        return
    last, several = rest[-1], len(rest) > 1 and is_plural(rest[-2])
    if last in DESTROYS_OR_NOUNS and (several or last not in MOSTLY_THINGS):
        yield _in_name(Access.DESTRUCTIVE, last)
    elif last in WRITES_OR_NOUNS | READS_OR_WRITES | ALSO_THINGS and (several or last not in MOSTLY_THINGS):
        yield _in_name(Access.WRITE, last)


def _split_apart(words: tuple[str, ...]) -> Iterator[Verdict]:
    """What hyphens take apart: de-lete, re-move."""
    for before, after in pairwise(words):
        if before in _SYLLABLES and before + after in DESTROYS:
            yield _in_name(Access.DESTRUCTIVE, f"{before}-{after}")


def _destroying_that_is_asked_about(writing: Writing) -> str | None:
    head, rest = head_of(writing)
    if head not in _FETCHES or len(rest) < 2 or rest[-1] not in _OF_DESTROYING or JOINS.intersection(rest):
        return None
    return rest[0] if head != "list" or is_plural(rest[-1]) else None


def _two_faced_pairs(writing: Writing, *, reads: bool) -> Iterator[Verdict]:
    """Verbs that are no longer what they were, beside another word."""
    words = writing.words
    about = reads and _is_about(words)
    for place, (verb, beside) in enumerate(pairwise(words)):
        if verb in READS_OR_WRITES and beside in PARTICLES and not about:
            yield _in_name(Access.WRITE, f"{verb}-{beside}")
        if (verb, beside) in ENDING_PAIRS and not (reads and (place or len(words) > 2) and words[-1] in _OF_DESTROYING):
            yield _in_name(Access.DESTRUCTIVE, f"{verb}-{beside}")
        ends = place + 2 == len(words) or words[place + 2] in PREPOSITIONS
        if not reads and ends and ((verb in HANDED_OVER and beside in MONEY) or beside in CUT_OFF.get(verb, ())):
            yield _in_name(Access.DESTRUCTIVE, f"{verb}-{beside}")
        if reads and verb in READS and beside in JOINS:
            after = words[words.index(beside) + 1 :][:1]
            if after and after[0] not in READS:
                yield Verdict(Access.WRITE, f'"{verb}-{beside}-{after[0]}" in its name')


def _made_or_taken(writing: Writing, *, reads: bool) -> Iterator[Verdict]:
    """What reading makes for whoever asks, takes from a queue, marks as read or offers."""
    words = writing.words
    head, rest = head_of(writing)
    for verb, beside in pairwise(words):
        if verb == "next" and beside in _QUEUED and reads:
            yield Verdict(Access.WRITE, f'"next-{beside}" in its name: who gets it may have taken it')
    if head == "list" and (rest[:1] and rest[0] in _OFFERED and (len(rest) == 1 or rest[1] in {"for", "on"})):
        yield Verdict(Access.WRITE, f'"list-{rest[0]}" in its name, which may offer it for sale')
    if head in {"read", "view"} and _MARKED_BY_READING.intersection(rest[:1] + rest[-1:]):
        yield Verdict(Access.WRITE, f'"{head}-{rest[-1]}" in its name, which may mark it as read')
    if reads and head != "list" and rest and rest[-1] in _ISSUED | _ALWAYS_ISSUED:
        powers = _POWERS_OVER.get(rest[-1], _POWERS)
        power = next((word for word in rest[:-1] if word in powers), None)
        if power or rest[-1] in _ALWAYS_ISSUED:
            yield Verdict(
                Access.WRITE, f'"{" ".join(filter(None, (power, rest[-1])))}" in its name, which may be made for it'
            )


def _writes_inside(words: tuple[str, ...], *, reads: bool) -> Iterator[str]:
    for place, word in enumerate(words):
        if judged(word) is not Access.WRITE:
            continue
        after = words[place + 1 :]
        ends_as_thing = word in ALSO_THINGS and not after
        is_compound = len(after) > 1 and after[0] in {*PARTICLES, "as"}
        if not (reads and place and (ends_as_thing or is_compound)):
            yield word


def _is_about(words: tuple[str, ...]) -> bool:
    """A record is what it ends in. Where `list` or `get` stands before it, more of them are known."""
    if not words or JOINS.intersection(words):
        return False
    return words[-1] in _ABOUT or (words[0] in _FETCHES and words[-1] in _RECORDS)


def _reading_verb(writing: Writing) -> str | None:
    """The verb that makes it a read: at the head, or last where all that stands before it is a thing."""
    if writing.foreign:
        return None
    head, rest = head_of(writing)
    if head in READS:
        return head
    words = tuple(word for segment in writing.segments for word in without_what_comes_before(segment))
    foreign = next((word for word in (head, words[-1] if words else "") if reads_elsewhere(word)), None)
    if foreign:
        return None if JOINS.intersection(words) or len(words) > 4 else foreign
    if head == "ping" and all(word in {"api", "server", "service", "v"} or word.isdecimal() for word in rest):
        return "ping"
    if not rest or any(is_verb(word) for word in words[:-1]) or JOINS.intersection(words):
        return None
    last, before = words[-1], words[-2]
    if last in _ONLY_VERBS or (last in READS and is_plural(before)):
        return last
    return last if last in _READING_NOUNS and all(word == "email" or is_thing(word) for word in words[:-1]) else None


def _in_name(access: Access, word: str) -> Verdict:
    return Verdict(access, f'"{word}" in its name')
