"""What reaches LangSmith: a collector on loopback stands for it."""

import asyncio
import json
import os
import re
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import JSONResponse

from nango_graph.tracing import MASKED, create_mask
from nango_sandbox import Sandbox

SCRIPT = Path(__file__).parent / "traced_turn.py"
SEEN_BY_USER = "ghp_canary0123456789abcdefghijklmnopqrstu"
REQUEST = f"Create an issue in octo/widgets on GitHub titled 'Leaked {SEEN_BY_USER}'"
LANGSMITH_KEY = "lsv2_pt_canary0123456789abcdef_0123456789"
MODEL_KEY = "plain-canary-of-the-model-key"


@dataclass
class Collector:
    url: str = ""
    paths: list[str] = field(default_factory=list)
    received: bytes = b""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        assert "content-encoding" not in request.headers, "decompress it, or the test sees nothing"
        self.paths.append(request.url.path)
        self.received += await request.body()
        await JSONResponse({})(scope, receive, send)


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    collector = Collector()
    config = uvicorn.Config(collector, log_level="critical", lifespan="off", ws="none")
    listening = socket.create_server(("127.0.0.1", 0))
    collector.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    server = uvicorn.Server(config)
    # The socket listens already: who connects early waits in its queue.
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    yield collector
    server.should_exit = True
    await serving


async def _turn(collector: Collector, sandbox: Sandbox, folder: Path, **environ: str) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(SCRIPT),
        REQUEST,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=folder,
        env={
            **{name: value for name, value in os.environ.items() if name in {"PATH", "PYTHONPATH", "HOME"}},
            "NANGO_BASE_URL": sandbox.base_url,
            "NANGO_API_KEY": sandbox.api_key.get_secret_value(),
            "NANGO_WEBHOOK_SIGNING_KEY": sandbox.webhook_signing_key.get_secret_value(),
            "NANGO_AGENT_MODEL": "rule-based",
            "NANGO_AGENT_DATA_DIR": str(folder),
            "OPENAI_API_KEY": MODEL_KEY,
            "LANGSMITH_ENDPOINT": collector.url,
            "LANGSMITH_API_KEY": LANGSMITH_KEY,
            **environ,
        },
    )
    output, errors = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, errors.decode()
    told: dict[str, Any] = json.loads(output)
    return told


async def test_a_traced_turn_tells_what_ran_and_no_credential(collector: Collector, tmp_path: Path) -> None:
    async with Sandbox() as sandbox:
        told = await _turn(collector, sandbox, tmp_path, LANGSMITH_TRACING="true", LANGSMITH_PROJECT="canary")
        assert told["asked"] == ["connect_account", "github/create-issue"]
        assert "Leaked" in told["answer"]
        # All is sent when the process has ended: the client's threads see to that.
        text = collector.received.decode(errors="replace")
        for run in ("begin_turn", "resolve_connections", "execute", "github/create-issue", "RuleBasedChatModel"):
            assert re.search(rf'"name":\s*"{run}"', text), f"there is no run named {run}"
        assert "Leaked" in text
        assert MASKED in text
        assert "connect_link" in text
        (link,) = told["links"]
        token = link.partition("session_token=")[2]
        assert token
        keys = [sandbox.api_key.get_secret_value(), sandbox.webhook_signing_key.get_secret_value()]
        for secret in [token, SEEN_BY_USER, LANGSMITH_KEY, MODEL_KEY, *keys]:
            assert secret not in text
            assert secret[:20] not in text
            assert secret[-12:] not in text


async def test_nothing_is_sent_while_tracing_is_off(collector: Collector, tmp_path: Path) -> None:
    async with Sandbox() as sandbox:
        told = await _turn(collector, sandbox, tmp_path)
        assert "Leaked" in told["answer"]
    assert collector.paths == []


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Authorization: Bearer abcdefgh.ijkl-mnop", "Authorization: Bearer "),
        (
            "http://127.0.0.1:3003/connect?session_token=secretsecret&x=1",
            "http://127.0.0.1:3003/connect?session_token=",
        ),
        ("nango_connect_session_0123456789abcdef", ""),
        ("sk-proj-secretsecretsecret", ""),
        ("ghp_secretsecretsecretsecretsecretsecret", ""),
        (r"ghp\_secretsecretsecretsecretsecretsecret", ""),
        (r"nango\_connect\_session\_secret", ""),
        (r"the key is exact\-secret, you see", "the key is "),
        ("xoxb-secret-secret-secret", ""),
        ("lsv2_pt_secretsecretsecret_secret", ""),
        ("AKIASECRETSECRETSECR", ""),
        ("eyJzZWNyZXQi.c2VjcmV0.c2VjcmV0", ""),
        ('{"client_secret": "secret \\" secret"}', '{"client_secret": "'),
        ('"{\\"api_key\\": \\"secretsecret\\"}"', '"{\\"api_key\\": \\"'),
        ("{'access_token': 'secretsecret'}", "{'access_token': '"),
        ("postgresql://agent:secretsecret@db/agent", "postgresql://agent:"),
        ("-----BEGIN RSA PRIVATE KEY-----\nsecret\n-----END RSA PRIVATE KEY-----", ""),
        ("the key is exact-secret, you see", "the key is "),
    ],
)
def test_what_looks_like_a_credential_is_masked(text: str, kept: str) -> None:
    masked = create_mask([SecretStr("exact-secret")])({"a": [{"text": text}]})["a"][0]["text"]
    assert masked.startswith(kept + MASKED)
    assert "secret" not in masked.removeprefix(kept).lower()


def test_fields_named_like_a_secret_are_masked_to_any_depth() -> None:
    deep: Any = {"credentials": {"raw": ["open sesame", 7, None, ""]}}
    for _ in range(40):
        deep = {"in": [deep]}
    masked = create_mask()(deep)
    for _ in range(40):
        masked = masked["in"][0]
    assert masked == {"credentials": {"raw": [MASKED, 7, None, ""]}}


def test_ordinary_text_is_left_as_it_is() -> None:
    value = {
        "usage": {"total_tokens": 12, "max_tokens": "100"},
        "text": "Token expired? See https://example.com/a?b=c#d, skills, task-force-one-two-three, password reset: done.",
        "tool": "github/create-issue",
        "connection_id": "0b1e9f0e-4ad2-4b6c-9d6d-0a2f3f8e2f10",
    }
    assert create_mask()(value) == value
