"""The three prompts as the agent writes them, put to the real model through its public interface."""

import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import jmespath
import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from nango_sandbox.rule_model import RuleBasedChatModel

ISSUE = "{number: integer, title: string, state: string, labels: [string], assignees: [string], created_at: string, body: string|null}"
CONTACT = "{id: string, email: string, first_name: string, last_name: string, phone: string|null}"
TOOLS = f"""
github/list-repositories(owner?: string, per_page?: number) -> {{repositories: [{{full_name: string, name: string, private: boolean}}]}}
  [read] List repositories that the user can see.
github/get-repository(owner: string, repo: string) -> {{full_name: string, private: boolean, description: string|null}}
  [read] Retrieve repository metadata.
github/list-issues(owner: string, repo: string, state?: "open"|"closed"|"all", labels?: string, sort?: "created"|"updated", direction?: "asc"|"desc", per_page?: number) -> {{issues: [{ISSUE}]}}
  [read] List repository issues with state, label and pagination filters.
  owner: The account owner of the repository.
  state: State of the issues to return.
github/get-issue(owner: string, repo: string, issue_number: number) -> {ISSUE}
  [read] Fetch a single issue by number.
github/create-issue(owner: string, repo: string, title: string, body?: string, assignees?: [string], labels?: [string]) -> {ISSUE}
  [write] Open a new issue in a repository.
github/update-issue(owner: string, repo: string, issue_number: number, title?: string, body?: string, state?: "open"|"closed", labels?: [string], assignees?: [string]) -> {ISSUE}
  [write] Update an issue.
github/add-issue-comment(owner: string, repo: string, issue_number: number, body: string) -> {{id: integer, body: string}}
  [write] Create a new comment on an issue.
github/list-issue-comments(owner: string, repo: string, issue_number: number) -> {{comments: [{{id: integer, body: string, user: string}}]}}
  [read] List comments attached to an issue.
github/list-labels(owner: string, repo: string) -> {{labels: [{{name: string, color: string}}]}}
  [read] List repository labels.
github/create-label(owner: string, repo: string, name: string, color: string) -> {{name: string, color: string}}
  [write] Create a repository label with name and color.
github/delete-label(owner: string, repo: string, name: string) -> {{success: boolean}}
  [destructive] Delete a repository label by name.
hubspot/list-contacts(limit?: number, after?: string) -> {{contacts: [{CONTACT}], next_cursor?: string}}
  [read] List contacts.
hubspot/search-contacts(query: string, limit?: number) -> {{contacts: [{CONTACT}]}}
  [read] Search contacts by name or email.
hubspot/get-contact(contact_id: string) -> {CONTACT}
  [read] Get one contact.
hubspot/create-contact(email: string, first_name?: string, last_name?: string, phone?: string) -> {CONTACT}
  [write] Create a contact.
hubspot/update-contact(contact_id: string, email?: string, first_name?: string, last_name?: string, phone?: string) -> {CONTACT}
  [write] Update a contact.
hubspot/delete-contact(contact_id: string) -> {{success: boolean}}
  [destructive] Delete a contact.
hubspot/list-companies(limit?: number) -> {{companies: [{{id: string, name: string, domain: string}}]}}
  [read] List companies.
hubspot/create-company(name: string, domain?: string) -> {{id: string, name: string}}
  [write] Create a company.
hubspot/list-deals(limit?: number) -> {{deals: [{{id: string, name: string, amount: number|null, stage: string}}]}}
  [read] List deals.
hubspot/create-deal(name: string, amount?: number, stage?: string) -> {{id: string, name: string}}
  [write] Create a deal.
hubspot/update-deal(deal_id: string, name?: string, amount?: number, stage?: string) -> {{id: string, name: string}}
  [write] Update a deal.
hubspot/delete-deal(deal_id: string) -> {{success: boolean}}
  [destructive] Delete a deal.
slack/list-channels(limit?: number) -> {{channels: [{{id: string, name: string, topic: string, is_archived: boolean, is_private: boolean}}]}}
  [read] List channels of the workspace.
slack/get-channel-info(channel: string) -> {{id: string, name: string, topic: string}}
  [read] Get a channel.
slack/get-conversation-history(channel: string, limit?: number) -> {{messages: [{{ts: string, user: string, text: string}}]}}
  [read] Fetch the messages of a channel, newest first.
slack/search-messages(query: string, count?: number) -> {{matches: [{{ts: string, channel: string, text: string}}]}}
  [read] Search messages.
slack/post-message(channel: string, text: string, thread_ts?: string) -> {{ok: boolean, ts: string, channel: string}}
  [write] Post a message to a channel.
slack/update-message(channel: string, ts: string, text: string) -> {{ok: boolean, ts: string, channel: string}}
  [write] Update a message.
slack/delete-message(channel: string, ts: string) -> {{ok: boolean, ts: string}}
  [destructive] Delete a message.
slack/create-channel(name: string) -> {{id: string, name: string}}
  [write] Create a public channel.
slack/set-channel-topic(channel: string, topic: string) -> {{id: string, topic: string}}
  [write] Set the topic of a channel.
slack/archive-channel(channel: string) -> {{ok: boolean}}
  [write] Archive a channel.
slack/list-users(limit?: number) -> {{members: [{{id: string, name: string, email: string}}]}}
  [read] List users.
slack/lookup-user-by-email(email: string) -> {{id: string, name: string, email: string}}
  [read] Find a user by email address.
"""
OTHERS = "todoist — Todoist: create-task, list-tasks, close-task, list-projects"
LISTED = """
github — GitHub: list-repositories, get-repository, list-issues, get-issue, create-issue, update-issue, add-issue-comment
hubspot — HubSpot: list-contacts, search-contacts, create-contact, update-contact, delete-contact, list-deals, create-deal
slack — Slack: list-channels, get-conversation-history, search-messages, post-message, set-channel-topic, archive-channel
todoist — Todoist: list-tasks, create-task, close-task
"""

Submit = Callable[..., Awaitable[dict[str, Any]]]


def bound(name: str) -> dict[str, Any]:
    return {
        "type": "function",
        "function": {"name": name, "description": name, "parameters": {"type": "object", "properties": {}}},
    }


def block(tag: str, text: str) -> str:
    return f"<{tag}>\n{text.strip()}\n</{tag}>\n" if text.strip() else ""


def turns(history: Sequence[str]) -> list[BaseMessage]:
    """Human and agent in turn, the human first."""
    return [AIMessage(text) if at % 2 else HumanMessage(text) for at, text in enumerate(history)]


async def call(name: str, messages: list[BaseMessage]) -> dict[str, Any]:
    reply = await RuleBasedChatModel().bind_tools([bound(name)], tool_choice=name).ainvoke(messages)
    assert [made["name"] for made in reply.tool_calls] == [name]
    return dict(reply.tool_calls[0]["args"])


@pytest.fixture
def tools() -> str:
    return TOOLS


@pytest.fixture
def submit() -> Submit:
    async def submit(
        request: str,
        *,
        tools: str = TOOLS,
        others: str = OTHERS,
        earlier: str = "",
        unfinished: Sequence[Mapping[str, Any]] = (),
        problem: str = "",
        declined: str = "",
        next_id: str = "s1",
        history: Sequence[str] = (),
    ) -> dict[str, Any]:
        system = "You plan the user's job.\n" + block("tools", tools) + block("other_integrations", others)
        head = block("earlier_results", earlier) + block(
            "unfinished_plan", json.dumps(unfinished) if unfinished else ""
        )
        head += block("declined", declined) + block("problem", problem) + f"<next_step_id>{next_id}</next_step_id>\n"
        last = HumanMessage(f"{head}<request>\n{request}")
        return await call("submit_plan", [SystemMessage(system), *turns(history), last])

    return submit


@pytest.fixture
def choose() -> Callable[..., Awaitable[list[str]]]:
    async def choose(request: str, history: Sequence[str] = ()) -> list[str]:
        messages = [
            SystemMessage("Choose.\n" + block("integrations", LISTED)),
            *turns(history),
            HumanMessage(f"<request>\n{request}"),
        ]
        return list((await call("choose_integrations", messages))["integrations"])

    return choose


@pytest.fixture
def answer() -> Callable[..., Awaitable[str]]:
    async def answer(request: str, results: str = "", *, earlier: str = "", problem: str = "") -> str:
        head = block("results", results) + block("earlier_results", earlier) + block("problem", problem)
        reply = await RuleBasedChatModel().ainvoke(
            [SystemMessage("Answer."), HumanMessage(f"{head}<request>\n{request}")]
        )
        return str(reply.text)

    return answer


@pytest.fixture
def short() -> Callable[[dict[str, Any]], list[tuple[Any, ...]]]:
    """A plan's steps as (tool, arguments) or (tool, arguments, for_each)."""

    def short(submitted: dict[str, Any]) -> list[tuple[Any, ...]]:
        assert submitted["kind"] == "plan", submitted
        return [
            (step["tool"], step["arguments"], *([step["for_each"]] if "for_each" in step else []))
            for step in submitted["steps"]
        ]

    return short


@pytest.fixture
def bind() -> Callable[[Any, Mapping[str, Any]], Any]:
    """What a plan's value stands for: one reference keeps its type, others are put into the text."""

    def bind(value: Any, scope: Mapping[str, Any]) -> Any:
        if isinstance(value, list):
            return [bind(one, scope) for one in value]
        if not isinstance(value, str):
            return value
        whole = re.fullmatch(r"\$\{([^}]*)\}", value)
        if whole:
            return jmespath.search(whole[1], scope)
        return re.sub(r"\$\{([^}]*)\}", lambda found: str(jmespath.search(found[1], scope)), value)

    return bind
