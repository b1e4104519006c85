"""Digests of JSON values: what was approved is what is sent, byte for byte."""

import hashlib
import json
from typing import Any


def digest(value: Any) -> str:
    """SHA-256, in hex, of the canonical form (sorted keys, no spaces) of a JSON value."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


def action_digest(tool: str, connection_id: str, arguments: Any) -> str:
    """What one action is: this tool, on this connection, with these arguments."""
    return digest({"tool": tool, "connection": connection_id, "arguments": arguments})
