"""A tool of what a listing says about it: judged, with a fingerprint, and refused where it can't be shown safely."""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence

from nango_tools.access import Verdict, classify
from nango_tools.catalog.guarding import Held
from nango_tools.catalog.tool import INPUT, Source, Tool
from nango_tools.schemas import Schema

AccessRule = Callable[[str, str], Verdict | None]
"""What the operator says of a tool (integration, name); None where nothing was said."""

LONGEST_NAME = 255
LONGEST_DESCRIPTION = 20_000
"""Characters. What is longer is cut, and says so."""
LARGEST_SCHEMA = 500_000
"""Characters of JSON. A tool with a larger one is refused; 8,000 is much already."""

_NO_INPUT: Schema = {"type": "object", "properties": {}, "additionalProperties": False}


class Schemas:
    """Those that were seen, each once: many integrations are one under different names."""

    def __init__(self) -> None:
        self._seen: dict[bytes, Schema] = {}

    def one(self, schema: Schema, as_json: str) -> Schema:
        return self._seen.setdefault(hashlib.sha256(as_json.encode()).digest(), schema)


def make_tool(
    integration: str,
    name: str,
    *,
    description: str,
    input_schema: Schema,
    output_schema: Schema | None = None,
    methods: Iterable[str | None] = (),
    scopes: Sequence[str] = (),
    version: str | None = None,
    source: Source,
    access_rule: AccessRule | None = None,
    schemas: Schemas | None = None,
) -> Tool | Held:
    """`Held` where it is refused. The schemas are without references."""
    schemas = schemas or Schemas()
    if input_schema.get("type") == "null":
        input_schema = _NO_INPUT
    if problem := name_problem(name):
        return refusal(integration, name, f"Its name {problem}.")
    as_json = _json(input_schema)
    if len(as_json) > LARGEST_SCHEMA:
        return refusal(
            integration, name, f"Its input schema has {len(as_json)} characters, and {LARGEST_SCHEMA} are the most."
        )
    methods = list(methods)
    method = ", ".join(sorted({method for method in methods if method})) or None
    output, output_as_json = _small(output_schema, schemas)
    seen = _fingerprint(name, description, as_json, output_as_json, method, scopes)
    if len(description) > LONGEST_DESCRIPTION:
        description = f"{description[:LONGEST_DESCRIPTION]} [... cut: it has {len(description)} characters]"
    verdict = access_rule(integration, name) if access_rule else None
    if verdict is None:
        verdicts = [classify(name, description, method, scopes, input_schema) for method in methods or [None]]
        verdict = max(verdicts, key=lambda verdict: verdict.access)
    wrapped = not _takes_objects(input_schema)
    shown = schemas.one(input_schema, as_json)
    if wrapped:
        shown = {"type": "object", "properties": {INPUT: shown}, "required": [INPUT], "additionalProperties": False}
    return Tool(
        integration=integration,
        name=name,
        description=description,
        input_schema=shown,
        output_schema=output,
        scopes=tuple(scopes),
        access=verdict.access,
        reason=verdict.reason,
        fingerprint=seen,
        source=source,
        method=method,
        version=version,
        wrapped=wrapped,
    )


def fingerprint(
    name: str,
    description: str,
    input_schema: Schema,
    *,
    output_schema: Schema | None = None,
    method: str | None = None,
    scopes: Sequence[str] = (),
) -> str:
    """Hex SHA-256 of all that a model may read of a tool, and of all that its access is judged by. Not of the version."""
    return _fingerprint(name, description, _json(input_schema), _json(output_schema), method, scopes)


def name_problem(name: str) -> str | None:
    """Why an integration or an action of that name is not shown, to follow "its name"."""
    if not name.strip():
        return "is empty"
    if len(name) > LONGEST_NAME:
        return f"has {len(name)} characters, and {LONGEST_NAME} are the most"
    if "/" in name or not name.isprintable():
        return "holds a slash or a character that can't be seen"
    return None


def refusal(integration: str, name: str, reason: str) -> Held:
    """There is no definition to accept: the fingerprint is empty."""
    shown = ascii(name)[1:-1] if len(name) <= LONGEST_NAME else f"{ascii(name[:LONGEST_NAME])[1:-1]}..."
    return Held(tool=f"{integration}/{shown}", fingerprint="", reason=reason)


def _takes_objects(schema: Schema) -> bool:
    """Whether arguments can be given as they are. A schema that says nothing of a type takes anything, or no input."""
    if "type" in schema:
        types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        return "object" in types
    if isinstance(values := schema.get("enum", [schema["const"]] if "const" in schema else None), list):
        return any(isinstance(value, dict) for value in values)
    for word in ("oneOf", "anyOf"):
        if isinstance(alternatives := schema.get(word), list):
            return any(_takes_objects(one) for one in alternatives if isinstance(one, dict))
    return all(_takes_objects(one) for one in schema.get("allOf") or () if isinstance(one, dict))


def _small(schema: Schema | None, schemas: Schemas) -> tuple[Schema | None, str]:
    """With its JSON. Of what comes back only a part is shown anyway: one that is too large is as good as none."""
    as_json = _json(schema)
    if schema is None or len(as_json) > LARGEST_SCHEMA:
        return None, _json(None)
    return schemas.one(schema, as_json), as_json


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def _fingerprint(
    name: str, description: str, input_schema: str, output_schema: str, method: str | None, scopes: Sequence[str]
) -> str:
    """The schemas are JSON already."""
    whole = (
        f'{{"description":{_json(description)},"input_schema":{input_schema},"method":{_json(method)},'
        f'"name":{_json(name)},"output_schema":{output_schema},"scopes":{_json(sorted(scopes))}}}'
    )
    return hashlib.sha256(whole.encode()).hexdigest()
