"""What names may look like: of connections, integrations, functions, models."""

from typing import Any

CONNECTION_ID = {"type": "string", "pattern": r"""^[a-zA-Z0-9,.;:=+~[\]|@${}"'\\/_ -]+$""", "maxLength": 255}
INTEGRATION_KEY = {"type": "string", "pattern": "^[a-zA-Z0-9~:.@ _-]+$", "maxLength": 255}
WORD = {"type": "string", "pattern": "^[a-zA-Z0-9_-]+$", "maxLength": 255}
"""A function, a sync's variant, a provider."""
MODEL = {"type": "string", "pattern": "^[A-Z][a-zA-Z0-9_-]+$", "maxLength": 255}

YES = ("true", "1", "yes", "on", "y", "enabled")
BOOLEAN: dict[str, Any] = {
    "type": "string",
    "enum": [*YES, "false", "0", "no", "off", "n", "disabled"],
    "transform": "lower",
}
"""In a query or a header."""
