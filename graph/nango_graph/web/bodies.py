"""Reading what is sent to us, no more of it and no longer than we want."""

import asyncio

from starlette.requests import ClientDisconnect, Request

SECONDS = 10.0
"""In which a whole body must have come: whoever sends it drop by drop holds nothing of ours."""


class BadBody(Exception):
    """`status` and the message are the answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


async def read_body(request: Request, *, most: int, seconds: float = SECONDS) -> bytes:
    """At most `most` bytes. Raises `BadBody`: 413 for more, 408 for too slow, 400 if the sender left."""
    too_large = BadBody(413, f"More than {most} bytes were sent.")
    announced = request.headers.get("content-length", "0")
    if not announced.isdecimal() or len(announced) > 18 or int(announced) > most:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > most:
                    raise too_large
    except TimeoutError:
        raise BadBody(408, f"The whole body must come within {seconds:g} seconds.") from None
    except ClientDisconnect:
        raise BadBody(400, "The body ended too early.") from None
    return bytes(body)
