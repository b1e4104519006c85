"""What the other side said, cut down to what an error tells. Nothing in here raises, whatever came.

Providers quote requests, headers and all. What looks like a credential in their words is masked here, before it gets into an error.
"""

import json
import re
from typing import Any

from nango_tools.errors import quoted
from nango_tools.json_values import read_json

MASK = "[hidden]"
_SIGN = r"[A-Za-z0-9+/=_.~-]"
_NAMES = r"(?:token|key|secret|password|passwd|authorization|signature|credentials?|cookie|session)"
# Quotes, also escaped ones: a body can be JSON inside JSON. A mask has none of them, so that what was JSON still is.
_BETWEEN = r"""(?:[\\"'\s]{0,6}(?:[:=]|\b(?:is|was)\b)?[\\"'\s]{1,6}|[:=])"""
_CREDENTIALS = (
    # RFC 9110 11.6.2: a scheme, and what it takes.
    re.compile(rf"\b(Bearer|Basic|Token)(\s+)(?=[^\s]*\d|{_SIGN}{{32}}){_SIGN}{{8,}}", re.IGNORECASE),
    # After a word that announces one: long, or of letters and digits mixed. Bare numbers are ids.
    re.compile(rf"({_NAMES})({_BETWEEN})(?={_SIGN}*[A-Za-z])(?={_SIGN}{{32}}|{_SIGN}*\d){_SIGN}{{12,}}", re.IGNORECASE),
    # A password stands there as it is, however short.
    re.compile(
        r"""(passw(?:or)?d|secret)(\s*[:=]\s*|[\\"']{1,3}\s*[:=]\s*[\\"']{1,3})[^\s\\"',;&}\]]{3,}""", re.IGNORECASE
    ),
    # User and password of an address.
    re.compile(r"(://)()[^\s/@:\"'\\]{1,200}:[^\s/@\"'\\]{1,200}(?=@)"),
    # Those that are known by how they begin: JWT, GitHub, Slack, Stripe and OpenAI, AWS.
    re.compile(
        r"\b()()(?:eyJ[\w-]{8,}\.[\w.-]+|gh[a-z]_\w{16,}|github_pat_\w{16,}|xox[a-z]-[\w-]{8,}|[sr]k[-_][\w-]{12,}|AKIA\w{12,})"
    ),
)
_READ = 10_000
"""Characters of which a sentence is made."""


def masked(said: str) -> str:
    """Text without what looks like a credential in it."""
    for pattern in _CREDENTIALS:
        said = pattern.sub(rf"\g<1>\g<2>{MASK}", said)
    return said


def without_credentials(value: Any) -> Any:
    """A copy of JSON data without any key `credentials` (Nango puts whole connections into error payloads), and without what
    looks like a credential in its texts.
    """
    if isinstance(value, dict):
        return {key: _without_credentials_of(key, item) for key, item in value.items() if key != "credentials"}
    if isinstance(value, list):
        return [without_credentials(item) for item in value]
    return masked(value) if isinstance(value, str) else value


def _without_credentials_of(key: str, item: Any) -> Any:
    if not isinstance(item, str):
        return without_credentials(item)
    # The name of a field announces a credential as a word before it does.
    return masked(f"{key}: {item}").removeprefix(f"{key}: ")


def gist(value: Any) -> str:
    """The sentence inside an error body, wherever a provider put it; the body as JSON where there is none. One line of some 300
    printable characters at most, without credentials.
    """
    return quoted(masked(_sentence(value)[:_READ]))


def _sentence(value: Any) -> str:
    if value in (None, "", {}, []):
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        for key in ("message", "error_description", "detail", "error", "title", "code"):
            if inner := _sentence(value.get(key)):
                return inner
    return json.dumps(value)


def issues_in_a_line(issues: Any) -> str:
    """Nango's list of validation issues (zod) as one line: `limit: Too big; tags.a: Invalid`."""
    if not isinstance(issues, list):
        return ""
    lines = []
    for issue in issues:
        if isinstance(issue, dict):
            path = issue.get("path")
            where = ".".join(str(step) for step in path) if isinstance(path, list) else ""
            lines.append(f"{where}: {issue.get('message')}" if where else str(issue.get("message")))
    return masked("; ".join(lines))


def json_or_none(said: str) -> Any:
    try:
        return read_json(said)
    except ValueError:
        return None


def text(value: Any) -> str | None:
    """Without credentials, and still the JSON that it may be."""
    return masked(value) if isinstance(value, str) else None


def integer(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
