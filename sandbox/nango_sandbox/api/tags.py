"""Tags: whose a connection is. Keys are lower-cased, values kept; at most ten."""

from typing import Any

from nango_sandbox.errors import NangoError, issue
from nango_sandbox.store.connections import EndUser

TAGS = {
    "type": "object",
    "propertyNames": {"pattern": r"^[a-zA-Z][a-zA-Z0-9_\-./]{0,63}$"},
    "additionalProperties": {"type": "string", "minLength": 1, "maxLength": 255},
}
MOST_TAGS = 10

END_USER = {
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": {"type": "string", "minLength": 1, "maxLength": 255},
        "email": {"type": "string"},
        "display_name": {"type": "string"},
        "tags": TAGS,
    },
    "additionalProperties": False,
}
ORGANIZATION = {
    "type": "object",
    "required": ["id"],
    "properties": {"id": {"type": "string", "minLength": 1}, "display_name": {"type": "string"}},
    "additionalProperties": False,
}


def read_tags(body: dict[str, Any]) -> dict[str, str]:
    """The tags of a body that was checked; those that the deprecated `end_user` stands for come with them.

    Raises NangoError 400 for more than ten.
    """
    end_user, organization = body.get("end_user") or {}, body.get("organization") or {}
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
    if len(tags) > MOST_TAGS:
        raise NangoError(
            400, "invalid_body", errors=[issue("custom", f"Tags cannot contain more than {MOST_TAGS} keys", "tags")]
        )
    # A real server keeps them as JSONB, which sorts its keys so.
    return dict(sorted(tags.items(), key=lambda tag: (len(tag[0]), tag[0])))


def read_end_user(body: dict[str, Any]) -> EndUser | None:
    if "end_user" not in body:
        return None
    return EndUser.model_validate({**body["end_user"], "organization": body.get("organization")})
