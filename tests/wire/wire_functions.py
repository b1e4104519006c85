"""The functions that were deployed on the recorded server. They compute; none returns what was recorded.

They were deployed twice: the second time with `slow-count`, `call-provider` and `dup`.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from wire_upstream import NOBODY_LISTENS, Upstream

from nango_sandbox.functions.action import Action, Call, Endpoint, Integration, Sync
from nango_sandbox.functions.failures import ActionFailed, NetworkFailed, ThrownError, UpstreamFailed
from nango_sandbox.functions.signature import Declared

Schema = Mapping[str, Any]

TEXT, NUMBER, ANYTHING, NOTHING = {"type": "string"}, {"type": "number"}, {}, {"type": "null"}
SAFE = 2**53 - 1
DATE_TIME = (
    r"^(?:(?:\d\d[2468][048]|\d\d[13579][26]|\d\d0[48]|[02468][048]00|[13579][26]00)-02-29|\d{4}-(?:(?:0[13578]|1[02])-"
    r"(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)|(?:02)-(?:0[1-9]|1\d|2[0-8])))T(?:(?:[01]\d|2[0-3]):"
    r"[0-5]\d(?::[0-5]\d(?:\.\d+)?)?(?:Z))$"
)


def record(*optional: str, **properties: Schema) -> dict[str, Any]:
    """A closed object, as Nango's compiler writes it: everything is required but what is named first."""
    required = [name for name in properties if name not in optional]
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    return schema | ({"required": required} if required else {}) | {"additionalProperties": False}


def integer(low: int = -SAFE, high: int = SAFE) -> dict[str, Any]:
    return {"type": "integer", "minimum": low, "maximum": high}


def sequence(items: Schema) -> dict[str, Any]:
    return {"type": "array", "items": items}


STATE = {"type": "string", "enum": ["open", "closed"]}
ISSUE = record(id=NUMBER, title=TEXT, state=TEXT)
MODEL = record(id=TEXT, title=TEXT, n=NUMBER)
NESTED = record(
    filter=record("since", state=STATE, since={"type": "string", "format": "date-time", "pattern": DATE_TIME}),
    ids=sequence(record(id={"anyOf": [TEXT, NUMBER]})),
    limit={"default": 10, **integer(1, 100)},
    note={"anyOf": [TEXT, NOTHING]},
)


def _without_missing(**fields: Any) -> dict[str, Any]:
    """JavaScript leaves out of its JSON what is undefined."""
    return {name: value for name, value in fields.items() if value is not None}


async def list_issues(_: Call, given: Any) -> Any:
    where = f"{given['owner']}/{given['repo']}"
    state = given.get("state", "open")
    return {"issues": [{"id": n, "title": f"Issue {n} of {where}", "state": state} for n in (1, 2)]}


async def get_issue(_: Call, given: Any) -> Any:
    return {"id": given["number"], "title": f"Issue {given['number']}", "state": "open"}


async def create_issue(_: Call, given: Any) -> Any:
    return _without_missing(id=42, title=given.get("title"), state="open")


async def update_issue(_: Call, given: Any) -> Any:
    return _without_missing(id=given["number"], title=given.get("title"), state=given.get("state"))


async def delete_issue(_: Call, __: Any) -> Any:
    return {"deleted": True}


async def whoami(call: Call, _: Any) -> Any:
    return {
        "connectionId": call.connection_id,
        "providerConfigKey": call.integration,
        "metadata": dict(call.metadata),
        "at": int(call.now.timestamp() * 1000),
    }


async def fail_action_error(_: Call, given: Any) -> Any:
    raise ActionFailed((given or {}).get("message", "refused"), code="quota", details={"field": "x"})


async def fail_throw(_: Call, given: Any) -> Any:
    raise ThrownError((given or {}).get("message", "plain failure"))


async def fail_upstream(_: Call, given: Any) -> Any:
    status = given["status"]
    body, headers = Upstream.refusal(status)
    raise UpstreamFailed(status, body, headers)


async def fail_network(_: Call, __: Any) -> Any:
    raise NetworkFailed(f"connect ECONNREFUSED {NOBODY_LISTENS}", "ECONNREFUSED")


async def validate_input(_: Call, __: Any) -> Any:
    return {"ok": True}


async def sleep(call: Call, given: Any) -> Any:
    await call.sleep(given["ms"] / 1000)
    return {"slept": given["ms"]}


async def nothing(_: Call, __: Any) -> Any:
    return None


async def a_string(_: Call, __: Any) -> Any:
    return "just a string"


async def an_array(_: Call, __: Any) -> Any:
    return [1, 2, 3]


async def array_input(_: Call, given: Any) -> Any:
    return _without_missing(n=len(given) if isinstance(given, list) else None)


async def same(_: Call, given: Any) -> Any:
    return given


async def okay(_: Call, __: Any) -> Any:
    return {"ok": True}


async def big_output(_: Call, given: Any) -> Any:
    return {"s": "x" * given["n"]}


async def contacts(call: Call, _: Any) -> Any:
    return {"who": call.integration}


def _counting(upstream: Upstream) -> tuple[Callable[[Call, Any], Awaitable[Any]], ...]:
    async def counted(_: Call, given: Any) -> Any:
        count = upstream.count(given["key"])
        if given.get("fail"):
            reason = "failed after side effect"
            raise ActionFailed(reason, count=count)
        return {"count": count}

    async def slow_count(call: Call, given: Any) -> Any:
        await call.sleep(given["ms"] / 1000)
        return {"count": upstream.count(given["key"])}

    return counted, slow_count


def _endpoint(method: Any, path: str) -> Endpoint:
    return Endpoint(method, path, group="Issues")


def _action(
    name: str,
    description: str,
    route: str,
    function: Callable[[Call, Any], Awaitable[Any]],
    given: Schema,
    returned: Schema,
    *,
    checked: bool = False,
    **more: Any,
) -> Action:
    """`route` is the method and the path that the function declares, or empty."""
    method, _, path = route.partition(" ")
    endpoint: Any = _endpoint(method, path) if route else None
    declared = Declared(given, returned, checked=checked)
    access = "read" if method == "GET" else "write"
    more = {"uses_credentials": False, **more}
    return Action(name, description, access, function, endpoint=endpoint, declared=declared, **more)


def _github(upstream: Upstream) -> tuple[Action, ...]:
    counted, _ = _counting(upstream)
    listed = record("state", owner={**TEXT, "description": "Repository owner"}, repo=TEXT, state=STATE)
    created = record(
        "body", "labels", owner=TEXT, repo=TEXT, title={**TEXT, "minLength": 1}, body=TEXT, labels=sequence(TEXT)
    )
    updated = record("title", "state", number=NUMBER, title=TEXT, state=STATE)
    me = record(connectionId=TEXT, providerConfigKey=TEXT, metadata=ANYTHING, at=NUMBER)
    found, ok, message = (
        record(owner=TEXT, repo=TEXT, number=integer()),
        record(ok={"type": "boolean"}),
        record("message", message=TEXT),
    )
    return (
        _action("list-issues", "List issues of a repository", "GET /issues", list_issues, listed, record(issues=sequence(ISSUE)), scopes=("repo",)),
        _action("get-issue", "Get one issue", "GET /issue", get_issue, found, ISSUE),
        _action("create-issue", "Create an issue", "POST /issues", create_issue, created, ISSUE, scopes=("repo",)),
        _action("update-issue", "Update an issue", "PATCH /issue", update_issue, updated, ISSUE),
        _action("delete-issue", "Delete an issue", "DELETE /issue", delete_issue, record(number=NUMBER), record(deleted={"type": "boolean"})),
        _action("whoami", "Returns the connection context, takes no input", "GET /whoami", whoami, NOTHING, me),
        _action("fail-action-error", "Throws nango.ActionError", "POST /fail/action-error", fail_action_error, message, NOTHING),
        _action("fail-throw", "Throws a plain Error", "POST /fail/throw", fail_throw, message, NOTHING),
        _action("fail-upstream", "Calls an upstream that answers with the given status", "POST /fail/upstream", fail_upstream, record("retries", status=NUMBER, retries=NUMBER), ANYTHING),
        _action("fail-network", "Calls an upstream port nobody listens on", "POST /fail/network", fail_network, NOTHING, ANYTHING),
        _action("validate-input", "Validates its input with zod through nango.zodValidateInput", "POST /validate", validate_input, record(number=integer(1)), ok, checked=True),
        _action("counted", "Counts how often it ran upstream, then fails", "POST /counted", counted, record("fail", key=TEXT, fail={"type": "boolean"}), record(count=NUMBER)),
        _action("sleep", "Sleeps for ms milliseconds", "POST /sleep", sleep, record(ms=NUMBER), record(slept=NUMBER)),
        _action("returns-nothing", "Returns undefined", "POST /nothing", nothing, record("x", x=TEXT), NOTHING),
        _action("returns-string", "Returns a bare string", "GET /string", a_string, record("x", x=TEXT), TEXT),
        _action("returns-array", "Returns an array", "GET /array", an_array, NOTHING, sequence(NUMBER)),
        _action("array-input", "Takes an array as input", "POST /array-input", array_input, sequence(TEXT), record(n=NUMBER)),
        _action("nested-input", "Takes nested, referenced and union input", "POST /nested", same, NESTED, ANYTHING),
        _action("no-endpoint", "Has no HTTP endpoint declared", "", okay, record("x", x=TEXT), ok),
        _action("big-output", "Returns n bytes", "GET /big", big_output, record(n=NUMBER), record(s=TEXT)),
        _action("batch_update_metadata", "Snake-case name; updates the connection metadata", "POST /meta", okay, record(key=TEXT, value=TEXT), ok),
        _action("list-contacts", "Same name as a hubspot action", "GET /contacts", contacts, record("limit", limit=NUMBER), record(who=TEXT)),
    )  # fmt: skip


async def _issues(_: Call, __: None) -> dict[str, list[dict[str, Any]]]:
    return {"GithubIssue": [{"id": f"i-{n}", "title": f"Issue {n}", "n": n} for n in range(25)]}


async def _fails(_: Call, __: None) -> dict[str, list[dict[str, Any]]]:
    reason = "the sync fails"
    raise ThrownError(reason)


async def _none(_: Call, __: None) -> dict[str, list[dict[str, Any]]]:
    return {"DupModel": []}


def _sync(name: str, description: str, model: str, function: Any, path: str, **more: Any) -> Sync:
    return Sync(name, description, {model: MODEL}, function, endpoint=_endpoint("GET", path), **more)


def integrations(upstream: Upstream, *, second: bool = False, without: str = "") -> tuple[Integration, ...]:
    """What the environment held. `second` is the later deployment; `without` names an action that was disabled."""
    _, slow_count = _counting(upstream)
    oauth_app = {"type": "OAUTH2", "client_id": "dummy-client-id", "client_secret": "dummy-client-secret"}
    github = _github(upstream)
    hubspot = (
        _action("list-contacts", "Same name as a github action", "GET /contacts", contacts, record("limit", limit=NUMBER), record(who=TEXT)),
    )  # fmt: skip
    hubspot_syncs: tuple[Sync, ...] = ()
    if second:
        ok = record(ok={"type": "boolean"})
        counts = record("ms", key=TEXT, ms=NUMBER)
        github += (_action("slow-count", "Waits, then counts upstream", "POST /slow-count", slow_count, counts, record(count=NUMBER)),)  # fmt: skip
        hubspot += (
            _action("call-provider", "Calls the provider with the connection credentials", "GET /call", okay, NOTHING, ANYTHING, uses_credentials=True),
            _action("dup", "An action with the name of a sync", "POST /dup", okay, NOTHING, ok),
        )  # fmt: skip
        hubspot_syncs = (
            _sync("dup", "A sync with the name of an action", "DupModel", _none, "/sync/dup", frequency="every day", auto_start=False),
        )  # fmt: skip
    return (
        Integration(
            "github",
            "github",
            "GitHub",
            scopes=("repo", "user"),
            actions=tuple(replace(each, enabled=each.name != without) for each in github),
            syncs=(
                _sync("issues", "Syncs issues", "GithubIssue", _issues, "/sync/issues"),
                _sync("failing-sync", "A sync that fails", "FailModel", _fails, "/sync/failing", frequency="every day", auto_start=False),
            ),
            credentials={**oauth_app, "scopes": "repo,user"},
        ),
        Integration("hubspot", "hubspot", "HubSpot", actions=hubspot, syncs=hubspot_syncs, credentials=oauth_app),
        Integration("slack", "slack", "Slack", credentials=oauth_app),
        Integration("salesforce", "salesforce", "Salesforce", credentials=oauth_app),
        Integration("github-pat", "github-pat", "Github (Personal Access Token)", "API_KEY"),
        Integration("private-api-bearer", "private-api-bearer", "Private API (Bearer Auth)", "API_KEY"),
        Integration("private-api-basic", "private-api-basic", "Private API (Basic Auth)", "BASIC"),
        Integration(
            "no-auth",
            "unauthenticated",
            "Unauthenticated",
            "NONE",
            actions=(_action("echo", "Echoes its input", "POST /echo", same, record(text=TEXT), record(text=TEXT)),),
        ),
    )  # fmt: skip
