"""What the other side said, cut down to what an error tells. Nothing in here raises, whatever came."""

import json
from typing import Any

from nango_tools.json_values import read_json


def without_credentials(value: Any) -> Any:
    """A copy of JSON data without any key `credentials`: Nango puts whole connections into error payloads."""
    if isinstance(value, dict):
        return {key: without_credentials(item) for key, item in value.items() if key != "credentials"}
    if isinstance(value, list):
        return [without_credentials(item) for item in value]
    return value


def gist(value: Any) -> str:
    """The sentence inside an error body, wherever a provider put it; the body as JSON where there is none."""
    if value in (None, "", {}, []):
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        for key in ("message", "error_description", "detail", "error", "title", "code"):
            if inner := gist(value.get(key)):
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
    return "; ".join(lines)


def json_or_none(said: str) -> Any:
    try:
        return read_json(said)
    except ValueError:
        return None


def text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def integer(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
