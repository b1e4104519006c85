"""Actions over REST, at once and in the background (NANGO.md 7 to 12)."""

from collections.abc import Callable, Mapping
from typing import Any

from wire_cases import Case, error, invalid, missing, on, unknown
from wire_upstream import NOBODY_LISTENS, Upstream

SERVER = {"second": True, "without": "delete-issue"}
GITHUB = on("gh-alice", "github")
RUNTIME, INTERNAL = (
    "The action script failed with a runtime error",
    "An internal error occurred during the script execution",
)
NETWORK = "A network error occurred during an HTTP call"
NO_CONNECTION = error("unknown_connection", "Failed to find connection")
NO_ACTION = error("not_found", "Action not found")
WHO = {"connectionId": "gh-alice", "providerConfigKey": "github", "metadata": {"owner": "octo"}, "at": "<milliseconds>"}
TOO_LARGE = "Output size is too large: {} bytes. Maximum allowed size is 2097152 bytes (2MB). See the deprecation announcement: https://nango.dev/docs/updates/dev#august-22-2025"


def failed(code: str, message: str, /, **payload: Any) -> dict[str, Any]:
    return error(code, message, payload=payload)


def upstream_says(status: int) -> dict[str, Any]:
    """Of the upstream's headers, its content type and its rate are left. There is no message."""
    body = {"message": f"upstream says {status}", "documentation_url": "x"}
    headers = {
        "content-type": "application/json",
        "x-ratelimit-limit": "60",
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": "<epoch>",
    }
    return {
        "error": {
            "code": "script_http_error",
            "payload": body,
            "upstream": {"status": status, "headers": headers, "body": body},
        }
    }


def thrown(message: str) -> dict[str, Any]:
    return failed(
        "script_internal_error",
        INTERNAL,
        message=message,
        name="Error",
        stacktrace=[f"Error: {message}", "<stack frame>"],
    )


def trigger(
    name: str, action: str, status: int, body: Any, *given: Any, headers: Mapping[str, str] = GITHUB, **more: Any
) -> Case:
    sends = {"action_name": action, **({"input": given[0]} if given else {})}
    return Case(name, "POST /action/trigger", status, body, sends, headers, **more)


def later(name: str, action: str, *given: Any, keep: str, **headers: str) -> Case:
    accepted = {"id": "<uuid>", "statusUrl": "/action/<uuid>"}
    return trigger(
        name,
        action,
        202,
        accepted,
        *given,
        headers={**GITHUB, "x-async": "true", **headers},
        keeps={keep: "id"},
        answered_headers={"location": "/action/<uuid>"},
    )


def result(name: str, kept: str, status: int, body: Any, **more: Any) -> Case:
    return Case(name, f"GET /action/{{{kept}}}", status, body, **more)


NOT_YET = error("not_found", "No action '<uuid>' found")

TABLE = (
    trigger("an object", "list-issues", 200, {"issues": [{"id": n, "title": f"Issue {n} of a/b", "state": "open"} for n in (1, 2)]}, {"owner": "a", "repo": "b"}),
    trigger("no input", "whoami", 200, WHO),
    trigger("null", "returns-nothing", 200, None, {}),
    trigger("a string", "returns-string", 200, "just a string", {}),
    trigger("an array", "returns-array", 200, [1, 2, 3]),
    trigger("an array for input", "array-input", 200, {"n": 3}, ["a", "b", "c"]),
    trigger("nested input comes through as it is", "nested-input", 200, {"filter": {"state": "closed"}, "note": "x"}, {"filter": {"state": "closed"}, "note": "x"}),
    trigger("input is not validated for the function", "create-issue", 200, {"id": 42, "state": "open"}, {"labels": 7}),
    trigger("an action without an endpoint", "no-endpoint", 200, {"ok": True}, {}),
    trigger("the function refuses its input", "validate-input", 500, failed("action_script_runtime_error", RUNTIME, message="Invalid input provided"), {"number": 0}),
    trigger("the function accepts its input", "validate-input", 200, {"ok": True}, {"number": 1}),
    trigger("an ActionError", "fail-action-error", 500, failed("action_script_runtime_error", RUNTIME, code="quota", details={"field": "x"}, message="too many"), {"message": "too many"}),
    trigger("a thrown error", "fail-throw", 500, thrown("oh"), {"message": "oh"}),
    *(trigger(f"the upstream answers {status}", "fail-upstream", 424, upstream_says(status), {"status": status}) for status in (400, 401, 403, 404, 409, 422, 429, 500, 503)),
    trigger("a network error", "fail-network", 500, failed("script_network_error", NETWORK, code="ECONNREFUSED", message=f"connect ECONNREFUSED {NOBODY_LISTENS}", name="Error", stacktrace=[f"Error: connect ECONNREFUSED {NOBODY_LISTENS}", "<stack frame>"])),
    trigger("the largest output", "big-output", 200, {"s": "<text>"}, {"n": 2 * 1024 * 1024 - 8}),
    trigger("an output too large by a byte", "big-output", 500, failed("script_internal_error", INTERNAL, message=TOO_LARGE.format(2097153), name="Error", stacktrace=[f"Error: {TOO_LARGE.format(2097153)}"]), {"n": 2 * 1024 * 1024 - 7}),
    trigger("an unknown action", "nope", 404, NO_ACTION, {}),
    trigger("the name of a sync", "issues", 404, NO_ACTION, {}),
    trigger("an action of another integration", "echo", 404, NO_ACTION, {"text": "x"}),
    trigger("a disabled action", "delete-issue", 404, error("disabled_resource", "The action is disabled"), {"number": 1}),
    trigger("an unknown connection", "whoami", 400, NO_CONNECTION, headers=on("nope", "github")),
    trigger("an unknown integration", "whoami", 400, NO_CONNECTION, headers=on("gh-alice", "nope")),
    trigger("a connection of another integration", "whoami", 400, NO_CONNECTION, headers=on("pab-alice", "github")),
    trigger("no connection id", "whoami", 400, invalid("headers", missing("connection-id")), headers={"provider-config-key": "github"}),
    trigger("no integration", "whoami", 400, invalid("headers", missing("provider-config-key")), headers={"connection-id": "gh-alice"}),
    trigger("neither", "whoami", 400, invalid("headers", missing("connection-id"), missing("provider-config-key")), headers={}),
    Case("no action name", "POST /action/trigger", 400, invalid("body", missing("action_name")), {}, GITHUB),
    trigger("a bad action name", "list issues", 400, invalid("body", ("invalid_format", "Invalid string: must match pattern /^[a-zA-Z0-9_-]+$/", "action_name"))),
    Case("a field that is not known is ignored", "POST /action/trigger", 200, WHO, {"action_name": "whoami", "args": {}}, GITHUB),
    Case("the name of an action is too long", "POST /action/trigger", 400, invalid("body", ("too_big", "Too big: expected string to have <=255 characters", "action_name")), {"action_name": "x" * 256}, GITHUB),
    Case("a connection id in the headers is too long", "POST /action/trigger", 400, invalid("headers", ("too_big", "Too big: expected string to have <=255 characters", "connection-id")), {"action_name": "whoami"}, on("x" * 256, "github")),
    Case("all that is wrong with the headers is told together", "POST /action/trigger", 400, invalid("headers", missing("connection-id"), missing("provider-config-key"), ("invalid_value", 'Invalid option: expected one of "true"|"1"|"yes"|"on"|"y"|"enabled"|"false"|"0"|"no"|"off"|"n"|"disabled"', "x-async"), ("too_big", "Too big: expected number to be <=5", "x-max-retries")), {"action_name": "whoami"}, {"x-async": "maybe", "x-max-retries": "9"}),
    Case("no text is no retries", "POST /action/trigger", 200, WHO, {"action_name": "whoami"}, {**GITHUB, "x-max-retries": ""}),
    Case("retries with an exponent", "POST /action/trigger", 200, WHO, {"action_name": "whoami"}, {**GITHUB, "x-max-retries": "1e0"}),
    Case("the id of a result without dashes", "GET /action/01A1FAC1AC7177E39A72A13F21FEE0B8", 400, invalid("uri_params", ("invalid_format", "Invalid UUID", "id"))),
    Case("the id of a result of no known version", "GET /action/01a1fac1-ac71-f7e3-9a72-a13f21fee0b8", 400, invalid("uri_params", ("invalid_format", "Invalid UUID", "id"))),
    Case("the content type is looked at before the key", "POST /action/trigger", 415, error("invalid_content_type", "Content-Type header must be application/json"), "{}", {"content-type": "text/plain"}, key="bad"),
    Case("JSON is read before the key", "POST /action/trigger", 400, error("invalid_json", "Unexpected end of JSON input"), '{"a":', GITHUB, key="bad"),
    Case("a get with another content type", "GET /connections", 415, error("invalid_content_type", "Content-Type header must be application/json"), headers={"content-type": "text/plain"}),
    Case("a body that is only a string", "POST /action/trigger", 400, error("invalid_json", "<text>"), '"x"', GITHUB),
    Case("a body that is null", "POST /action/trigger", 400, error("invalid_json", "<text>"), "null", GITHUB),
    Case("a body that is almost JSON counts as none", "POST /action/trigger", 400, invalid("body", missing("", "object")), "{}", {**GITHUB, "content-type": "application/json-patch+json"}),
    Case("an input as deep as may be", "POST /action/trigger", 200, WHO, '{"action_name": "whoami", "input": ' + "[" * 99 + "]" * 99 + "}", GITHUB),
    Case("an input that is too deep", "POST /action/trigger", 400, error("invalid_json", "<text>"), '{"action_name": "whoami", "input": ' + "[" * 100 + "]" * 100 + "}", GITHUB),
    Case("a query is refused", "POST /action/trigger?a=1", 400, invalid("query_params", unknown("a")), {"action_name": "whoami"}, GITHUB),
    trigger("too many retries", "whoami", 400, invalid("headers", ("too_big", "Too big: expected number to be <=5", "x-max-retries")), headers={**GITHUB, "x-max-retries": "6"}),
    trigger("retries that are no number", "whoami", 400, invalid("headers", ("invalid_type", "Invalid input: expected number, received NaN", "x-max-retries")), headers={**GITHUB, "x-max-retries": "many"}),
    trigger("a synchronous action is not retried", "counted", 500, failed("action_script_runtime_error", RUNTIME, count=1, message="failed after side effect"), {"key": "once", "fail": True}, headers={**GITHUB, "x-max-retries": "5"}),
    trigger("credentials that cannot be refreshed do not matter to a function that takes none", "list-contacts", 200, {"who": "hubspot"}, {}, headers=on("hs-alice", "hubspot")),
    Case("the declared route of an action", "POST /v1/issues", 200, {"id": 42, "title": "t", "state": "open"}, {"title": "t"}, GITHUB),
    Case("the declared route takes no query", "GET /v1/issues?owner=o", 400, invalid("query_params", unknown("owner")), None, GITHUB),
    later("an action in the background", "sleep", {"ms": 60_000}, keep="sleep"),
    result("it is not found while it runs", "sleep", 404, NOT_YET),
    result("then it has its output", "sleep", 200, {"slept": 60_000}, waits=True),
    result("and keeps it", "sleep", 200, {"slept": 60_000}),
    later("one that fails", "fail-action-error", {"message": "no"}, keep="failing"),
    result("its failure is the answer", "failing", 500, failed("action_script_runtime_error", RUNTIME, code="quota", details={"field": "x"}, message="no"), waits=True),
    later("one that throws", "fail-throw", keep="throwing"),
    result("its error is the answer", "throwing", 500, thrown("plain failure"), waits=True),
    later("one whose upstream refuses", "fail-upstream", {"status": 409}, keep="refused"),
    result("the upstream's refusal is the answer", "refused", 424, upstream_says(409), waits=True),
    later("one that is retried twice", "counted", {"key": "thrice", "fail": True}, keep="retried", **{"x-max-retries": "2"}),
    result("it ran three times", "retried", 500, failed("action_script_runtime_error", RUNTIME, count=3, message="failed after side effect"), waits=True),
    later("one that is not retried unless asked", "counted", {"key": "single", "fail": True}, keep="single"),
    result("it ran once", "single", 500, failed("action_script_runtime_error", RUNTIME, count=1, message="failed after side effect"), waits=True),
    later("one that returns null", "returns-nothing", {}, keep="null"),
    later("one after it", "returns-array", keep="after"),
    result("the one after it is done", "after", 200, [1, 2, 3], waits=True),
    result("null is never found", "null", 404, NOT_YET),
    trigger("in the background, an unknown action", "nope", 404, NO_ACTION, headers={**GITHUB, "x-async": "true"}),
    trigger("in the background, an unknown connection", "whoami", 400, NO_CONNECTION, headers={**on("nope", "github"), "x-async": "true"}),
    trigger("in the background, too many retries", "whoami", 400, invalid("headers", ("too_big", "Too big: expected number to be <=5", "x-max-retries")), headers={**GITHUB, "x-async": "true", "x-max-retries": "6"}),
    Case("an unknown result", "GET /action/11111111-2222-4333-8444-555555555555", 404, NOT_YET),
    Case("a malformed result", "GET /action/1", 400, invalid("uri_params", ("invalid_format", "Invalid UUID", "id"))),
)  # fmt: skip


def test_actions_answer_as_a_real_server(case: Case, told: Callable[[Case], list[str]]) -> None:
    assert not told(case)


def test_functions_ran_as_often_as_the_answers_say(told: Callable[[Case], list[str]], upstream: Upstream) -> None:
    assert upstream.counts == {"once": 1, "thrice": 3, "single": 1}
