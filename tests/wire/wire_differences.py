"""Where the sandbox may differ from what was recorded, and what of the recordings is no exchange, each with its reason."""

from collections.abc import Mapping

OWN_WORDS = (
    "the sandbox describes in words of its own what it does and whom it connects to",
    r'\$.*\.(description|example): expected ".*, found "',
)
ACCEPTED: Mapping[tuple[str, str], tuple[str, str]] = {
    ("connect-sessions", "GET /providers/:p with the session token"): OWN_WORDS,
    ("providers", "list (trimmed to a few)"): OWN_WORDS,
    ("providers", "get github-pat"): OWN_WORDS,
    ("providers", "get salesforce"): OWN_WORDS,
    ("mcp-management", "tools/list, full"): OWN_WORDS,
    ("mcp-management", "tools/list with a key that has only environment:connections:read"): OWN_WORDS,
    ("mcp-management", "tools/list with a key that has only environment:connect_sessions:write"): OWN_WORDS,
    ("connect-as-end-user", "OAuth start: redirect to the provider"): (
        "the sandbox authorizes at a page of its own and connects to no provider",
        r"(\$|location): expected .*github",
    ),
    ("name-collisions", "trigger dup"): (
        "the failure came from that installation's file storage, where the sync had overwritten the action",
        r"status: expected 500 .*Incorrect script loaded.* found 200",
    ),
    ("scripts-config", "one function code"): ("functions of the sandbox are not TypeScript", r"\$\.code: expected"),
}
"""By topic and exchange: why, and what the lines of the differences match that are accepted."""

NOT_EXCHANGES: Mapping[tuple[str, str], str] = {
    ("actions-async", "sequential: seconds until each was done"): "a time, see test_time.py",
    ("client-timeouts", "POST /action/trigger abandoned"): "has no answer, see test_time.py",
    ("client-timeouts", "POST /mcp tools/call abandoned"): "has no answer, see test_time.py",
    ("client-timeouts", "answer of the cancelled call"): "has no request, see test_time.py",
    ("disabled-action-and-concurrency", "setup"): "a note",
    ("disabled-action-and-concurrency", "MCP tools/list: names"): "a summary, see test_cases_mcp.py",
    ("disabled-action-and-concurrency", "scripts/config format=nango: the entry"): "a part, see test_cases_integrations.py",
    ("disabled-action-and-concurrency", "scripts/config format=openai: the entry"): "a part, see test_cases_integrations.py",
    ("disabled-action-and-concurrency", "six parallel tools/call of a 2 s sleep"): "times, see test_time.py",
    ("mcp-tools-list", "not listed"): "a note, see test_cases_mcp.py",
    ("rate-limit", "requests until 429"): "a number, which the requests before the 429 repeat",
}  # fmt: skip

NOT_TOPICS: Mapping[str, str] = {
    "webhooks": "what Nango sends; there is no request to play",
    "mcp-python-client": "what a client reported, not what was on the wire",
    "latency": "times",
}
