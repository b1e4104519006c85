"""Tags: whose a connection is. Keys are lower-cased, values kept; at most ten."""

import re
from typing import Any

from nango_sandbox.errors import NangoError, issue
from nango_sandbox.store.connections import EndUser

TAGS = {
    "type": "object",
    "propertyNames": {"pattern": r"^[a-zA-Z][a-zA-Z0-9_\-./]{0,63}$"},
    "additionalProperties": {"type": "string", "minLength": 1, "maxLength": 255},
}
MOST_TAGS = 10
SHORTEST_EMAIL = 5
_SHORT = {"type": "string", "maxLength": 255}
_EMAIL = re.compile(
    r"([a-z0-9_'+-]+\.)*[a-z0-9_'+-]*[a-z0-9_+-]@([a-z0-9][a-z0-9-]*\.)+[a-z]{2,}", re.IGNORECASE | re.ASCII
)

END_USER = {
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": {"type": "string", "minLength": 1, "maxLength": 255},
        "email": {"type": "string"},
        "display_name": _SHORT,
        "tags": {"type": "object", "propertyNames": {}, "additionalProperties": {"type": "string"}},
    },
    "additionalProperties": False,
}
ORGANIZATION = {
    "type": "object",
    "required": ["id"],
    "properties": {"id": _SHORT, "display_name": _SHORT},
    "additionalProperties": False,
}


def read_tags(body: dict[str, Any]) -> dict[str, str]:
    """The tags of a body that was checked; those that the deprecated `end_user` stands for come with them.

    Raises NangoError 400 for more than ten, two that differ in case alone, and what is no email address.
    """
    end_user, organization = body.get("end_user") or {}, body.get("organization") or {}
    findings = [*_email_findings(end_user.get("email")), *tag_findings(body.get("tags", {}))]
    if findings:
        raise NangoError(400, "invalid_body", errors=findings)
    derived = {
        **end_user.get("tags", {}),
        "end_user_id": end_user.get("id"),
        "end_user_email": end_user.get("email"),
        "end_user_display_name": end_user.get("display_name"),
        "organization_id": organization.get("id"),
        "organization_display_name": organization.get("display_name"),
    }
    sent = {**derived, **body.get("tags", {})}
    tags = {key.lower(): value for key, value in sent.items() if value is not None}
    # A real server keeps them as JSONB, which sorts its keys so.
    return dict(sorted(tags.items(), key=lambda tag: (len(tag[0]), tag[0])))


def tag_findings(tags: dict[str, str]) -> list[dict[str, Any]]:
    """What a schema cannot tell about tags that fit TAGS."""
    if len(tags) > MOST_TAGS:
        return [issue("custom", f"Tags cannot contain more than {MOST_TAGS} keys", "tags")]
    findings, seen = [], set[str]()
    for key, value in tags.items():
        name = key.lower()
        if name in seen:
            findings.append(issue("custom", f'Duplicate tag key after case normalization: "{name}"', "tags"))
        seen.add(name)
        if name == "end_user_email" and not is_email(value):
            findings.append(issue("custom", 'Tag "end_user_email" must be a valid email', "tags"))
    return findings


def is_email(text: str) -> bool:
    dotted = not text.startswith(".") and ".." not in text
    return len(text) >= SHORTEST_EMAIL and dotted and bool(_EMAIL.fullmatch(text))


def _email_findings(email: str | None) -> list[dict[str, Any]]:
    if email is None or is_email(email):
        return []
    findings = [issue("invalid_format", "Invalid email address", "end_user", "email")]
    if len(email) < SHORTEST_EMAIL:
        message = f"Too small: expected string to have >={SHORTEST_EMAIL} characters"
        findings.append(issue("too_small", message, "end_user", "email"))
    return findings


def read_end_user(body: dict[str, Any]) -> EndUser | None:
    if "end_user" not in body:
        return None
    return EndUser.model_validate({**body["end_user"], "organization": body.get("organization")})
