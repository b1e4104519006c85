"""Nango's own Node SDK against the sandbox: which methods it has, who may call, providers, integrations."""

import json
import re
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nango_sandbox import Sandbox
from nango_sandbox.apps import all_apps
from nango_sandbox.functions.action import Integration
from nango_sandbox.options import Options

pytestmark = pytest.mark.system

HERE = Path(__file__).parent
ALICE = {"end_user_id": "alice"}
OAUTH_APP = {"type": "OAUTH2", "client_id": "id-of-the-app", "client_secret": "secret-of-the-app"}
UUID_V4 = "00000000-0000-4000-8000-000000000000"

NOT_OFFERED = {
    "getProviderTemplates": "the templates of Nango's own repository",
    "deleteFunction": "functions are deployed and removed by whoever develops them",
}
"""Public methods whose endpoints neither the client nor the sandbox has, and what they are for."""

PRIVATE = {"_triggerAction", "_verifyWebhookSignatureImpl", "getConnectionDetails", "enrichHeaders"}
"""What the SDK's types declare private; its public methods go through them."""


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    plain = (
        Integration("bearer", "private-api-bearer", "Bearer", "API_KEY"),
        Integration("basic", "private-api-basic", "Basic", "BASIC"),
        Integration("open", "unauthenticated", "Open", "NONE"),
    )
    async with Sandbox(integrations=(*all_apps(), *plain)) as running:
        yield running


# Which methods there are


def test_every_method_of_the_sdk_is_called_or_its_absence_has_a_reason(node):
    listing = (
        "import {Nango} from '@nangohq/node'; console.log(JSON.stringify(Object.getOwnPropertyNames(Nango.prototype)))"
    )
    answer = subprocess.run([node, "--input-type=module", "-e", listing], cwd=HERE, capture_output=True, check=True)
    called = {
        name for file in HERE.glob("test_nango_node*.py") for name in re.findall(r'nango\("(\w+)"', file.read_text())
    }
    assert {*json.loads(answer.stdout)} - {"constructor"} == called | {*NOT_OFFERED} | PRIVATE
    assert not called & {*NOT_OFFERED}


@pytest.mark.parametrize(
    ("method", "args"),
    {
        "getProviderTemplates": [{"provider": "github"}],
        "deleteFunction": [{"uniqueKey": "github", "name": "list-issues"}, {"type": "action"}],
    }.items(),
    ids=str,
)
def test_what_the_sandbox_does_not_have_is_not_found(nango, javascript_error, method, args):
    assert method in NOT_OFFERED
    with pytest.raises(javascript_error) as caught:
        nango(method, *args)
    assert caught.value.status == 404


# Who calls


@pytest.mark.parametrize(("key", "code"), [("nonsense", "invalid_secret_key_format"), (UUID_V4, "unknown_account")])
def test_a_wrong_key_is_told(sandbox, open_sdk, refused, key, code):
    stranger = open_sdk(host=sandbox.base_url, apiKey=key)
    assert refused(lambda: stranger("listIntegrations")) == (401, code)


async def test_a_key_does_what_its_scopes_allow(sandbox, open_sdk, refused):
    await sandbox.connect("github", ALICE, "gh-alice")
    key = await sandbox.create_api_key("reader", ["environment:connections:read"])
    reader = open_sdk(host=sandbox.base_url, apiKey=key.get_secret_value())
    assert reader("getConnection", "github", "gh-alice")["credentials"] == {}
    assert refused(lambda: reader("triggerAction", "github", "gh-alice", "list-repositories")) == (403, "forbidden")
    assert await sandbox.ledger() == []


async def test_a_quota_that_is_used_up_is_told_with_the_time_to_wait(open_sdk, javascript_error):
    async with Sandbox(options=Options(rate_limit=2)) as narrow:
        nango = open_sdk(host=narrow.base_url, apiKey=narrow.api_key.get_secret_value())
        nango("listIntegrations")
        nango("listIntegrations")
        with pytest.raises(javascript_error) as caught:
            nango("listIntegrations")
        assert (caught.value.status, caught.value.body["error"]["code"]) == (429, "too_many_request")
        assert 0 < int(caught.value.headers["retry-after"]) <= 60
        assert caught.value.headers["x-ratelimit-remaining"] == "0"


# Providers


def test_providers_are_listed_and_found(nango):
    everything = nango("listProviders", {})["data"]
    found = nango("listProviders", {"search": "github"})["data"]
    assert {"github", "hubspot", "slack"} <= {each["name"] for each in everything}
    assert "github" in {each["name"] for each in found}
    assert len(found) < len(everything)


def test_one_provider_tells_how_it_authenticates(nango, refused):
    provider = nango("getProvider", {"provider": "github"})["data"]
    assert (provider["name"], provider["auth_mode"]) == ("github", "OAUTH2")
    assert provider["proxy"]["base_url"] == "https://api.github.com"
    assert refused(lambda: nango("getProvider", {"provider": "nope"})) == (404, "not_found")


# Integrations


def test_integrations_are_listed_by_provider(nango):
    listed = nango("listIntegrations")["configs"]
    assert [each["unique_key"] for each in listed] == ["github", "hubspot", "basic", "bearer", "slack", "open"]
    assert {"provider", "display_name", "logo", "created_at", "updated_at"} <= listed[0].keys()


def test_an_integration_is_made_changed_and_deleted(nango, refused):
    made = nango("createIntegration", {"unique_key": "gh2", "provider": "github", "credentials": OAUTH_APP})["data"]
    assert (made["unique_key"], made["provider"]) == ("gh2", "github")
    plain = nango("getIntegration", {"uniqueKey": "gh2"})["data"]
    assert "credentials" not in plain
    kept = nango("getIntegration", {"uniqueKey": "gh2"}, {"include": ["credentials"]})["data"]["credentials"]
    assert {name: kept[name] for name in OAUTH_APP} == OAUTH_APP
    assert "webhook_url" in nango("getIntegration", {"uniqueKey": "gh2"}, {"include": ["webhook"]})["data"]

    renamed = nango("updateIntegration", {"uniqueKey": "gh2"}, {"display_name": "Second", "unique_key": "gh3"})["data"]
    assert (renamed["unique_key"], renamed["display_name"]) == ("gh3", "Second")
    assert refused(lambda: nango("getIntegration", {"uniqueKey": "gh2"})) == (404, "not_found")

    assert nango("deleteIntegration", "gh3")["data"] == {"success": True}
    assert refused(lambda: nango("deleteIntegration", "gh3")) == (404, "not_found")


def test_an_integration_is_made_with_an_oauth_app_of_nangos_own(nango, refused):
    made = nango("createQuickstartIntegration", {"unique_key": "gh2", "provider": "github"})["data"]
    assert nango("getIntegration", {"uniqueKey": "gh2"})["data"] == made
    again = {"unique_key": "gh2", "provider": "github"}
    assert refused(lambda: nango("createQuickstartIntegration", again)) == (400, "invalid_body")


@pytest.mark.parametrize(
    "body",
    [
        {"unique_key": "github", "provider": "github", "credentials": OAUTH_APP},
        {"unique_key": "new", "provider": "nope"},
        {"unique_key": "new", "provider": "github"},
        {"unique_key": "not a key!", "provider": "unauthenticated"},
        {"unique_key": "new", "provider": "unauthenticated", "nope": 1},
    ],
    ids=["taken key", "unknown provider", "no credentials", "malformed key", "unknown field"],
)
def test_an_integration_that_cannot_be_is_refused(nango, refused, body):
    before = nango("listIntegrations")
    assert refused(lambda: nango("createIntegration", body)) == (400, "invalid_body")
    assert nango("listIntegrations") == before
