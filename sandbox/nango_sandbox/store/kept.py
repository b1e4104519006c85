"""Models that are kept as JSON text, with what users hand in inside: however deep it is nested, it can be read again."""

import json
from collections.abc import Collection
from typing import Annotated, Any, Self

from pydantic import BaseModel

FREE = "any JSON value, as it is"
"""Marks a field with any JSON value in it. Pydantic's JSON ends where values are nested 200 deep, Python's at about 900."""

FreeJson = Annotated[Any, FREE]
FreeObject = Annotated[dict[str, Any], FREE]


class Kept(BaseModel):
    def to_text(self, exclude: Collection[str] = ()) -> str:
        return json.dumps(self.to_json(exclude), separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> Self:
        return cls.model_validate(json.loads(text))

    def to_json(self, exclude: Collection[str] = ()) -> dict[str, Any]:
        """A JSON object, in the order of the fields."""
        apart: dict[str, Any] = {}
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if FREE in field.metadata:
                apart[name] = value
            elif isinstance(value, Kept):
                apart[name] = value.to_json()
        plain = apart | self.model_dump(mode="json", exclude={*exclude, *apart})
        return {name: plain[name] for name in type(self).model_fields if name not in exclude}
