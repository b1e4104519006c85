"""What a provider answered through the proxy."""

from dataclasses import dataclass, field

import httpx
from pydantic import JsonValue

from nango_tools.errors import Call, MalformedResponse, Outcome, UpstreamError
from nango_tools.json_values import read_json


@dataclass(frozen=True)
class ProxyResponse:
    """The provider's answer, of any status, as Nango passed it on.

    headers: as they arrived, names compared without regard to case. content: the body's bytes.
    """

    status: int
    headers: httpx.Headers
    content: bytes = field(repr=False)
    call: Call

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        """The body as text, UTF-8 where it names no character set; what is not in it becomes U+FFFD."""
        named = httpx.Response(self.status, headers=self.headers).charset_encoding
        try:
            return self.content.decode(named or "utf-8", "replace")
        except (LookupError, ValueError):  # Python has codecs that are no character sets
            return self.content.decode("utf-8", "replace")

    def json(self) -> JsonValue:
        """The body as JSON. MalformedResponse where it is not."""
        try:
            found: JsonValue = read_json(self.text)
        except ValueError as error:
            problem = f"the provider's answer is not JSON ({error})"
        else:
            return found
        raise MalformedResponse(problem, call=self.call, status=self.status)

    def raise_for_status(self) -> None:
        """UpstreamError unless the status is 2xx; its outcome is failed for a clear refusal (4xx), else unknown."""
        if self.is_success:
            return
        try:
            body: JsonValue = read_json(self.text)
        except ValueError:
            body = self.text
        raise UpstreamError(
            f"the provider answered {self.status}: {self.text}",
            call=self.call,
            outcome=Outcome.of_upstream(self.status),
            status=self.status,
            upstream_status=self.status,
            upstream_body=body,
        )
