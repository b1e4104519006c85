"""Tool definitions from a file: one action a line, in JSON; plain or gzipped. For looking at a catalogue without a Nango."""

import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, BinaryIO, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from nango_tools.catalog.guarding import Held
from nango_tools.catalog.making import AccessRule, Schemas, make_tool
from nango_tools.catalog.tool import Tool
from nango_tools.schemas import resolved


class BadDefinition(ValueError):
    """A file of definitions that can't be read. `str()` names file and line."""


class _Endpoint(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    method: str
    path: str = ""


class Definition(BaseModel):
    """A line. `endpoint`: what its author declared, or null. Other fields are left alone.

    null is taken for what is not said. Any name is read; `tool` refuses those that the catalogue would.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    integration: str = Field(min_length=1, max_length=255)
    name: str
    description: Annotated[str, BeforeValidator(lambda given: "" if given is None else given)] = ""
    scopes: Annotated[tuple[str, ...], BeforeValidator(lambda given: () if given is None else given)] = ()
    endpoint: _Endpoint | None = None
    input_schema: Annotated[
        dict[str, Any], BeforeValidator(lambda given: {"type": "object"} if given is None else given)
    ] = Field(default_factory=lambda: {"type": "object"})

    def tool(self, access_rule: AccessRule | None = None, schemas: Schemas | None = None) -> Tool:
        """As the catalogue would offer it; with `schemas`, equal ones are shared. `BadDefinition` where it would not."""
        made = make_tool(
            self.integration,
            self.name,
            description=self.description,
            input_schema=resolved(self.input_schema),
            methods=[self.endpoint.method.upper()] if self.endpoint else [],
            scopes=self.scopes,
            source="scripts",
            access_rule=access_rule,
            schemas=schemas,
        )
        if isinstance(made, Held):
            raise BadDefinition(f"{made.tool}: {made.reason}")
        return made


def read_definitions(path: Path, *, repeats: bool = False) -> list[Definition]:
    """All lines of a file, gzipped or not, in their order. `repeats`: an action may be in it twice. Raises `BadDefinition`."""
    read: list[Definition] = []
    names: set[tuple[str, str]] = set()
    for number, text in _lines(path):
        try:
            definition = Definition.model_validate_json(text)
        except ValidationError as error:
            fault = error.errors()[0]
            where = ".".join(map(str, fault["loc"]))
            raise BadDefinition(
                f"{path}:{number}: {where}: {fault['msg']}" if where else f"{path}:{number}: {fault['msg']}"
            ) from error
        if (definition.integration, definition.name) in names and not repeats:
            raise BadDefinition(f"{path}:{number}: {definition.integration} has an action {definition.name} already")
        names.add((definition.integration, definition.name))
        read.append(definition)
    if not read:
        raise BadDefinition(f"{path} holds no definitions.")
    return read


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    number = 0
    try:
        with path.open("rb") as raw, io.TextIOWrapper(_unzipped(raw), encoding="utf-8-sig") as file:
            for number, text in enumerate(file, 1):
                if text.strip():
                    yield number, text
    except (gzip.BadGzipFile, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise BadDefinition(f"{path}:{number + 1}: {error}") from error
    except OSError as error:
        raise BadDefinition(f"{path} can't be read: {error.strerror}.") from error


def _unzipped(raw: io.BufferedReader) -> BinaryIO:
    """By how it begins: what comes through a pipe has no name."""
    return cast("BinaryIO", gzip.GzipFile(fileobj=raw)) if raw.peek(2)[:2] == b"\x1f\x8b" else raw
