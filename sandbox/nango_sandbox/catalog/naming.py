"""What the name of an action tells: whether it reads or writes, one or many, and of which kind.

A rule of thumb for names like those of Nango's templates: a verb first (`list-contact-tags`) or last
(`conversation-archive`), then what it is about, up to the first preposition. A line of the catalogue that says `access`
is believed instead.
"""

import re
from dataclasses import dataclass
from typing import Literal

from nango_sandbox.store.ledger import Access

Deed = Literal["read", "create", "change", "delete"]


def word_set(text: str) -> frozenset[str]:
    return frozenset(text.split())


_READS = word_set(
    "list get search find fetch query count check read lookup look retrieve describe download view show preview ping "
    "whoami test validate verify calculate estimate compute detect browse autocomplete suggest compare resolve inspect "
    "answer ask convert classify summarize enrich poll availability filter scroll sample whois info status parse render"
)
_DELETES = word_set("delete remove destroy purge erase wipe")
_ENDS = word_set(
    "cancel void revoke merge pay refund terminate clear unassign untag unlink detach disconnect uninvite unfollow "
    "unlike unmerge evict kick ban block suspend capture payout transfer charge empty unshare unsubscribe unpublish "
    "expire abort unpin execute discard overwrite unstar dissociate disassociate trash"
)
_CREATES = word_set(
    "create add insert post new upload import register invite send submit book schedule append copy duplicate clone "
    "draft reply comment generate start init forward publish log record track place open request share quick"
)
_CHANGES = word_set(
    "update patch edit set upsert modify rename move replace put assign attach mark enable disable activate deactivate "
    "reactivate archive unarchive close reopen pause resume lock unlock complete approve decline accept confirm pin tag "
    "star like follow mute unmute subscribe restore untrash snooze apply link connect toggle release skip "
    "refresh reset rotate finalize sync watch stop identify bulk batch export run trigger rerun reject associate customize "
    "install commit grant save revert increment decrement adjust fulfill hold deliver resend retry queue"
)
_VERBS = _READS | _DELETES | _ENDS | _CREATES | _CHANGES
_MANY_AT_ONCE = frozenset({"batch", "bulk", "mass", "multi"})
_PREPOSITIONS = word_set("by for from to in of with on at into as using via and within per")
_COMPOUNDS = frozenset({("on", "call")})
_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_IRREGULAR = {"people": "person", "children": "child"}
_NO_PLURAL = word_set("settings preferences details stats statistics analytics news series permissions credentials")


@dataclass(frozen=True)
class Name:
    """kind: in the singular, words parted by spaces
    many: whether several documents are read, or written at once
    whole: whether the kind itself is meant, and not its relation to something (`remove-tag-from-contact`)
    """

    verb: str
    kind: str
    access: Access
    deed: Deed
    many: bool
    whole: bool


def understand(name: str, description: str = "") -> Name:
    tokens = words(name)
    verb, rest = _verb(tokens)
    if verb is None:
        verb = next((word for word in map(str.lower, words(description)[:3]) if _known(word)), "")
        rest = tokens
    verb = _stem(verb)
    at_once = verb in _MANY_AT_ONCE
    if at_once:
        inner, rest = _verb(rest)
        verb = _stem(inner) if inner else verb
    if verb in _CREATES and rest[:1] and rest[0] in _PREPOSITIONS and tuple(rest[:2]) not in _COMPOUNDS:
        rest = [verb, *rest]  # who comments on something makes a comment
    about: list[str] = []
    for place, word in enumerate(rest):
        if about and word in _PREPOSITIONS and tuple(rest[place : place + 2]) not in _COMPOUNDS:
            break
        about.append(word)
    last = about[-1] if about else ""
    kind = " ".join([*about[:-1], singular(last)]) or "item"
    deed = _deed(verb)
    plural = last != singular(last)
    many = at_once or (deed == "read" and (plural or verb in ("list", "search", "query", "browse")))
    whole = not (deed == "delete" and "from" in rest)
    return Name(verb, kind, _access(verb, last), deed, many, whole)


def words(name: str) -> list[str]:
    """Lower case: `listContactTags`, `list_contact_tags` and `list-contact-tags` are the same."""
    return [word.lower() for word in _WORD.findall(name)]


def singular(word: str) -> str:
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) < 4 or word in _NO_PLURAL or word.endswith(("ss", "us", "is")) or not word.endswith("s"):
        return word
    if word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-2] if word.endswith(("sses", "xes", "ches", "shes", "zes")) else word[:-1]


def _verb(tokens: list[str]) -> tuple[str | None, list[str]]:
    if (
        tokens
        and _known(tokens[0])
        and not (len(tokens) > 1 and singular(tokens[0]) in _NOUNS_TOO and _known(tokens[-1]))
    ):
        return tokens[0], tokens[1:]
    if len(tokens) > 1 and _known(tokens[-1]):
        return tokens[-1], tokens[:-1]
    return None, tokens


_NOUNS_TOO = frozenset({"comment", "record", "log", "request", "tag", "share", "link", "draft", "query", "test", "run"})


def _known(word: str) -> bool:
    return _stem(word) in _VERBS


def _stem(word: str) -> str:
    """Descriptions say "Lists" and "Retrieves"."""
    if word in _VERBS or not word.endswith("s"):
        return word
    if word[:-1] in _VERBS:
        return word[:-1]
    return word[:-2] if word[:-2] in _VERBS else word


def _deed(verb: str) -> Deed:
    if verb in _READS:
        return "read"
    if verb in _DELETES:
        return "delete"
    return "create" if verb in _CREATES else "change"


def _access(verb: str, about: str) -> Access:
    """Whoever locks a person out takes something away, and so does who makes a refund."""
    if verb in _READS:
        return "read"
    locked_out = verb in ("disable", "deactivate") and about == "user"
    paid_back = verb in _CREATES and about == "refund"
    return "destructive" if verb in _DELETES or verb in _ENDS or locked_out or paid_back else "write"
