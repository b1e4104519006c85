"""Query strings, so that what a caller gives arrives as given."""

from collections.abc import Iterator, Mapping, Sequence

from nango_tools.errors import Call, InvalidInput, Outcome

Value = str | int | bool | Sequence[str] | None


def query(call: Call, /, **values: Value) -> list[tuple[str, str]]:
    """Parameters in order, without those that are None; a sequence is a parameter for each of its items."""
    return [pair for name, value in values.items() for pair in _pairs(call, name, value)]


def tag_filters(call: Call, tags: Mapping[str, str]) -> list[tuple[str, str]]:
    """`tags[key]=value` for each; brackets in a key would nest, and filter by something else or by nothing."""
    for key in tags:
        if not key or "[" in key or "]" in key:
            raise _refused(call, "tags", f"{key!r} is no tag key")
    return [pair for key, value in tags.items() for pair in _pairs(call, f"tags[{key}]", value)]


def joined(call: Call, name: str, items: Sequence[str]) -> str:
    """`items` with commas between, as some of Nango's parameters want them."""
    if isinstance(items, str):
        raise _refused(call, name, "it is one string, not a sequence of them")
    for item in items:
        if not item or "," in item:
            raise _refused(call, name, f"{item!r} is empty or holds a comma")
    return ",".join(items)


def within(call: Call, name: str, number: int, least: int, most: int) -> int:
    if not least <= number <= most:
        raise _refused(call, name, f"{number} is not from {least} to {most}")
    return number


def _pairs(call: Call, name: str, value: Value) -> Iterator[tuple[str, str]]:
    if value is None:
        return
    if isinstance(value, bool):
        yield name, "true" if value else "false"
    elif isinstance(value, int):
        yield name, str(value)
    elif isinstance(value, str):
        if not _is_text(name) or not _is_text(value):
            raise _refused(call, name, "it holds half a character")
        yield name, value
    else:
        for item in value:
            yield from _pairs(call, name, item)


def _is_text(value: str) -> bool:
    """Half of a surrogate pair cannot be written as UTF-8."""
    return not any("\ud800" <= character <= "\udfff" for character in value)


def _refused(call: Call, name: str, problem: str) -> InvalidInput:
    return InvalidInput(f"{name}: {problem}", call=call, outcome=Outcome.NOT_SENT)
