"""What a tool's fields are for, read from their names: ids, texts, options, the list in a result."""

from nango_sandbox.rule_model.prompt import Tool
from nango_sandbox.rule_model.shapes import Field, Shape
from nango_sandbox.rule_model.words import ID_WORDS, group_of, split_words, stem

TEXTS = (
    "text",
    "body",
    "content",
    "message",
    "comment",
    "note",
    "title",
    "name",
    "subject",
    "summary",
    "topic",
    "purpose",
    "description",
)
_ID_STEMS = frozenset(stem(word) for word in ID_WORDS)
_ORDERING = frozenset(("sort", "direction", "order", "orderby", "parse", "format", "lang"))


def words_of(field: Field) -> set[str]:
    """Stems of a field's name without what only says that it is an id."""
    return {stem(word) for word in split_words(field.name)} - _ID_STEMS


def lists(tool: Tool) -> bool:
    return list_of(tool.result) is not None or (
        group_of(tool.name.verb) == "list" and tool.name.verb not in ("get", "retrieve", "fetch", "read", "lookup")
    )


def list_of(shape: Shape) -> tuple[tuple[str, ...], Shape] | None:
    """Where in a result its list of things is, as a path of names, and what one thing looks like."""
    if shape.kind == "array" and shape.items is not None:
        return (), shape.items
    arrays = [
        (field.name, field.shape.items) for field in shape.fields if field.shape.kind == "array" and field.shape.items
    ]
    for name, items in arrays:
        if items.kind == "object":
            return (name,), items
    for outer in shape.fields:
        if outer.shape.kind == "object" and len(shape.fields) <= 3:
            inner = list_of(outer.shape)
            if inner and inner[1].kind == "object":
                return (outer.name, *inner[0]), inner[1]
    if len(shape.fields) == 1 and arrays:
        return (arrays[0][0],), arrays[0][1]
    return None


def option_named(field: Field, word: str) -> str | int | float | bool | None:
    """The literal of an enumerated parameter that a word (a stem) names. Orderings are not named in passing."""
    if "".join(split_words(field.name)) in _ORDERING or field.shape.kind == "boolean":
        return None
    again = word.removeprefix("re")  # reopening makes it open
    exact = next((choice for choice in field.shape.choices if stem(str(choice)) == word), None)
    return (
        exact
        if exact is not None
        else next((choice for choice in field.shape.choices if stem(str(choice)) == again), None)
    )


def is_text(field: Field) -> bool:
    """A parameter that takes what people write."""
    return (
        field.shape.kind == "string"
        and not field.shape.choices
        and split_words(field.name)[-1:] != ()
        and split_words(field.name)[-1] in TEXTS
    )


def called(tool: Tool) -> Field | None:
    """The parameter that holds what a thing is called."""
    for wanted in ("name", "title", "summary", "subject", "content"):
        found = next(
            (field for field in tool.parameters if split_words(field.name)[-1:] == (wanted,) and is_text(field)), None
        )
        if found is not None:
            return found
    return None


def is_id(field: Field) -> bool:
    words = split_words(field.name)
    return bool(words) and stem(words[-1]) in _ID_STEMS


def thing_of(field: Field, tool: Tool) -> str:
    """The stem of the thing that a parameter identifies: `issue_number` an issue, `ts` of `delete-message` a message."""
    words = [stem(word) for word in split_words(field.name)]
    rest = [word for word in words if word not in _ID_STEMS]
    return rest[-1] if rest else tool.name.head
