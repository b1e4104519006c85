"""Artifacts: outputs too large to be carried along. The whole is here, once; elsewhere stand its id, shape and preview."""

import asyncio
import hashlib
import json
import zlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import select

from nango_graph.planning.signatures import characters_in, preview_of, shape_of
from nango_graph.records.batching import Batches
from nango_graph.records.database import Database
from nango_graph.records.tables import artifacts

LARGE = 8_000
"""Bytes of JSON (UTF-8, without spaces). What is longer becomes an artifact."""
_AT_ONCE = 20
"""Artifacts in one transaction, or one query. They may be large."""
_ABOUT_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Artifact:
    """What there is to know of an output without reading it."""

    id: str
    size: int
    """Bytes of JSON (UTF-8, without spaces)."""
    shape: str
    preview: str


class Artifacts:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._batches = Batches(self._insert, most=_AT_ONCE)

    async def kept(self, output: Any, *, tenant: str, thread_id: str, now: float) -> tuple[Any, str | None]:
        """A JSON value as a call is to be recorded with it: (the value, None), or (None, id of the artifact) if it is large.

        The same value in the same thread is the same artifact. It is committed when this returns.
        """
        if not _is_large(output):
            return output, None
        values = await asyncio.to_thread(_packed, output, tenant, thread_id)
        await self._batches.add({**values, "tenant": tenant, "thread_id": thread_id, "created_at": now})
        return None, values["id"]

    async def read(self, artifact_id: str, *, tenant: str) -> Any:
        """The whole value. Raises `LookupError` if this tenant has no such artifact."""
        found = await self.many([artifact_id], tenant)
        if artifact_id not in found:
            raise LookupError(f"There is no artifact {artifact_id}.")
        return found[artifact_id]

    async def many(self, ids: Iterable[str], tenant: str) -> dict[str, Any]:
        """The values by id, of those of the ids that this tenant has."""
        found: dict[str, Any] = {}
        for some in _portions(ids, _AT_ONCE):
            query = select(artifacts.c.id, artifacts.c.content).where(
                artifacts.c.id.in_(some), artifacts.c.tenant == tenant
            )
            packed = [(row.id, row.content) for row in await self._database.rows(query)]
            found |= await asyncio.to_thread(_unpacked, packed)
        return found

    async def about(self, ids: Iterable[str], tenant: str) -> dict[str, Artifact]:
        """What there is to know of them, by id, without loading them."""
        found: dict[str, Artifact] = {}
        for some in _portions(ids, _ABOUT_AT_ONCE):
            query = select(artifacts.c.id, artifacts.c.size, artifacts.c.shape, artifacts.c.preview).where(
                artifacts.c.id.in_(some), artifacts.c.tenant == tenant
            )
            rows = await self._database.rows(query)
            found |= {row.id: Artifact(row.id, row.size, row.shape, row.preview) for row in rows}
        return found

    async def settled(self) -> None:
        """Returns once all that was given to `kept` is committed."""
        await self._batches.settled()

    async def _insert(self, rows: Sequence[dict[str, Any]]) -> None:
        await self._database.execute(self._database.insert_if_absent(artifacts), rows)


def size_if_large(output: Any) -> int | None:
    """Bytes of JSON of a value that is kept as an artifact, or is a list of such; None of a smaller one."""
    return size_of(output) if _is_large(output) else None


def size_of(output: Any) -> int:
    """Bytes of JSON (UTF-8, without spaces)."""
    return len(_as_bytes(output))


def _is_large(output: Any) -> bool:
    # What is large by far is not written out to find that.
    return characters_in(output, most=LARGE) > LARGE or size_of(output) > LARGE


def _packed(output: Any, tenant: str, thread_id: str) -> dict[str, Any]:
    content = _as_bytes(output)
    # Whose it is belongs to the id: an equal output of another tenant is another artifact.
    identity = hashlib.sha256(json.dumps([tenant, thread_id]).encode() + content).hexdigest()[:32]
    return {
        "id": identity,
        "size": len(content),
        "shape": shape_of(output),
        "preview": preview_of(output),
        "content": zlib.compress(content),
    }


def _unpacked(packed: Collection[tuple[str, bytes]]) -> dict[str, Any]:
    return {artifact_id: json.loads(zlib.decompress(content)) for artifact_id, content in packed}


def _as_bytes(output: Any) -> bytes:
    # Half a surrogate pair is no character, but JSON may hold it.
    return json.dumps(output, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def _portions(ids: Iterable[str], most: int) -> Iterable[list[str]]:
    left = iter(dict.fromkeys(ids))
    while some := list(islice(left, most)):
        yield some
