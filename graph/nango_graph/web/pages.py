"""HTML answers: autoescaped, with what is not printable written out, kept by nobody, under a policy that lets nothing in."""

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from nango_graph.display import visible


def templates() -> Environment:
    made = Environment(loader=PackageLoader("nango_graph.web"), autoescape=True, undefined=StrictUndefined)
    made.filters["visible"] = lambda text: visible(text, keep="")
    made.filters["moment"] = lambda at: datetime.fromtimestamp(at, UTC)
    return made


def page(
    made: Environment,
    name: str,
    status: int,
    *,
    forms_lead_to: str = "",
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> Response:
    """`forms_lead_to`: sources, as in a policy, to which the answer to a form may redirect besides our own origin."""
    nonce = secrets.token_urlsafe(16)
    html = made.get_template(name).render(nonce=nonce, **values)
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; form-action 'self' {forms_lead_to}".rstrip()
        + "; frame-ancestors 'none'; base-uri 'none'"
    )
    return guarded(HTMLResponse(html, status, {"Content-Security-Policy": policy, **(headers or {})}))


def guarded(response: Response) -> Response:
    """Our addresses open a wait to whoever has them: they go to no other site, no cache and no search engine."""
    response.headers.update(
        {
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "X-Robots-Tag": "noindex, nofollow",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
        }
    )
    return response
