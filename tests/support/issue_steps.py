"""Steps of plans over the issues of octo/widgets, as most tests of plans take them."""

from typing import Any

OCTO = {"owner": "octo", "repo": "widgets"}
LIST: dict[str, Any] = {"id": "s1", "tool": "github/list-issues", "arguments": OCTO}
EACH: dict[str, Any] = {
    "id": "s2",
    "tool": "github/get-issue",
    "arguments": {**OCTO, "issue_number": "${item.number}"},
    "for_each": "${s1.issues}",
}


def write(number: int, **more: Any) -> dict[str, Any]:
    """A step that writes, and no other."""
    return {"id": f"s{number}", "tool": "github/create-issue", "arguments": {**OCTO, "title": f"Crash {number}"}} | more
