"""The faults that can be declared, the same in Python and in JSON (`POST /sandbox/api/faults`).

    Fault                     kind              what happens
    ├── RequestFault
    │   ├── Latency           latency           it takes time before the request is looked at
    │   ├── Status            status            another answer than Nango's, with or without the effect
    │   ├── Dropped           dropped           the connection closes: before the effect, after it, or in mid-answer
    │   ├── Malformed         malformed         the effect takes place, the answer is cut off
    │   └── RaceLost          race_lost         the action runs, the answer says `Task ... is in progress`
    └── WebhookFault
        ├── WebhookLost       webhook_lost      it is never sent
        ├── WebhookDoubled    webhook_doubled   it is sent twice
        ├── WebhookDelayed    webhook_delayed   it is sent later
        ├── WebhookSwapped    webhook_swapped   it is sent after the one that follows it
        └── WebhookForged     webhook_forged    its signature is not Nango's

Every fault says what it is for; what it leaves out fits anything. `times` is how often it strikes, None for as long as
it is declared.
"""

from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator


class About(NamedTuple):
    """What one request is about, as far as its line, headers, query and body tell."""

    method: str
    path: str
    integration: str | None = None
    connection_id: str | None = None
    actions: tuple[str, ...] = ()


class AboutWebhook(NamedTuple):
    webhook_type: str | None
    integration: str | None
    connection_id: str | None


class AnyFault(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    times: int | None = Field(default=1, ge=1)

    def fits(self, about: Any) -> bool:
        """Whether it strikes a request (About), or a webhook (AboutWebhook)."""
        raise NotImplementedError


class RequestFault(AnyFault):
    """Strikes requests.

    path: a glob, whose `*` takes slashes too: `/proxy/*`, `/connections*`; the query is not looked at
    action: of `POST /action/trigger` and of MCP's `tools/call`
    """

    method: str | None = None
    path: str = "*"
    integration: str | None = None
    connection_id: str | None = None
    action: str | None = None

    @field_validator("method")
    @classmethod
    def _upper(cls, method: str | None) -> str | None:
        return method and method.upper()

    def fits(self, about: About) -> bool:
        return (
            self.method in (None, about.method)
            and fnmatchcase(about.path, self.path)
            and self.integration in (None, about.integration)
            and self.connection_id in (None, about.connection_id)
            and (self.action is None or self.action in about.actions)
        )


class Latency(RequestFault):
    """seconds: of the sandbox's clock, so that a test need not wait for them; with `real` of everybody's."""

    kind: Literal["latency"] = "latency"
    seconds: float = Field(ge=0, allow_inf_nan=False)
    real: bool = False


class Status(RequestFault):
    """Answers by itself, as Nango would or as whatever stands in front of it.

    body: an object or a list is sent as JSON, a text as it is (text/html); left out, an error in Nango's form
    headers: are sent beside it, `content-type` too: `{"retry-after": "7"}`
    after_effect: whether the request does its work first, unseen
    """

    kind: Literal["status"] = "status"
    status: int = Field(ge=200, le=599)
    body: JsonValue = None
    headers: dict[str, str] = {}
    after_effect: bool = False

    @field_validator("headers")
    @classmethod
    def _sendable(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            if not (name and name.isascii() and name.replace("-", "").replace("_", "").isalnum()):
                raise ValueError(f"{name!r} is no name of a header")
            if not (value.isascii() and (value.isprintable() or not value)):
                raise ValueError(f"the value of {name} is not printable ASCII")
        return headers


class Dropped(RequestFault):
    """Closes the connection without an answer. The request is read first.

    when: `before` anything is done; `after` it is done; `midway`: done, and half of the answer's body is sent
    reset: by a TCP reset in place of an orderly end; `midway`, the half that was sent may be lost with it
    """

    kind: Literal["dropped"] = "dropped"
    when: Literal["before", "after", "midway"]
    reset: bool = False


class Malformed(RequestFault):
    """The answer ends in the middle of its JSON or its event, and claims to be complete."""

    kind: Literal["malformed"] = "malformed"


class RaceLost(RequestFault):
    """A race of the real server, in which what an action came to is lost: the action ran, and the answer is
    `action_script_failure`. It strikes only actions that run, over REST or MCP, when they have run.
    """

    kind: Literal["race_lost"] = "race_lost"


class Slow(RequestFault):
    """The function of an action takes its time before it does anything, wherever it runs: over REST or MCP, or from the queue of
    asynchronous actions.

    seconds: of the sandbox's clock
    """

    kind: Literal["slow"] = "slow"
    seconds: float = Field(ge=0, allow_inf_nan=False)


class AppAnswers(RequestFault):
    """The app answers the function of an action with an error, before it has changed anything. Nango passes that on as it does:
    424, with `content-type` and the `x-rate*` of the headers.

    headers: the app's: `{"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1795208662"}`
    """

    kind: Literal["app_answers"] = "app_answers"
    status: int = Field(ge=400, le=599)
    body: JsonValue = {"message": "The sandbox was told to answer so."}
    headers: dict[str, str] = {}


class WebhookFault(AnyFault):
    """Strikes webhooks. webhook_type: `auth`, `sync`, `async_action`."""

    webhook_type: str | None = None
    integration: str | None = None
    connection_id: str | None = None

    def fits(self, about: AboutWebhook) -> bool:
        return (
            self.webhook_type in (None, about.webhook_type)
            and self.integration in (None, about.integration)
            and self.connection_id in (None, about.connection_id)
        )


class WebhookLost(WebhookFault):
    kind: Literal["webhook_lost"] = "webhook_lost"


class WebhookDoubled(WebhookFault):
    kind: Literal["webhook_doubled"] = "webhook_doubled"


class WebhookDelayed(WebhookFault):
    """seconds: of the sandbox's clock."""

    kind: Literal["webhook_delayed"] = "webhook_delayed"
    seconds: float = Field(ge=0, allow_inf_nan=False)


class WebhookSwapped(WebhookFault):
    """Waits until the next webhook was delivered. If none follows, it is never sent."""

    kind: Literal["webhook_swapped"] = "webhook_swapped"


class WebhookForged(WebhookFault):
    """Signed with a key that is not the environment's."""

    kind: Literal["webhook_forged"] = "webhook_forged"


Fault = Annotated[
    Latency
    | Status
    | Dropped
    | Malformed
    | RaceLost
    | Slow
    | AppAnswers
    | WebhookLost
    | WebhookDoubled
    | WebhookDelayed
    | WebhookSwapped
    | WebhookForged,
    Field(discriminator="kind"),
]
