"""Forms of our pages: only the browser that was shown a page may send its form (double submit cookie, OWASP's signed one)."""

import hmac
import json
import re
import secrets
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from nango_graph.settings import AgentSettings
from nango_graph.web.bodies import BadBody, read_body

COOKIE = "nango_agent_form"
FIELD = "form"
_MOST_BYTES, _MOST_FIELDS = 4096, 10
_LIFETIME = 24 * 3600
_FORM_TYPE = "application/x-www-form-urlencoded"


class StaleForm(Exception):
    """The form was not sent from a page that this browser was shown by us, or too long ago."""


def cookie_of(request: Request) -> str:
    """What this browser has already, so that its other tabs stay good, or a new one."""
    held = request.cookies.get(COOKIE, "")
    return held if re.fullmatch(r"[A-Za-z0-9_-]{43}", held) else secrets.token_urlsafe(32)


def set_cookie(response: Response, request: Request, settings: AgentSettings, cookie: str) -> None:
    """Without a path, browsers send it back below the page's folder as *they* see it, whatever prefix a proxy takes away."""
    secure = request.url.scheme == "https" or (settings.public_url or "").startswith("https:")
    response.set_cookie(COOKIE, cookie, max_age=_LIFETIME, path=None, secure=secure, httponly=True, samesite="lax")


def seal(settings: AgentSettings, *, cookie: str, about: str, opener: str) -> str:
    """What the form must bring back: good for this browser, this page and this person only."""
    sealed = json.dumps(["nango-agent form", cookie, about, opener]).encode()
    return hmac.digest(settings.link_key, sealed, "sha256").hex()


async def read_form(request: Request, settings: AgentSettings, *, about: str, opener: str) -> dict[str, str]:
    """The fields. Raises `BadBody`, or `StaleForm` for one that we did not show to this browser."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM_TYPE:
        raise BadBody(415, "This is no form.")
    body = await read_body(request, most=_MOST_BYTES)
    try:
        fields = dict(parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError:
        raise BadBody(400, "The form can't be read.") from None
    sealed = seal(settings, cookie=request.cookies.get(COOKIE, ""), about=about, opener=opener)
    if not _from_here(request, settings) or not hmac.compare_digest(sealed.encode(), fields.get(FIELD, "").encode()):
        raise StaleForm
    return fields


def _from_here(request: Request, settings: AgentSettings) -> bool:
    """As far as the browser tells. Under `Referrer-Policy: no-referrer` the origin of our own forms is "null" (Fetch, 3.2)."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = request.headers.get("origin", "null")
    return origin == "null" or origin in {_origin(str(request.url)), _origin(settings.public_url or "")}


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
