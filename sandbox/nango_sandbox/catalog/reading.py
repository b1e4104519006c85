"""Reads a catalogue: one action a line, in JSON; plain or gzipped."""

import gzip
import io
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Literal, cast

from jsonschema import Draft7Validator, SchemaError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nango_sandbox.catalog.functions import function_of
from nango_sandbox.catalog.kinds import Kind, kinds
from nango_sandbox.catalog.naming import Name, understand
from nango_sandbox.functions.action import Action, AuthMode, Endpoint, Integration
from nango_sandbox.functions.signature import Declared
from nango_sandbox.providers.table import Provider, auth_mode_of, known_providers
from nango_sandbox.store.ledger import Access


class CatalogError(ValueError):
    """A catalogue that cannot be read; the message names file and line."""


class _Endpoint(BaseModel):
    model_config = ConfigDict(extra="forbid")

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str


class Line(BaseModel):
    """input_schema: JSON Schema, draft 7; inputs are checked against it
    access: what the action does, where its name does not tell
    auth_mode: how users of the integration authorize, where Nango's naming does not tell; one line is enough
    """

    model_config = ConfigDict(extra="forbid")

    integration: Annotated[str, Field(pattern=r"^[a-zA-Z0-9~:.@_-]+$", max_length=255)]
    name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]+$", max_length=255)]
    description: str = ""
    scopes: tuple[str, ...] = ()
    endpoint: _Endpoint | None = None
    input_schema: dict[str, Any]
    access: Access | None = None
    auth_mode: AuthMode | None = None


def read_catalog(path: Path) -> list[Integration]:
    """The integrations of a catalogue (.jsonl, .jsonl.gz), each with its actions, in the order of the file.

    Raises CatalogError where the file cannot be read, and for a line that is no action, or repeats one.
    """
    lines: dict[str, dict[str, Line]] = {}
    checked: set[str] = set()
    for number, text in _texts(path):
        try:
            line = Line.model_validate_json(text)
            schema = json.dumps(line.input_schema)
            if schema not in checked:  # several integrations are one under different names
                Draft7Validator.check_schema(line.input_schema)
                checked.add(schema)
        except ValidationError as error:
            found = error.errors()[0]
            where = ".".join(map(str, found["loc"]))
            raise _refused(path, number, f"{where}: {found['msg']}" if where else found["msg"]) from error
        except SchemaError as error:
            raise _refused(path, number, f"input_schema is no JSON Schema: {error.message}") from error
        actions = lines.setdefault(line.integration, {})
        if line.name in actions:
            raise _refused(path, number, f"{line.integration} has an action {line.name} already")
        actions[line.name] = line
    if not lines:
        message = f"{path} holds no actions."
        raise CatalogError(message)
    providers = known_providers()
    return [_integration(key, list(actions.values()), providers.get(key)) for key, actions in lines.items()]


def _texts(path: Path) -> Iterator[tuple[int, str]]:
    number = 0
    try:
        with path.open("rb") as raw, io.TextIOWrapper(_unzipped(path, raw), encoding="utf-8") as file:
            for number, text in enumerate(file, 1):
                if text.strip():
                    yield number, text
    except (gzip.BadGzipFile, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise _refused(path, number + 1, str(error)) from error
    except OSError as error:
        message = f"Cannot read the catalogue {path}: {error.strerror}."
        raise CatalogError(message) from error


def _unzipped(path: Path, raw: BinaryIO) -> BinaryIO:
    return cast("BinaryIO", gzip.GzipFile(fileobj=raw)) if path.suffix == ".gz" else raw


def _refused(path: Path, number: int, why: str) -> CatalogError:
    return CatalogError(f"{path}:{number}: {why}")


def _integration(key: str, lines: list[Line], provider: Provider | None) -> Integration:
    told = next((line.auth_mode for line in lines if line.auth_mode is not None), None)
    names = [understand(line.name, line.description) for line in lines]
    known = kinds(zip(names, [line.input_schema for line in lines], strict=True))
    return Integration(
        key=key,
        provider=key,
        display_name=provider.display_name if provider else key.replace("-", " ").title(),
        auth_mode=told or (provider.auth_mode if provider else auth_mode_of(key)),
        scopes=tuple(dict.fromkeys(scope for line in lines for scope in line.scopes)),
        actions=tuple(_action(line, name, known[name.kind]) for line, name in zip(lines, names, strict=True)),
        categories=provider.categories if provider else ("other",),
    )


def _action(line: Line, name: Name, kind: Kind) -> Action:
    return Action(
        name=line.name,
        description=line.description,
        access=line.access or name.access,
        function=function_of(name, line.input_schema, kind),
        scopes=line.scopes,
        endpoint=Endpoint(line.endpoint.method, line.endpoint.path) if line.endpoint else None,
        declared=Declared(line.input_schema, checked=True),
        atomic=True,
    )
