"""What a message is in the conversation: small talk, "go on", "never mind", or the answer to what was asked."""

import re
from collections.abc import Collection, Sequence

from nango_sandbox.rule_model.prompt import Turn
from nango_sandbox.rule_model.request import tokens_of


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _phrases(text: str) -> frozenset[str]:
    return frozenset(phrase.strip() for phrase in text.split(","))


_GO_ON = _words(
    "continue proceed resume yes yeah yep ok okay sure agreed ja weiter oui continuez sí sigue go do keep carry approve"
    " approved confirm confirmed"
)
_BESIDE_GO_ON = _words(
    "please on ahead it that this so now then going fine good right all just with the plan thanks thank you and let's"
    " lets i of course bitte"
)
_STOP = _phrases("never mind, nevermind, cancel, stop, forget it, no, no thanks, leave it, cancel that, abort")
_AGAIN = _phrases("again, try again, retry, once more, please try again, try it again, do it again, try that again")
_THANKS = _phrases("thanks, thank you, thanks a lot, thank you very much, many thanks, great thanks, danke, merci")
_SMALL_TALK = _phrases(
    "hi, hello, hey, hello there, hi there, good morning, good evening, help, what can you do,"
    "who are you, what can you do for me, how can you help me, how can you help, what do you do, what are you,"
    "what tools do you have, which tools do you have"
)
_LEADS = _phrases(
    "title, titled, name, named, called, text, body, label, labels, email, channel, in, to, with, on, for, state"
)


def said(text: str) -> str:
    return " ".join(re.sub(r"[^\w\s]", " ", text.lower()).split())


def goes_on(request: str) -> bool:
    """Agrees, and says nothing else: "yes, please go on"."""
    words = said(request).split()
    return not _GO_ON.isdisjoint(words) and _GO_ON.union(_BESIDE_GO_ON).issuperset(words)


def agreed_but(request: str) -> str:
    """What "yes, but to #random" wants otherwise; "" when it is no such message."""
    agreed, but, rest = request.partition(" but ")
    return rest.strip() if but and goes_on(agreed) else ""


def tries_again(request: str) -> bool:
    return said(request) in _AGAIN


def withdrawn(request: str) -> bool:
    return said(request) in _STOP


def is_small_talk(request: str) -> bool:
    return said(request) in _SMALL_TALK | _THANKS


def is_thanks(request: str) -> bool:
    return said(request) in _THANKS


def combined(history: Sequence[Turn], answer: str, services: Collection[str]) -> str:
    """The request that a question was asked about, with all answers given since; "" when nothing was asked."""
    given: list[str] = []
    at = len(history) - 1
    while at >= 1 and history[at].mine and history[at].said.rstrip().endswith("?") and not history[at - 1].mine:
        given.append(as_values(answer, services, history[at].said))
        answer = history[at - 1].said
        at -= 2
    return " ".join([answer.rstrip(" .!?"), *reversed(given)]) if given else ""


def as_values(text: str, services: Collection[str], question: str = "") -> str:
    """An answer's parts as values: what is no address, name or number by its form is quoted, so that it is taken as it stands."""
    which = re.search(r"which (\w+) \(its", question)
    bare = text.strip().rstrip(".")
    if which and re.fullmatch(r"#?[\w-]+", bare):
        return f"{which[1]} {bare}"
    if "which channel" in question and re.fullmatch(r"[\w-]+", bare):
        return f"#{bare}"
    return " ".join(
        _as_value(part, services) for part in re.split(r"\s*[,\n;]\s*|\s+and\s+(?=\S*[/#@])", text.strip()) if part
    )


def _as_value(part: str, services: Collection[str]) -> str:
    tokens = tokens_of(part, services)
    words = [token for token in tokens if token.kind not in ("word", "mark")]
    if words or (tokens and tokens[0].lower in _LEADS) or '"' in part:
        return part
    return f'"{part}"'
