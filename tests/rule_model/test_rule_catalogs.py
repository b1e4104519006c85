"""It knows no service: the same words work over other tools, over the sandbox's own, and over any words at all."""

import json
from collections.abc import Mapping
from typing import Any

import jmespath
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nango_sandbox.apps import all_apps

TODOIST = """
todoist/list-tasks(project_id?: string, label?: string, limit?: integer) -> {tasks: [{id: string, content: string, labels: [string], due: string|null}], next_cursor: string|null}
  [read] List active (non-completed) tasks.
todoist/get-task(task_id: string) -> {id: string, content: string}
  [read] Retrieve a single task.
todoist/create-task(content: string, description?: string, project_id?: string, labels?: [string], priority?: integer) -> {id: string, content: string}
  [write] Create a task
todoist/update-task(task_id: string, content?: string, priority?: integer, due_string?: string) -> {id: string}
  [write] Update a task's fields.
todoist/close-task(task_id: string) -> {success: boolean}
  [write] Mark a task complete (close it).
todoist/reopen-task(task_id: string) -> {success: boolean}
  [write] Reopen (uncomplete) a task.
todoist/list-sections(project_id?: string) -> {sections: [{id: string, name: string}]}
  [read] List sections, optionally scoped to a project.
todoist/get-project(project_id: string) -> {id: string, name: string}
  [read] Retrieve a single project.
todoist/list-projects(limit?: integer) -> {projects: [{id: string, name: string}]}
  [read] List projects.
todoist/create-project(name: string, color?: string|number) -> {id: string}
  [write] Create a project.
todoist/create-comment(task_id?: string, project_id?: string, content: string) -> {id: string}
  [write] Create a comment on a task or a project
"""
STRIPE = """
stripe/list-invoices(status?: "draft"|"open"|"paid"|"void", limit?: integer) -> {data: [{id: string, number: string|null, status: string|null, amount_due: integer, customer: string}], has_more: boolean}
  [read] List invoices.
stripe/get-invoice(id: string) -> {id: string, status: string}
  [read] Retrieve an invoice.
stripe/pay-invoice(invoice_id: string) -> {id: string, status: string}
  [destructive] Pay an invoice.
stripe/create-customer(email?: string, name?: string, description?: string) -> {id: string}
  [write] Create a customer.
stripe/create-refund(payment_intent?: string, amount?: integer) -> {id: string}
  [destructive] Refund a payment.
"""
PULLS = """
forge/list-pull-requests(owner: string, repo: string, state?: "open"|"closed"|"all") -> {pull_requests: [{number: integer, title: string}]}
  [read] List pull requests.
forge/get-pull-request(owner: string, repo: string, pull_number: integer) -> {number: integer, title: string}
  [read] Fetch a single pull request by number.
forge/list-pull-request-files(owner: string, repo: string, pull_number: integer) -> {files: [{filename: string}]}
  [read] List files changed by a pull request.
forge/merge-pull-request(owner: string, repo: string, pull_number: integer, merge_method?: "merge"|"squash"|"rebase") -> {merged: boolean}
  [destructive] Merge a pull request.
"""
OCTO = {"owner": "octo", "repo": "widgets"}
ELSEWHERE: list[tuple[str, str, list[tuple[Any, ...]]]] = [
    (TODOIST, "List my tasks", [("todoist/list-tasks", {})]),
    (TODOIST, "Add a task: Buy milk", [("todoist/create-task", {"content": "Buy milk"})]),
    (TODOIST, "Add a task to buy milk tomorrow", [("todoist/create-task", {"content": "buy milk tomorrow"})]),
    (TODOIST, "Complete task 6h78Pj92", [("todoist/close-task", {"task_id": "6h78Pj92"})]),
    (TODOIST, "Reopen task 6h78Pj92", [("todoist/reopen-task", {"task_id": "6h78Pj92"})]),
    (
        TODOIST,
        "Rename task 6h78Pj92 to 'Oat milk'",
        [("todoist/update-task", {"task_id": "6h78Pj92", "content": "Oat milk"})],
    ),
    (
        TODOIST,
        "Set the priority of task 6h78Pj92 to 4",
        [("todoist/update-task", {"task_id": "6h78Pj92", "priority": 4})],
    ),
    (TODOIST, "Show the sections of project 6h78PXjm", [("todoist/list-sections", {"project_id": "6h78PXjm"})]),
    (TODOIST, "Create a project called Vacation Planning", [("todoist/create-project", {"name": "Vacation Planning"})]),
    (
        TODOIST,
        "Comment 'soon' on task 6h78Pj92",
        [("todoist/create-comment", {"task_id": "6h78Pj92", "content": "soon"})],
    ),
    (
        TODOIST,
        "Close all tasks labelled errand",
        [("todoist/list-tasks", {"label": "errand"}), ("todoist/close-task", {"task_id": "${item.id}"}, "${s1.tasks}")],
    ),
    (
        TODOIST,
        "Complete the task 'Buy milk'",
        [
            ("todoist/list-tasks", {}),
            ("todoist/close-task", {"task_id": "${(s1.tasks[?content=='Buy milk'] | [0]).id}"}),
        ],
    ),
    (STRIPE, "Show the open invoices", [("stripe/list-invoices", {"status": "open"})]),
    (STRIPE, "Show invoice in_5XYZ1", [("stripe/get-invoice", {"id": "in_5XYZ1"})]),
    (STRIPE, "Pay invoice in_5XYZ1", [("stripe/pay-invoice", {"invoice_id": "in_5XYZ1"})]),
    (
        STRIPE,
        "Pay all open invoices",
        [
            ("stripe/list-invoices", {"status": "open"}),
            ("stripe/pay-invoice", {"invoice_id": "${item.id}"}, "${s1.data}"),
        ],
    ),
    (STRIPE, "Refund payment pi_123", [("stripe/create-refund", {"payment_intent": "pi_123"})]),
    (
        STRIPE,
        "Create a customer named Ada Lovelace with email a@b.co",
        [("stripe/create-customer", {"email": "a@b.co", "name": "Ada Lovelace"})],
    ),
    (PULLS, "Show PR 14 in octo/widgets", [("forge/get-pull-request", {**OCTO, "pull_number": 14})]),
    (
        PULLS,
        "Which files does pull request 14 in octo/widgets change?",
        [("forge/list-pull-request-files", {**OCTO, "pull_number": 14})],
    ),
    (PULLS, "Merge pull request 14 in octo/widgets", [("forge/merge-pull-request", {**OCTO, "pull_number": 14})]),
]


@pytest.mark.parametrize(("tools", "request_", "steps"), ELSEWHERE, ids=[case[1] for case in ELSEWHERE])
async def test_the_words_work_over_other_tools(
    tools: str, request_: str, steps: list[tuple[Any, ...]], submit: Any, short: Any
) -> None:
    assert short(await submit(request_, tools=tools, others="")) == steps


async def test_the_name_of_the_service_does_not_matter(submit: Any, tools: str) -> None:
    for request in (
        "Post the titles of the open issues in octo/widgets to #general",
        "Close issue 7 in octo/widgets",
        "Delete the contact with email a@b.co",
    ):
        plain = await submit(request)
        renamed = await submit(
            request, tools=tools.replace("github/", "tracker/").replace("slack/", "chat/").replace("hubspot/", "crm/")
        )
        back = json.dumps(renamed).replace("tracker/", "github/").replace("chat/", "slack/").replace("crm/", "hubspot/")
        assert json.loads(back) == plain


def notation(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    """A JSON Schema as the prompt writes it."""
    if "$ref" in schema:
        return notation(definitions[schema["$ref"].rsplit("/", 1)[1]], definitions)
    if "anyOf" in schema:
        return "|".join(notation(one, definitions) for one in schema["anyOf"])
    if "enum" in schema or "const" in schema:
        return "|".join(json.dumps(one) for one in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        return f"[{notation(schema.get('items', {}), definitions)}]"
    if schema.get("properties"):
        return "{" + ", ".join(fields(schema, definitions)) + "}"
    return str(schema.get("type", "any"))


def fields(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> list[str]:
    required = schema.get("required", [])
    return [
        f"{name}{'' if name in required else '?'}: {notation(one, definitions)}"
        for name, one in schema.get("properties", {}).items()
    ]


def sandbox_tools() -> str:
    lines: list[str] = []
    for app in all_apps():
        for action in app.actions:
            known = action.signature.definitions("given", "output")
            given, output = known["given"], known["output"]
            lines.append(f"{app.key}/{action.name}({', '.join(fields(given, known))}) -> {notation(output, known)}")
            lines.append(f"  [{action.access}] {' '.join(action.description.split())}")
            lines += [
                f"  {name}: {one['description']}"
                for name, one in given.get("properties", {}).items()
                if one.get("description")
            ]
    return "\n".join(lines)


ON_THE_SANDBOX = [
    ("Post the titles of the open issues in octo/widgets to #general", ["github/list-issues", "slack/post-message"]),
    ("How many open issues does octo/gadgets have?", ["github/list-issues"]),
    ("Show me the issues assigned to ada in octo/widgets", ["github/list-issues"]),
    ("Close all issues labelled stale in octo/gadgets", ["github/list-issues", "github/update-issue"]),
    ("Create an issue in octo/widgets titled 'Login broken' with label bug", ["github/create-issue"]),
    ("Comment 'on it' on issue 7 in octo/widgets", ["github/add-issue-comment"]),
    ("Create a label 'urgent' in octo/widgets", ["github/create-label"]),
    ("Add Ada Lovelace <ada@example.com> as a contact in HubSpot", ["hubspot/create-contact"]),
    ("Delete the contact with email ada@example.com", ["hubspot/search-contacts", "hubspot/delete-contact"]),
    ("Set the amount of the deal 'Acme' to 5000", ["hubspot/list-deals", "hubspot/update-deal"]),
    ("Post the largest deal to #sales", ["hubspot/list-deals", "slack/post-message"]),
    ("List the companies", ["hubspot/list-companies"]),
    ("Move the deal 'Acme' to closedwon", ["hubspot/list-deals", "hubspot/update-deal"]),
    ("which channels are there in Slack?", ["slack/list-channels"]),
    ("Set the topic of #sales to 'Q4 push'", ["slack/set-channel-topic"]),
    ("Archive #random", ["slack/archive-channel"]),
    ("Delete the newest message in #general", ["slack/get-conversation-history", "slack/delete-message"]),
    ("Who has the email ada@example.com in Slack?", ["slack/lookup-user-by-email"]),
]


@pytest.mark.parametrize(("request_", "expected"), ON_THE_SANDBOX, ids=[case[0] for case in ON_THE_SANDBOX])
async def test_it_plans_over_the_sandbox_apps(request_: str, expected: list[str], submit: Any, short: Any) -> None:
    assert [step[0] for step in short(await submit(request_, tools=sandbox_tools()))] == expected


async def test_a_parameter_of_two_words_is_not_taken_for_one_of_one(submit: Any) -> None:
    submitted = await submit("Update the job title of ada@example.com to CTO", tools=sandbox_tools())
    changed = submitted["steps"][1]["arguments"]
    assert {name: value for name, value in changed.items() if name != "contact_id"} == {"job_title": "CTO"}


def check(submitted: Mapping[str, Any], required: Mapping[str, list[str]], first: int) -> None:
    """What holds for any request at all."""
    assert set(submitted) == {"kind", "text", "integration", "steps"}
    assert submitted["kind"] in ("plan", "question", "answer", "integration")
    assert bool(submitted["steps"]) == (submitted["kind"] == "plan")
    assert submitted["kind"] not in ("question", "answer") or submitted["text"]
    assert [step["id"] for step in submitted["steps"]] == [f"s{first + at}" for at in range(len(submitted["steps"]))]
    for step in submitted["steps"]:
        assert set(required[step["tool"]]) <= set(step["arguments"])
        for text in [step.get("for_each", ""), *map(str, step["arguments"].values())]:
            for part in text.split("${")[1:]:
                jmespath.compile(part.partition("}")[0])


WORDS = st.sampled_from(
    [
        "close",
        "open",
        "list",
        "post",
        "create",
        "delete",
        "the",
        "a",
        "all",
        "every",
        "oldest",
        "first",
        "two",
        "issues",
        "issue",
        "7",
        "#7",
        "octo/widgets",
        "#general",
        "'Crash",
        "on'",
        "contact",
        "contacts",
        "ada@example.com",
        "deal",
        "channel",
        "message",
        "titles",
        "of",
        "in",
        "to",
        "with",
        "label",
        "bug",
        "and",
        "then",
        "for",
        "each",
        "it",
        "that",
        "them",
        "label",
        "comment",
        "rename",
        "set",
        "topic",
        "amount",
        "5000",
        ",",
        ".",
        ":",
        "?",
        "saying",
        "Ada",
        "Lovelace",
        "${s1.x}",
        "C0BUGS",
        "how",
        "many",
        "which",
        "HubSpot",
        "by",
        "email",
    ]
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.lists(WORDS, min_size=1, max_size=14) | st.text(max_size=60).map(lambda text: [text]))
async def test_any_request_gets_a_well_formed_answer(words: list[str], submit: Any, tools: str) -> None:
    required = {
        line.split("(")[0]: [
            part.split(":")[0].strip()
            for part in line.split(" -> ")[0].split("(", 1)[1].rstrip(")").split(", ")
            if ":" in part and "?:" not in part
        ]
        for line in tools.strip().splitlines()
        if "/" in line.split("(")[0] and not line.startswith(" ")
    }
    check(await submit(" ".join(words), next_id="s4"), required, 4)
