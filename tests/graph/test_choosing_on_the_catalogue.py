"""How often the rule spares the model on real tools and labelled requests, and how often it is wrong then. Prints the figures (`-s`)."""

import gzip
import json
import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from nango_graph.choosing import clear_choice
from nango_tools import IntegrationSummary

FOLDER = Path(__file__).parents[3] / "shared" / "action-catalog"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the catalogue is not here")

DRAWS = 5
"""Random environments of each size, for each request."""

TRAPS: Sequence[tuple[str, set[str]]] = (
    # Two are needed, one is named.
    ("Post the titles of the GitHub issues to #general", {"github", "slack"}),
    ("Mail the open GitHub issues to Bob", {"github", "google-mail"}),
    ("Tell the team about GitHub issue 5", {"github", "slack"}),
    ("Create a task for each open GitHub issue", {"github", "todoist"}),
    ("Close GitHub issue 5 and send Bob a note about it", {"github", "slack"}),
    ("Is the author of GitHub PR 88 on vacation?", {"github", "zoho-people"}),
    ("Move the GitHub milestone dates to the calendar", {"github", "google-calendar"}),
    ("Schreib Anna eine Nachricht mit den offenen GitHub-Issues", {"github", "slack"}),
    ("Envía un correo a Ana con las incidencias abiertas de GitHub", {"github", "google-mail"}),
    ("Manda a Luca le issue aperte di GitHub", {"github", "slack"}),
    ("Stuur de open GitHub-issues naar het team", {"github", "slack"}),
    ("GitHubの未解決の課題をチームに送って", {"github", "slack"}),
    ("Put the Asana tasks due tomorrow into my calendar", {"asana", "google-calendar"}),
    ("Add the Asana tasks of this week to my spreadsheet", {"asana", "google-sheet"}),
    ("Text Bob the Stripe balance", {"stripe", "twilio"}),
    ("Remind everyone with an open Stripe bill by mail", {"stripe", "google-mail"}),
    ("Turn the newest Zendesk ticket into a bug report", {"zendesk", "github"}),
    ("Call the customer of Zendesk ticket 12", {"zendesk", "twilio"}),
    ("Translate the Zendesk ticket 9 to French", {"zendesk", "anthropic"}),
    ("Write a document with what people said on Slack yesterday", {"slack", "google-docs"}),
    ("Make a playlist from the songs people posted in Slack", {"slack", "spotify"}),
    ("Check whether the people in this Slack channel are in our payroll", {"slack", "gusto-demo"}),
    ("Invite everyone in the Slack marketing channel to a meeting on Friday", {"slack", "google-calendar"}),
    ("Add the Lever candidates as contacts in our CRM", {"lever", "pipelinecrm"}),
    ("Give every new BambooHR employee an account", {"bamboohr", "okta"}),
    ("Book the PayPal payments of last week in the books", {"paypal", "quickbooks-sandbox"}),
    ("Send the Shopify order 1001 tracking link to the buyer", {"shopify", "google-mail"}),
    ("Compare the Mixpanel funnel with the one from last month in the warehouse", {"mixpanel", "supabase"}),
    ("Print the labels of the Shopify orders to a file", {"shopify", "one-drive"}),
    # One is named, another is needed.
    ("Don't touch GitHub, what is on my calendar today?", {"google-calendar"}),
    ("Show me everything due this week, without Asana", {"todoist"}),
    ("Alles außer Slack: was ist neu?", {"google-mail"}),
    ("Zeig mir meine Termine, aber nicht die aus Slack", {"google-calendar"}),
    ("Find the mail about the Slack migration", {"google-mail"}),
    ("Add a task to cancel Spotify", {"todoist"}),
    ("Remind me at five to call Shopify", {"slack"}),
    ("Which invoices did Slack send us?", {"quickbooks-sandbox"}),
    ("What did Okta charge us last month?", {"quickbooks-sandbox"}),
    ("How many of our leads work at Slack?", {"apollo"}),
    ("Which meetings do I have with Shopify tomorrow?", {"google-calendar"}),
    # An ordinary word.
    ("box up the order 1001 for the customer", {"shopify"}),
    ("put the newest issue in front", {"github"}),
    ("bill the customer of order 1001", {"shopify"}),
)
"""Requests in which a name is not the whole story."""

PLAIN: Sequence[tuple[str, set[str]]] = (
    ("List the open issues of octo/widgets on GitHub", {"github"}),
    ("show my github notifications", {"github"}),
    ("Close issue #12 on GitHub", {"github"}),
    ("Which Slack channels am I in?", {"slack"}),
    ("Post 'hello' to the Slack channel general", {"slack"}),
    ("Who reacted to the last message in the Slack channel random?", {"slack"}),
    ("What tasks are due today in Todoist?", {"todoist"}),
    ("Mark the Todoist task 'buy milk' as done", {"todoist"}),
    ("Give me the last five Zendesk tickets", {"zendesk"}),
    ("Assign Zendesk ticket 12 to Kim", {"zendesk"}),
    ("Find the contact jo@x.com in Intercom", {"intercom"}),
    ("Cancel the Stripe subscription of jo@x.com", {"stripe"}),
    ("How many orders did Shopify have yesterday?", {"shopify"}),
    ("Delete the Google Calendar event 'Lunch' tomorrow", {"google-calendar"}),
    ("What files are in my Box root folder?", {"box"}),
)
"""What people ask for most, in the words of the tools."""


@dataclass(frozen=True)
class Labelled:
    """right: each set of integrations that does it"""

    text: str
    right: tuple[frozenset[str], ...]


@cache
def integrations() -> dict[str, IntegrationSummary]:
    """Named by their keys alone, which is harder than with the names that people give them."""
    tools: dict[str, list[tuple[str, str]]] = defaultdict(list)
    with gzip.open(FOLDER / "catalog.jsonl.gz", "rt") as lines:
        for action in map(json.loads, lines):
            tools[action["integration"]].append((action["name"], action["description"]))
    return {
        key: IntegrationSummary(key=key, provider=key, display_name=key, tools=tuple(own)) for key, own in tools.items()
    }


def requests() -> list[Labelled]:
    labelled = json.loads((FOLDER / "requests.json").read_text())
    return [
        *(Labelled(one["text"], _one_each(key for key, _ in one["accept"])) for one in labelled["single"]),
        *(Labelled(one["text"], _together(one["steps"])) for one in labelled["multi"]),
        *(Labelled(one["text"], _one_each(key for key, _ in one["would_use"])) for one in labelled["clarify"]),
        *(Labelled(one["text"], (frozenset(),)) for one in labelled["impossible"]),
    ]


def _one_each(keys: Iterable[str]) -> tuple[frozenset[str], ...]:
    return tuple(frozenset({key}) for key in dict.fromkeys(keys))


def _together(steps: list[dict[str, Any]]) -> tuple[frozenset[str], ...]:
    sets = {frozenset[str]()}
    for step in steps:
        same = [step["integration"], *(integration for integration, _ in step["also"])]
        sets = {chosen | {key} for chosen in sets for key in same}
    return tuple(sorted(sets, key=sorted))


@dataclass
class Figures:
    asked: int = 0
    clear: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def precision(self) -> float:
        return 1 - len(self.wrong) / self.clear if self.clear else 1.0

    def __str__(self) -> str:
        return f"clear {self.clear / self.asked:6.1%} of {self.asked}, right {self.precision:7.2%} of {self.clear}"


def measured(rows: Iterable[Labelled], size: int | None, *, connected: bool = False) -> Figures:
    """In an environment of all integrations, or in random ones of `size` with one of the right sets in them."""
    figures, chance, every = Figures(), random.Random(7), integrations()
    for row in rows:
        for _ in range(1 if size is None else DRAWS):
            there = set(every)
            if size is not None:
                needed = chance.choice(row.right)
                others = sorted(every.keys() - frozenset().union(*row.right))
                there = {*needed, *chance.sample(others, max(0, size - len(needed)))}
            choice = clear_choice(row.text, [every[key] for key in sorted(there)], allowed=there)
            figures.asked += 1
            if choice is not None and (choice.sure or connected):
                figures.clear += 1
                if choice.needed not in row.right:
                    figures.wrong.append(row.text)
    return figures


def _rows(written: Sequence[tuple[str, set[str]]]) -> list[Labelled]:
    return [Labelled(text, (frozenset(keys),)) for text, keys in written]


SIZES = pytest.mark.parametrize("size", [None, 5, 20, 60], ids=lambda size: f"{size or 'all'} integrations")


@SIZES
@pytest.mark.parametrize("connected", [False, True], ids=["nothing connected", "all connected"])
def test_what_is_clear_is_right(size: int | None, connected: bool) -> None:
    figures = measured(requests(), size, connected=connected)
    connections = "all connected" if connected else "none connected"
    print(f"labelled requests, {size or 'all'} integrations, {connections}: {figures}")  # noqa: T201
    assert figures.precision >= 0.99, sorted(set(figures.wrong))
    assert figures.clear / figures.asked >= (0.07 if size is None else 0.09)


@SIZES
def test_a_name_that_is_not_the_whole_story_is_mostly_seen_through(size: int | None) -> None:
    figures = measured(_rows(TRAPS), size)
    print(f"traps, {size or 'all'} integrations: {len(figures.wrong)} of {figures.asked} not seen through")  # noqa: T201
    assert len(figures.wrong) <= 0.15 * figures.asked, sorted(set(figures.wrong))


@SIZES
def test_a_plain_request_is_mostly_clear(size: int | None) -> None:
    figures = measured(_rows(PLAIN), size)
    print(f"plain requests, {size or 'all'} integrations: {figures}")  # noqa: T201
    assert not figures.wrong
    assert figures.clear / figures.asked >= (0.8 if size in {5, 20} else 0.6)
