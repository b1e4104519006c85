"""The three apps: their data changes as their real models' would."""

from typing import Any

import httpx
import jsonschema
import pytest

from nango_sandbox import Sandbox

REPO = {"owner": "octo", "repo": "widgets"}


class Apps:
    """Runs actions that must succeed, and checks every output against the schema that the catalogue declares."""

    def __init__(
        self, sandbox: Sandbox, http: httpx.AsyncClient, catalogue: dict[str, Any], ids: dict[str, str]
    ) -> None:
        self.sandbox = sandbox
        self.http = http
        self.catalogue = catalogue
        self.ids = ids

    async def __call__(self, tool: str, /, **given: Any) -> Any:
        integration, name = tool.split("/")
        headers = {"connection-id": self.ids[integration], "provider-config-key": integration}
        body = {"action_name": name, "input": given}
        answer = await self.http.post("/action/trigger", headers=headers, json=body)
        assert answer.status_code == 200, answer.text
        action = self.catalogue[tool]
        models = action["json_schema"]["definitions"]
        jsonschema.validate(given, {**models[action["input"]], "definitions": models})
        jsonschema.validate(answer.json(), {**models[action["returns"][0]], "definitions": models})
        return answer.json()


@pytest.fixture
async def apps(sandbox: Sandbox, http: httpx.AsyncClient) -> Apps:
    configuration = (await http.get("/scripts/config")).json()
    catalogue = {f"{each['providerConfigKey']}/{one['name']}": one for each in configuration for one in each["actions"]}
    ids = {key: await sandbox.connect(key, {"end_user_id": "alice"}) for key in ("github", "hubspot", "slack")}
    return Apps(sandbox, http, catalogue, ids)


async def test_issues_are_open_ones_unless_told_otherwise(apps: Apps) -> None:
    open_ones = (await apps("github/list-issues", **REPO))["issues"]
    closed = (await apps("github/list-issues", **REPO, state="closed"))["issues"]
    both = (await apps("github/list-issues", **REPO, state="all"))["issues"]
    assert {each["state"] for each in open_ones} == {"open"}
    assert {each["state"] for each in closed} == {"closed"}
    assert len(open_ones) + len(closed) == len(both) == 7


async def test_issues_are_filtered_ordered_and_paged(apps: Apps) -> None:
    bugs = (await apps("github/list-issues", **REPO, labels="BUG, p1"))["issues"]
    assert [each["title"] for each in bugs] == ["Crash on save"]
    oldest = (await apps("github/list-issues", **REPO, direction="asc", per_page=2))["issues"]
    rest = (await apps("github/list-issues", **REPO, direction="asc", per_page=2, page=2))["issues"]
    dates = [each["created_at"] for each in oldest + rest]
    assert len(dates) == 4
    assert dates == sorted(dates)
    unassigned = (await apps("github/list-issues", **REPO, assignee="none"))["issues"]
    assert unassigned
    assert all(each["assignees"] == [] for each in unassigned)
    assert (await apps("github/list-issues", **REPO, sort="comments"))["issues"][0]["comments"] == 2


async def test_an_issue_is_opened_discussed_closed_and_reopened(apps: Apps) -> None:
    issue = await apps("github/create-issue", **REPO, title="Login broken", labels=["bug", "login"], assignees=["ada"])
    one = {**REPO, "issue_number": issue["number"]}
    await apps("github/add-issue-comment", **one, body="On it")
    comments = (await apps("github/list-issue-comments", **one))["comments"]
    assert [(each["author"], each["body"]) for each in comments] == [("alice", "On it")]
    closed = await apps("github/update-issue", **one, state="closed", body=None)
    assert (closed["state"], closed["body"], closed["comments"], closed["labels"]) == (
        "closed",
        None,
        1,
        ["bug", "login"],
    )
    assert closed["closed_at"] is not None
    reopened = await apps("github/update-issue", **one, state="open", title="Login broken again")
    assert (reopened["closed_at"], reopened["title"]) == (None, "Login broken again")
    assert await apps("github/get-issue", **one) == reopened
    assert "login" in [each["name"] for each in (await apps("github/list-labels", **REPO))["labels"]]


async def test_a_deleted_label_leaves_its_issues(apps: Apps) -> None:
    assert (await apps("github/list-issues", **REPO, labels="bug"))["issues"]
    assert await apps("github/delete-label", **REPO, name="Bug") == {"success": True}
    assert (await apps("github/list-issues", **REPO, state="all", labels="bug"))["issues"] == []
    gadgets = await apps("github/list-issues", owner="octo", repo="gadgets", labels="bug")
    assert gadgets["issues"], "the other repository keeps its own"


async def test_a_repository_counts_its_open_issues(apps: Apps) -> None:
    names = [each["full_name"] for each in (await apps("github/list-repositories"))["repositories"]]
    assert names == ["octo/widgets", "octo/gadgets"]
    before = (await apps("github/get-repository", **REPO))["open_issues_count"]
    await apps("github/create-issue", **REPO, title="One more")
    assert (await apps("github/get-repository", **REPO))["open_issues_count"] == before + 1


async def test_a_message_goes_to_a_channel_by_id_name_or_hash(apps: Apps) -> None:
    channels = (await apps("slack/list-channels"))["channels"]
    general = next(each for each in channels if each["name"] == "general")
    for reference in (general["id"], "general", "#general"):
        posted = await apps("slack/post-message", channel=reference, text=f"to {reference}")
        assert posted["channel"] == general["id"]
    history = await apps("slack/get-conversation-history", channel="general", limit=3)
    assert [each["text"] for each in history["messages"]] == ["to #general", "to general", f"to {general['id']}"]
    assert history["has_more"] is True


async def test_a_message_is_answered_edited_found_and_deleted(apps: Apps) -> None:
    posted = await apps("slack/post-message", channel="random", text="Where is the ladder?")
    await apps("slack/post-message", channel="random", text="In the cellar", thread_ts=posted["ts"])
    await apps("slack/update-message", channel="random", ts=posted["ts"], text="Where is the long ladder?")
    found = await apps("slack/search-messages", query="LONG ladder")
    assert [(each["text"], each["edited"]) for each in found["matches"]] == [("Where is the long ladder?", True)]
    await apps("slack/delete-message", channel="random", ts=posted["ts"])
    assert (await apps("slack/search-messages", query="long ladder"))["total"] == 0


async def test_a_channel_is_made_named_and_archived(apps: Apps) -> None:
    channel = await apps("slack/create-channel", name="launch")
    assert (await apps("slack/set-channel-topic", channel="#launch", topic="Q4"))["topic"] == "Q4"
    assert (await apps("slack/archive-channel", channel=channel["id"]))["is_archived"] is True
    assert "launch" not in [each["name"] for each in (await apps("slack/list-channels"))["channels"]]
    every = await apps("slack/list-channels", exclude_archived=False)
    assert "launch" in [each["name"] for each in every["channels"]]
    assert (await apps("slack/get-channel-info", channel="launch"))["is_archived"] is True


async def test_people_are_found_by_email(apps: Apps) -> None:
    users = (await apps("slack/list-users"))["members"]
    assert len(users) == 6
    assert await apps("slack/lookup-user-by-email", email="ADA@octo.example") == users[0]


async def test_a_contact_is_made_found_changed_and_deleted(apps: Apps) -> None:
    made = await apps("hubspot/create-contact", email="ada@example.com", first_name="Ada", last_name="Lovelace")
    found = await apps("hubspot/search-contacts", query="lovelace ada")
    assert found["contacts"] == [made]
    changed = await apps("hubspot/update-contact", contact_id=made["id"], company="Initech", email="ADA@example.com")
    assert (changed["company"], changed["first_name"], changed["id"]) == ("Initech", "Ada", made["id"])
    assert await apps("hubspot/delete-contact", contact_id=made["id"]) == {"id": made["id"], "deleted": True}
    again = await apps("hubspot/create-contact", email="ada@example.com")
    assert again["id"] != made["id"], "ids are not given twice"


async def test_contacts_are_paged_without_gaps_or_repeats(apps: Apps) -> None:
    page = await apps("hubspot/list-contacts", limit=3)
    seen = page["contacts"]
    while page["next_cursor"]:
        page = await apps("hubspot/list-contacts", limit=3, after=page["next_cursor"])
        seen += page["contacts"]
    assert seen == (await apps("hubspot/list-contacts"))["contacts"]
    assert len(seen) == 8


async def test_a_deal_moves_through_the_pipeline(apps: Apps) -> None:
    deal = await apps("hubspot/create-deal", name="Wonka trial", amount=1200, company="Wonka")
    assert (deal["stage"], deal["owner"]) == ("appointmentscheduled", "alice")
    await apps("hubspot/update-deal", deal_id=deal["id"], stage="closedwon")
    won = (await apps("hubspot/list-deals", stage="closedwon"))["deals"]
    assert deal["id"] in [each["id"] for each in won]
    await apps("hubspot/delete-deal", deal_id=deal["id"])
    assert deal["id"] not in [each["id"] for each in (await apps("hubspot/list-deals"))["deals"]]
    await apps("hubspot/create-company", name="Wonka", industry="Food")
    assert [each["name"] for each in (await apps("hubspot/list-companies"))["companies"]][-1] == "Wonka"
