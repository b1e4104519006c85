"""What a browser posts from one of the sandbox's pages. A form on another site gets nowhere."""

from starlette.exceptions import HTTPException
from starlette.requests import Request

from nango_sandbox.errors import NangoError


async def read_form(request: Request, *, max_fields: int) -> dict[str, str]:
    """The fields. Raises NangoError: 403 for a form of another site, 400 for too many fields, files, bad multipart."""
    if not _from_here(request):
        raise NangoError(
            403, "forbidden", "This form was sent from another site. Open the page here, and answer on it."
        )
    try:
        async with request.form(max_files=0, max_fields=max_fields) as form:
            return {name: str(value) for name, value in form.items()}
    except HTTPException as error:
        raise NangoError(400, "invalid_body", f"This form cannot be read: {error.detail}") from error


def _from_here(request: Request) -> bool:
    """As the browser tells. What tells nothing is no browser of a victim."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is None or origin == f"{request.url.scheme}://{request.headers['host']}"
