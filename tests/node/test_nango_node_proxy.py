"""Nango's own Node SDK against the sandbox: requests through the proxy to an app's API."""

from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from nango_sandbox import Sandbox
from nango_sandbox.functions.action import Integration
from nango_sandbox.options import Options

pytestmark = pytest.mark.system

TO_NOTES = {"providerConfigKey": "notes", "connectionId": "n-alice", "baseUrlOverride": "https://notes.example"}


async def echo(request: Request) -> JSONResponse:
    """An app's API that tells what it was asked; below /status it answers with that status."""
    status = int(request.path_params["path"].removeprefix("status/")) if "status/" in request.url.path else 200
    body = (await request.body()).decode()
    asked = {"method": request.method, "path": request.url.path, "query": request.query_params.multi_items()}
    return JSONResponse({**asked, "headers": dict(request.headers), "body": body}, status)


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    notes = Integration("notes", "private-api-bearer", "Notes", "API_KEY")
    upstream = Starlette(routes=[Route("/{path:path}", echo, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])])
    options = Options(upstreams={"https://notes.example": upstream})
    async with Sandbox(integrations=[notes], options=options) as running:
        yield running


@pytest.fixture(autouse=True)
async def connection(import_connection):
    credentials = {"type": "API_KEY", "apiKey": "key-of-alice"}
    await import_connection(
        provider_config_key="notes", connection_id="n-alice", credentials=credentials, tags={"end_user_id": "alice"}
    )


def test_a_read_through_the_proxy_reaches_the_app_with_the_connections_credentials(nango):
    answer = nango("get", {**TO_NOTES, "endpoint": "/things", "params": {"a": "1 2"}, "headers": {"X-Own": "v"}})
    seen = answer["data"]
    assert (answer["status"], seen["method"], seen["path"], seen["query"]) == (200, "GET", "/things", [["a", "1 2"]])
    assert seen["headers"]["x-own"] == "v"
    assert seen["headers"]["authorization"] == "Bearer key-of-alice"
    assert "connection-id" not in seen["headers"]


# One by one, so that each method is named.


def test_post_through_the_proxy(nango):
    seen = nango("post", {**TO_NOTES, "endpoint": "things", "data": {"x": 1}})["data"]
    assert (seen["method"], seen["path"], seen["body"]) == ("POST", "/things", '{"x":1}')


def test_put_through_the_proxy(nango):
    seen = nango("put", {**TO_NOTES, "endpoint": "/things/1", "data": {"x": 1}})["data"]
    assert (seen["method"], seen["path"], seen["body"]) == ("PUT", "/things/1", '{"x":1}')


def test_patch_through_the_proxy(nango):
    seen = nango("patch", {**TO_NOTES, "endpoint": "/things/1", "data": {"x": 1}})["data"]
    assert (seen["method"], seen["path"], seen["body"]) == ("PATCH", "/things/1", '{"x":1}')


def test_delete_through_the_proxy(nango):
    seen = nango("delete", {**TO_NOTES, "endpoint": "/things/1"})["data"]
    assert (seen["method"], seen["path"], seen["body"]) == ("DELETE", "/things/1", "")


def test_the_method_can_be_given_to_the_proxy(nango):
    seen = nango("proxy", {**TO_NOTES, "endpoint": "/things", "method": "POST", "data": {"x": 1}, "retries": 2})["data"]
    assert (seen["method"], seen["body"]) == ("POST", '{"x":1}')


@pytest.mark.parametrize("status", [404, 422, 500])
def test_what_the_app_answers_comes_through_the_proxy(nango, javascript_error, status):
    with pytest.raises(javascript_error) as caught:
        nango("get", {**TO_NOTES, "endpoint": f"/status/{status}"})
    assert (caught.value.status, caught.value.body["path"]) == (status, f"/status/{status}")


@pytest.mark.parametrize(
    ("more", "status", "code"),
    [
        ({"connectionId": "nobody"}, 400, "server_error"),
        ({"providerConfigKey": "nope"}, 404, "unknown_provider_config"),
        ({"baseUrlOverride": "http://127.0.0.1:1"}, 400, "base_url_override_not_allowed"),
    ],
    ids=["unknown connection", "unknown integration", "this machine"],
)
def test_what_the_proxy_does_not_send_is_refused(nango, refused, more, status, code):
    assert refused(lambda: nango("get", {**TO_NOTES, **more, "endpoint": "/things"})) == (status, code)
