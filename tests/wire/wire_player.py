"""Sends recorded requests to a sandbox, with its ids, tokens and keys in place of the recorded ones."""

import asyncio
import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
from pydantic_core import from_json
from wire_functions import integrations
from wire_recordings import OTHER_KEYS, REPEATED, SESSION_OF, SESSIONS, TOPICS, UNKNOWN_TOKEN, Topic
from wire_shapes import differences, messages, shape
from wire_upstream import ADDRESS, NOBODY_LISTENS, Upstream

from nango_sandbox import Sandbox
from nango_sandbox.faults import RaceLost
from nango_sandbox.options import Options
from nango_sandbox.providers.upstreams import refusing

OPAQUE = re.compile(
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|nango_connect_session_[0-9a-f]{64}|[A-Za-z0-9+/]{40,}={0,2}"
)
SETTLES = ("/action/", "/sync/status", "/records")
"""Reading what runs in the background: asked again until it answers as recorded, or for so many seconds."""
PATIENCE = 1.5
HTML = "<HTML page, omitted>"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: Any
    """JSON, the messages of an event stream, or text."""


def answer(response: httpx.Response) -> Answer:
    kind = response.headers.get("content-type", "")
    body: Any = response.text
    if kind.startswith("text/html"):
        body = HTML
    elif kind.startswith("text/event-stream"):
        body = messages(response.text)
    elif response.content and (kind.startswith("application/json") or not kind):
        body = response.json()
    return Answer(response.status_code, dict(response.headers), body)


_TOLD = frozenset({"content-type", "location", "retry-after"})


def _kind(number: str | None) -> str | None:
    return "a number" if number is not None and number.isdecimal() else number


def _media_type(header: str | None) -> str | None:
    return None if header is None else header.partition(";")[0]


@dataclass(frozen=True)
class Expected(Answer):
    cut_off: bool

    def differences(self, found: Answer) -> list[str]:
        if found.status != self.status:
            return [f"status: expected {self.status} {self.body}, found {found.status} {found.body}"[:1000]]
        expected, body = self.body, found.body
        if isinstance(expected, dict) and any(key.startswith("_") for key in expected):
            expected, body = {"data": expected["data"]}, _trimmed(expected, body)
        return differences(shape(expected), shape(body), cut_off=self.cut_off)

    def differences_of_headers(self, found: Answer) -> list[str]:
        """Those that tell something: what kind of body, where to, when again, how much of the quota is left."""
        lines = []
        for name in sorted(_TOLD | {each for each in self.headers if each.startswith("x-ratelimit-")}):
            one, other = self.headers.get(name), found.headers.get(name)
            if name.startswith("x-ratelimit-") or name == "retry-after":
                one, other = _kind(one), _kind(other)
            if name == "content-type":
                one, other = _media_type(one), _media_type(other)
            if shape(one) != shape(other):
                lines.append(f"{name}: expected {one!r}, found {other!r}")
        return lines


def is_exchange(recorded: dict[str, Any]) -> bool:
    """What can be played: an answered request, or what the upstream's counter said after one."""
    return ("response" in recorded and "path" in recorded.get("request", {})) or isinstance(recorded.get("count"), dict)


def _counted(request: dict[str, Any]) -> str:
    """Under which key a function was told to count."""
    body = request.get("body")
    params = body.get("params", {}) if isinstance(body, dict) else {}
    given = params.get("arguments") or (body.get("input") if isinstance(body, dict) else None)
    return given.get("key", "") if isinstance(given, dict) else ""


def expected(recorded: dict[str, Any]) -> Expected:
    if "request" not in recorded:
        return Expected(200, {}, recorded["count"], cut_off=False)
    real = recorded["response"]
    headers, cut_off = real.get("headers", {}), "body_truncated" in real
    if "sse_messages" in real:
        body = real["sse_messages"]
    elif cut_off:
        body = from_json(real["body_truncated"], allow_partial=True)
    elif real.get("body_text", "").startswith("event: message"):
        body, cut_off = messages(real["body_text"]), True
    else:
        body = real.get("body", real.get("body_text", ""))
    return Expected(real["status"], headers, body, cut_off)


def _trimmed(recorded: dict[str, Any], found: Any) -> Any:
    """A recorded list that was trimmed when it was written down: the same of ours."""
    try:
        if recorded["data"] and isinstance(recorded["data"][0], str):
            return {"data": [each["name"] for each in found["data"]]}
        if recorded.get("_note") == "trimmed to names":
            return {"data": [{"name": each["name"]} for each in found["data"]]}
        wanted = {each["name"] for each in recorded["data"]}
        return {"data": [each for each in found["data"] if each["name"] in wanted]}
    except (KeyError, TypeError):
        return found


class Player:
    def __init__(self, sandbox: Sandbox, http: httpx.AsyncClient, upstream: Upstream) -> None:
        self.sandbox = sandbox
        self.upstream = upstream
        self._http = http
        self._ours: dict[str, str] = {}
        self._tokens: dict[str, str] = {}
        self._counted = ""

    async def play(self, topic: Topic, number: int, recorded: dict[str, Any]) -> Answer:
        """One exchange, after what was not recorded before it."""
        if "request" not in recorded:
            return Answer(200, {}, {"count": self.upstream.counts[self._counted]})
        name, request = recorded["name"], recorded["request"]
        self._counted = _counted(request) or self._counted
        await self._prepare(topic, name, request)
        if name.startswith("RACE"):
            self.sandbox.faults.add(RaceLost())
        for _ in range(REPEATED.get((topic.name, name), 0)):
            await self._send(topic, name, request)
        found = await self._send(topic, name, request)
        if request["method"] == "GET" and request["path"].startswith(SETTLES):
            found = await self._settled(topic, number, found)
        wanted = expected(recorded)
        self._learn(wanted.body, found.body)
        if topic.name == "connect-sessions" and found.status == 201 and isinstance(found.body, dict):
            self._tokens[name] = found.body["data"]["token"]
        return found

    async def _prepare(self, topic: Topic, name: str, request: dict[str, Any]) -> None:
        token = re.search(r"nango_connect_session_[0-9a-f]{64}", request["path"])
        if topic.name == "connect-as-end-user" and name in SESSIONS and token and token[0] not in self._ours:
            path, body = SESSIONS[name]
            made = await self._http.post(path, json=body, headers={"authorization": f"Bearer {self._key}"})
            self._ours[token[0]] = made.json()["data"]["token"]

    async def _send(self, topic: Topic, name: str, request: dict[str, Any]) -> Answer:
        content = json.dumps(request["body"]) if "body" in request else request.get("body_text")
        headers = {key: self._translated(value) for key, value in request.get("headers", {}).items()}
        bearer = headers.get("authorization", "")
        if "<api-key>" in bearer:
            headers["authorization"] = bearer.replace("<api-key>", self._key)
        elif "<other-key>" in bearer:
            headers["authorization"] = f"Bearer {await self._other_key(topic, name)}"
        elif "<connect-session-token>" in bearer:
            made_by = SESSION_OF[name]
            headers["authorization"] = f"Bearer {self._tokens.get(made_by, UNKNOWN_TOKEN)}"
        if "host" in headers:
            port = self.sandbox.base_url.rpartition(":")[2]
            headers["host"] = f"{headers['host'].partition(':')[0]}:{port}"
        path = self._translated(request["path"])
        body = None if content is None else self._translated(content)
        return answer(await self._http.request(request["method"], path, headers=headers, content=body))

    async def _settled(self, topic: Topic, number: int, found: Answer) -> Answer:
        """Asked again, while the sandbox's clock is moved, until it is what was recorded or time is up.

        Where nothing had come yet when it was recorded, what came a little later will do: which is seen is a race.
        """
        recorded = topic.exchanges()
        path = recorded[number]["request"]["path"]
        later = [
            expected(each)
            for each in recorded[number:]
            if each.get("request", {}).get("path") == path and "response" in each
        ]
        if path.startswith("/action/") and any(not each.differences(found) for each in later):
            return found
        end = asyncio.get_running_loop().time() + PATIENCE
        while later[0].differences(found) and asyncio.get_running_loop().time() < end:
            self.sandbox.clock.advance(1)
            await asyncio.sleep(0.02)
            found = await self._send(topic, recorded[number]["name"], recorded[number]["request"])
        return found

    @property
    def _key(self) -> str:
        return self.sandbox.api_key.get_secret_value()

    async def _other_key(self, topic: Topic, name: str) -> str:
        kind = OTHER_KEYS[topic.name, name]
        if isinstance(kind, str):
            return kind
        return (await self.sandbox.create_api_key("of the replay", kind)).get_secret_value()

    def _translated(self, text: str) -> str:
        for recorded, made in self._ours.items():
            text = text.replace(recorded, made).replace(quote(recorded, safe=""), quote(made, safe=""))
        return text

    def _learn(self, recorded: Any, found: Any) -> None:
        """What stands in our answer where the recorded one has an id, a token or a cursor."""
        if isinstance(recorded, dict) and isinstance(found, dict):
            for key in recorded.keys() & found.keys():
                self._learn(recorded[key], found[key])
        elif isinstance(recorded, list) and isinstance(found, list):
            for one, other in zip(recorded, found, strict=False):
                self._learn(one, other)
        elif isinstance(recorded, str) and isinstance(found, str) and OPAQUE.fullmatch(recorded):
            self._ours.setdefault(recorded, found)


async def play(topic: Topic) -> dict[int, Answer | Exception]:
    """Every exchange of a topic, by its number; instead of an answer, the exception that kept it from coming."""
    upstream = Upstream()
    options = Options(
        rate_limit=topic.rate_limit,
        environment_variables={"FOO": "bar"},
        upstreams={ADDRESS: upstream.app, f"http://{NOBODY_LISTENS}": refusing},
    )
    declared = () if topic.empty else integrations(upstream, second=topic.second, without=topic.without)
    found: dict[int, Answer | Exception] = {}
    async with (
        Sandbox(integrations=declared, options=options) as sandbox,
        httpx.AsyncClient(base_url=sandbox.base_url, trust_env=False, timeout=10) as http,
    ):
        player = Player(sandbox, http, upstream)
        for each in (*(TOPICS[name] for name in topic.after), topic):
            if not each.at_once:
                sandbox.clock.advance(60)
            for number, recorded in enumerate(each.exchanges()):
                if not is_exchange(recorded):
                    continue
                try:
                    answered: Answer | Exception = await player.play(each, number, recorded)
                except Exception as error:  # noqa: BLE001 - told by the test of this exchange, not by all of the topic
                    answered = error
                if each is topic:
                    found[number] = answered
    return found
