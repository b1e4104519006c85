"""HTML answers: autoescaped, and under a policy that lets nothing in from outside."""

import json
import secrets
from datetime import UTC, datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse


def _ago(moment: datetime, now: datetime) -> str:
    seconds = max(0, int((now - moment).total_seconds()))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"


def environment() -> Environment:
    made = Environment(loader=PackageLoader("nango_sandbox.pages"), autoescape=True, undefined=StrictUndefined)
    made.filters["ago"] = _ago
    made.filters["moment"] = datetime.fromisoformat
    made.filters["slack_moment"] = lambda ts: datetime.fromtimestamp(float(ts), UTC)
    made.filters["compact"] = lambda value: json.dumps(value, ensure_ascii=False)
    made.filters["pretty"] = lambda value: json.dumps(value, indent=2, ensure_ascii=False)
    return made


def page(templates: Environment, name: str, status: int = 200, **values: Any) -> HTMLResponse:
    nonce = secrets.token_urlsafe(16)
    html = templates.get_template(name).render(nonce=nonce, status=status, **values)
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
    headers = {
        "Content-Security-Policy": policy,
        "Referrer-Policy": "same-origin",
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return HTMLResponse(html, status, headers)
