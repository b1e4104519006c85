"""A catalogue from a file: made-up integrations whose data nevertheless holds together."""

import gzip
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from nango_sandbox import CatalogError, Sandbox, all_apps, read_catalog
from nango_sandbox.catalog.naming import understand

CATALOG = Path(__file__).parents[3] / "shared" / "action-catalog" / "catalog.jsonl.gz"
OBJECT = {"type": "object"}


def schema(*required: str, **properties: Any) -> dict[str, Any]:
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        **OBJECT,
        "properties": properties,
        "required": list(required),
    }


TEXT, NUMBER = {"type": "string"}, {"type": "number"}
LINES: dict[str, dict[str, Any]] = {
    "list-contacts": schema(listId=NUMBER, status=TEXT, limit=NUMBER, page=NUMBER),
    "search-contacts": schema("query", query=TEXT),
    "get-contact": schema("contactId", contactId=NUMBER),
    "create-contact": schema("email", email=TEXT, firstName=TEXT, list_id=NUMBER),
    "update-contact": schema("contactId", contactId=NUMBER, firstName=TEXT),
    "delete-contact": schema("contactId", contactId=NUMBER),
    "batch-create-contacts": schema("contacts", contacts={"type": "array", "items": OBJECT}),
    "remove-contact-from-list": schema("contactId", "listId", contactId=NUMBER, listId=NUMBER),
    "get-settings": schema(),
    "update-settings": schema(theme=TEXT),
    "cancel-order": schema("order_id", order_id={**TEXT, "format": "uuid"}),
    "get-order": schema("order_id", order_id={**TEXT, "format": "uuid"}),
    "import-contacts": {"$schema": "http://json-schema.org/draft-07/schema#", "type": "array", "items": OBJECT},
}


def line(name: str, /, **more: Any) -> dict[str, Any]:
    return {
        "integration": "crm-api-key",
        "name": name,
        "description": "",
        "input_schema": LINES.get(name, schema()),
    } | more


def write(path: Path, *lines: dict[str, Any] | str) -> Path:
    text = "\n".join(each if isinstance(each, str) else json.dumps(each) for each in lines) + "\n"
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return path


class Crm:
    """One connection of the made-up integration."""

    def __init__(self, sandbox: Sandbox, http: httpx.AsyncClient) -> None:
        self.sandbox = sandbox
        self.http = http

    async def answer(self, action: str, given: Any) -> httpx.Response:
        headers = {"connection-id": "c", "provider-config-key": "crm-api-key"}
        return await self.http.post("/action/trigger", headers=headers, json={"action_name": action, "input": given})

    async def __call__(self, action: str, **given: Any) -> Any:
        answer = await self.answer(action, given)
        assert answer.status_code == 200, answer.text
        return answer.json()


@asynccontextmanager
async def running(catalog: Path) -> AsyncIterator[Crm]:
    async with Sandbox(integrations=[*all_apps(), *read_catalog(catalog)]) as sandbox:
        await sandbox.connect("crm-api-key", {"end_user_id": "alice"}, connection_id="c")
        headers = {"Authorization": f"Bearer {sandbox.api_key.get_secret_value()}"}
        async with httpx.AsyncClient(base_url=sandbox.base_url, headers=headers, trust_env=False) as http:
            yield Crm(sandbox, http)


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    return write(tmp_path / "catalog.jsonl.gz", *map(line, LINES))


@pytest.fixture
async def crm(catalog: Path) -> AsyncIterator[Crm]:
    async with running(catalog) as made:
        yield made


async def test_what_is_read_is_made_up_and_stays(crm: Crm, catalog: Path) -> None:
    found = await crm("list-contacts", listId=3)
    assert 3 <= len(found) <= 6
    assert {each["listId"] for each in found} == {3}
    assert all({"id", "email", "firstName", "created_at"} <= each.keys() for each in found)
    assert len({each["id"] for each in found}) == len(found)
    assert await crm("list-contacts", listId=3) == found
    assert await crm("get-contact", contactId=found[0]["id"]) == {
        name: value for name, value in found[0].items() if name != "status"
    }
    async with running(catalog) as again:
        assert await again("list-contacts", listId=3) == found


async def test_reading_one_echoes_its_id(crm: Crm) -> None:
    one = await crm("get-contact", contactId=42)
    assert one["id"] == 42
    assert one in await crm("list-contacts")


async def test_what_was_created_is_found_changed_and_gone(crm: Crm) -> None:
    made = await crm("create-contact", email="zoe@example.com", firstName="Zoe", list_id=9)
    assert isinstance(made["id"], int)
    assert await crm("get-contact", contactId=made["id"]) == made
    assert made["id"] in [each["id"] for each in await crm("list-contacts", listId=9)]
    assert made["id"] not in [each["id"] for each in await crm("list-contacts", listId=8)]
    assert made["id"] in [each["id"] for each in await crm("search-contacts", query="ZOE@")]
    changed = await crm("update-contact", contactId=made["id"], firstName="Zora")
    assert (changed["firstName"], changed["email"]) == ("Zora", "zoe@example.com")
    assert (await crm("get-contact", contactId=made["id"]))["firstName"] == "Zora"
    assert await crm("delete-contact", contactId=made["id"]) == {"id": made["id"], "success": True}
    assert made["id"] not in [each["id"] for each in await crm("list-contacts", listId=9)]
    for action in ("get-contact", "update-contact", "delete-contact"):
        gone = await crm.answer(action, {"contactId": made["id"]})
        assert (gone.status_code, gone.json()["error"]["upstream"]["status"]) == (424, 404)


async def test_deleting_all_that_a_search_found_leaves_nothing(crm: Crm) -> None:
    for each in await crm("list-contacts", listId=5):
        await crm("delete-contact", contactId=each["id"])
    assert await crm("list-contacts", listId=5) == []


async def test_lists_are_bounded_and_paged(crm: Crm) -> None:
    for number in range(105):
        await crm("create-contact", email=f"{number}@example.com")
    assert len(await crm("list-contacts")) == 20
    assert len(await crm("list-contacts", limit=1000)) == 100
    first, second = await crm("list-contacts", limit=10, page=1), await crm("list-contacts", limit=10, page=2)
    assert not {each["id"] for each in first} & {each["id"] for each in second}


async def test_taking_something_out_of_something_does_not_delete_it(crm: Crm) -> None:
    made = await crm("create-contact", email="zoe@example.com")
    assert (await crm("remove-contact-from-list", contactId=made["id"], listId=1))["success"] is True
    assert await crm("get-contact", contactId=made["id"]) == made


async def test_several_are_written_at_once(crm: Crm) -> None:
    made = await crm("batch-create-contacts", contacts=[{"email": "a@example.com"}, {"email": "b@example.com"}])
    assert [each["email"] for each in made] == ["a@example.com", "b@example.com"]
    assert (await crm("get-contact", contactId=made[1]["id"]))["email"] == "b@example.com"
    imported = (await crm.answer("import-contacts", [{"email": "c@example.com"}])).json()
    assert imported[0]["email"] == "c@example.com"


async def test_what_there_is_one_of_needs_no_id(crm: Crm) -> None:
    before = await crm("get-settings")
    assert (await crm("update-settings", theme="dark"))["theme"] == "dark"
    assert await crm("get-settings") == {
        **before,
        "theme": "dark",
        "updated_at": (await crm("get-settings"))["updated_at"],
    }


async def test_a_deed_with_an_outcome_shows_in_the_status(crm: Crm) -> None:
    order = "0b0e3d7e-6f1e-4c1b-8a43-3f0f6d1f7c11"
    await crm("cancel-order", order_id=order)
    assert (await crm("get-order", order_id=order))["status"] == "cancelled"


async def test_input_is_checked_against_the_schema(crm: Crm) -> None:
    refused = await crm.answer("get-contact", {"contactId": "forty-two"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (500, "action_script_runtime_error")
    assert [each.status for each in await crm.sandbox.ledger()] == ["failed"]


async def test_a_schema_need_not_be_an_object(tmp_path: Path) -> None:
    either = {"oneOf": [{**OBJECT, "required": ["a"]}, {**OBJECT, "required": ["b"]}]}
    path = write(tmp_path / "c.jsonl", line("create-note", input_schema=either), line("list-notes", input_schema={}))
    async with running(path) as crm:
        assert (await crm("create-note", b="x"))["b"] == "x"
        assert (await crm.answer("create-note", {})).status_code == 500
        assert "x" in [each.get("b") for each in (await crm.answer("list-notes", None)).json()]


async def test_the_ledger_tells_reads_from_writes(crm: Crm) -> None:
    await crm("list-contacts")
    await crm("create-contact", email="a@example.com")
    await crm("delete-contact", contactId=1)
    assert [each.access for each in await crm.sandbox.ledger()] == ["read", "write", "destructive"]


async def test_its_tools_are_listed_like_any_others(crm: Crm) -> None:
    configuration = (await crm.http.get("/scripts/config")).json()
    (scripts,) = [each for each in configuration if each["providerConfigKey"] == "crm-api-key"]
    assert sorted(each["name"] for each in scripts["actions"]) == sorted(LINES)
    tools = await crm.http.post(
        "/mcp",
        headers={
            "connection-id": "c",
            "provider-config-key": "crm-api-key",
            "accept": "application/json, text/event-stream",
        },
        json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"},
    )
    listed = json.loads(tools.text.partition("data: ")[2])["result"]["tools"]
    assert {each["name"] for each in listed} == LINES.keys() - {"import-contacts"}  # no object, no tool
    provider = (await crm.http.get("/providers/crm-api-key")).json()["data"]
    assert (provider["auth_mode"], provider["display_name"]) == ("API_KEY", "Crm Api Key")


async def test_the_overview_shows_its_documents(crm: Crm) -> None:
    await crm("create-contact", email="zoe@example.com")
    page = await crm.http.get("/")
    assert page.status_code == 200
    assert "zoe@example.com" in page.text


async def test_a_catalogue_replaces_an_app_of_the_same_key(tmp_path: Path) -> None:
    path = write(tmp_path / "c.jsonl", line("list-issues", integration="github"), line("list-contacts"))
    async with running(path) as crm:
        assert [each.name for each in crm.sandbox.services.integrations["github"].actions] == ["list-issues"]
        assert crm.sandbox.services.integrations["slack"].actions
        connection = await crm.sandbox.connect("github", {"end_user_id": "alice"})
        answer = await crm.http.post(
            "/action/trigger",
            headers={"connection-id": connection, "provider-config-key": "github"},
            json={"action_name": "list-issues", "input": {}},
        )
        assert answer.status_code == 200
        assert (await crm.http.get("/")).status_code == 200


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ("{", "EOF"),
        ("[]", "object"),
        (line("a", name="no name"), "name"),
        (line("a", integration=""), "integration"),
        (line("a", acess="read"), "acess: Extra inputs"),
        (line("a", access="reads"), "access"),
        (line("a", input_schema={"type": "thing"}), "input_schema is no JSON Schema"),
        (line("a", endpoint={"method": "FETCH", "path": "/"}), "endpoint.method"),
        (line("list-contacts"), "has an action list-contacts already"),
    ],
)
def test_a_bad_line_is_refused_with_its_number(tmp_path: Path, bad: dict[str, Any] | str, why: str) -> None:
    path = write(tmp_path / "bad.jsonl", line("list-contacts"), "", bad)
    with pytest.raises(CatalogError) as refused:
        read_catalog(path)
    assert str(refused.value).startswith(f"{path}:3: ")
    assert why in str(refused.value)


def test_what_is_no_catalogue_is_refused(tmp_path: Path) -> None:
    (tmp_path / "plain.jsonl.gz").write_text("{}")
    (tmp_path / "cut.jsonl.gz").write_bytes(gzip.compress(json.dumps(line("a")).encode())[:-12])
    (tmp_path / "empty.jsonl").write_text("\n")
    for name, why in (
        ("plain.jsonl.gz", ":1: Not a gzipped file"),
        ("cut.jsonl.gz", ":1: Compressed file ended"),
        ("empty.jsonl", "holds no actions"),
        ("missing.jsonl", "Cannot read the catalogue"),
        ("", "Cannot read the catalogue"),
    ):
        with pytest.raises(CatalogError, match=why):
            read_catalog(tmp_path / name)


def test_the_command_refuses_a_catalogue_that_it_cannot_read(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "nango_sandbox", "--database", str(tmp_path / "s.db"), "--catalog"]
    ran = subprocess.run(
        [*command, str(tmp_path / "no.jsonl")], capture_output=True, text=True, check=False, timeout=60
    )
    assert ran.returncode == 1
    assert ran.stderr.startswith("Cannot read the catalogue")


@pytest.mark.parametrize(
    ("name", "kind", "deed", "access", "many"),
    [
        ("list-contact-tags", "contact tag", "read", "read", True),
        ("getUserByEmail", "user", "read", "read", False),
        ("conversation_archive", "conversation", "change", "write", False),
        ("batch-delete-companies", "company", "delete", "destructive", True),
        ("tags-remove", "tag", "delete", "destructive", False),
        ("get-status", "status", "read", "read", False),
        ("cancel-subscription", "subscription", "change", "destructive", False),
        ("comment-on-issue", "comment", "create", "write", False),
        ("whoami", "item", "read", "read", False),
    ],
)
def test_a_name_tells_what_an_action_does(name: str, kind: str, deed: str, access: str, many: bool) -> None:
    told = understand(name)
    assert (told.kind, told.deed, told.access, told.many) == (kind, deed, access, many)


def test_a_description_helps_where_a_name_has_no_verb_and_a_line_is_believed(tmp_path: Path) -> None:
    assert understand("settings", "Retrieves the settings.").access == "read"
    assert understand("settings", "").access == "write"
    path = write(tmp_path / "c.jsonl", line("settings", access="read"), line("get-x", access="destructive"))
    (integration,) = read_catalog(path)
    assert [each.access for each in integration.actions] == ["read", "destructive"]


@pytest.mark.skipif(not CATALOG.is_file(), reason="the catalogue is not here")
async def test_every_tool_of_the_real_catalogue_is_served() -> None:
    integrations = read_catalog(CATALOG)
    assert (len(integrations), sum(len(each.actions) for each in integrations)) == (95, 3168)
    async with Sandbox(integrations=[*all_apps(), *integrations]) as sandbox:
        headers = {"Authorization": f"Bearer {sandbox.api_key.get_secret_value()}"}
        async with httpx.AsyncClient(base_url=sandbox.base_url, headers=headers, trust_env=False, timeout=30) as http:
            configuration = (await http.get("/scripts/config")).json()
            session = (await http.post("/connect/sessions", json={"tags": {"end_user_id": "a"}})).json()["data"]
            offered = await http.get(session["connect_link"])
            overview = await http.get("/")
    actions = sum(len(each["actions"]) for each in configuration)
    assert actions == 3168 + len(next(each for each in all_apps() if each.key == "hubspot").actions)
    assert (offered.status_code, overview.status_code) == (200, 200)
    assert offered.text.count("<form") == 96


def test_on_call_is_no_preposition() -> None:
    assert {understand(f"{verb}-on-call-schedule").kind for verb in ("create", "get")} == {"on call schedule"}


async def test_a_new_ones_id_is_of_the_type_that_reading_it_takes(tmp_path: Path) -> None:
    lines = [
        line("get-contact"),
        line("create-contact"),
        line("sync-contact", input_schema=schema("email", email=TEXT)),
    ]
    async with running(write(tmp_path / "catalog.jsonl", *lines)) as crm:
        made = await crm("create-contact", email="a@example.com")
        assert isinstance(made["id"], int)
        assert (await crm("get-contact", contactId=made["id"]))["email"] == "a@example.com"


async def test_a_dangling_reference_fails_its_action_alone(tmp_path: Path) -> None:
    bad = line("create-order", input_schema={**OBJECT, "properties": {"a": {"$ref": "#/definitions/Nothing"}}})
    async with running(write(tmp_path / "catalog.jsonl", bad, line("get-contact"))) as crm:
        answer = await crm.answer("create-order", {"a": 1})
        assert (answer.status_code, answer.json()["error"]["code"]) == (500, "script_internal_error")
        assert (await crm("get-contact", contactId=1))["id"] == 1
