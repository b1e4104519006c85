"""Tools made of a name and a description, and an embeddings endpoint on loopback that understands a few words."""

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np
import pytest
import uvicorn
from langchain_openai import OpenAIEmbeddings
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

KEY_OF_THE_ENDPOINT = "key-of-the-embeddings-endpoint"
MEANINGS = [{"automobile", "car", "vehicle"}, {"feline", "cat"}, {"invoice"}, {"weather"}]


@dataclass
class EmbeddingsEndpoint:
    """Texts with words of one of MEANINGS are near one another. broken: what to answer instead. held: answers wait for it."""

    url: str = ""
    http: httpx.AsyncClient = field(default_factory=httpx.AsyncClient)
    texts: list[list[str]] = field(default_factory=list)
    broken: Response | None = None
    held: asyncio.Event | None = None
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        body = json.loads(await request.body())
        assert request.url.path == "/v1/embeddings"
        self.texts.append([body["input"]] if isinstance(body["input"], str) else body["input"])
        self.arrived.set()
        if self.held is not None:
            await self.held.wait()
        vectors = [{"object": "embedding", "index": i, "embedding": _vector(t)} for i, t in enumerate(self.texts[-1])]
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        answer = JSONResponse({"object": "list", "data": vectors, "model": "m", "usage": usage})
        await (self.broken or answer)(scope, receive, send)

    @property
    def embeddings(self) -> OpenAIEmbeddings:
        return OpenAIEmbeddings(
            model="some-embeddings",
            base_url=self.url,
            api_key=SecretStr(KEY_OF_THE_ENDPOINT),
            check_embedding_ctx_length=False,
            max_retries=0,
            http_async_client=self.http,
        )


def _vector(text: str) -> list[float]:
    words = set(re.findall(r"[a-z]+", text.lower()))
    return [float(np.float32(0.05 + len(words & meaning))) for meaning in MEANINGS]


@pytest.fixture
async def endpoint() -> AsyncIterator[EmbeddingsEndpoint]:
    endpoint = EmbeddingsEndpoint()
    listening = socket.create_server(("127.0.0.1", 0))
    endpoint.url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
    server = uvicorn.Server(uvicorn.Config(endpoint, log_config=None, log_level="critical", lifespan="off", ws="none"))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    yield endpoint
    if endpoint.held is not None:
        endpoint.held.set()
    await endpoint.http.aclose()
    server.should_exit = True
    await serving
