"""Query strings, so that what a caller gives arrives as given."""

from collections.abc import Collection, Iterator, Mapping

from nango_tools.errors import Call, InvalidInput, Outcome


def query(call: Call, /, **values: object) -> list[tuple[str, str]]:
    """As `parameters`, for names that are known."""
    return parameters(call, values)


def parameters(call: Call, values: Mapping[str, object]) -> list[tuple[str, str]]:
    """Name and value of each parameter, in order; those that are None are left out.

    A value is text, a number or a bool; a sequence of them is a parameter for each. InvalidInput for anything else.
    """
    return [pair for name, value in values.items() for pair in _pairs(call, name, value)]


def tag_filters(call: Call, tags: Mapping[str, str]) -> list[tuple[str, str]]:
    """`tags[key]=value` for each; brackets in a key would nest, and filter by something else or by nothing."""
    filters: list[tuple[str, str]] = []
    for key, value in tags.items():
        if not isinstance(key, str) or not key or "[" in key or "]" in key:
            raise _refused(call, "tags", f"{key!r} is no tag key")
        if not isinstance(value, str):
            # None would be no filter, and fit everybody's.
            raise _refused(call, "tags", f"the value of {key!r} is no text")
        filters += _pairs(call, f"tags[{key}]", value)
    return filters


def texts(call: Call, name: str, items: Collection[str], among: Collection[str] | None = None) -> list[str]:
    """The items of a sequence of texts, all of them `among` these; a text alone would be one of its letters."""
    if isinstance(items, str) or not isinstance(items, Collection):
        raise _refused(call, name, "it is not a sequence of texts")
    for item in items:
        if not isinstance(item, str) or not item:
            raise _refused(call, name, f"{item!r} is empty or no text")
        if among is not None and item not in among:
            raise _refused(call, name, f"{item!r} is none of {', '.join(among)}")
    return list(items)


def joined(call: Call, name: str, items: Collection[str], among: Collection[str] | None = None) -> str:
    """`items` with commas between, as some of Nango's parameters want them."""
    found = texts(call, name, items, among)
    for item in found:
        if "," in item:
            raise _refused(call, name, f"{item!r} holds a comma")
    return ",".join(found)


def within(call: Call, name: str, number: int, least: int, most: int) -> int:
    if not isinstance(number, int) or isinstance(number, bool) or not least <= number <= most:
        raise _refused(call, name, f"{number!r} is no whole number from {least} to {most}")
    return number


def _pairs(call: Call, name: str, value: object) -> Iterator[tuple[str, str]]:
    if not isinstance(name, str):
        raise _refused(call, repr(name), "it is no name of a parameter")
    if value is None:
        return
    if isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield name, _text(call, name, item)
    else:
        yield name, _text(call, name, value)


def _text(call: Call, name: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if not isinstance(value, str):
        raise _refused(call, name, f"{type(value).__name__} cannot be a parameter")
    if not _is_text(name) or not _is_text(value):
        raise _refused(call, name, "it holds half a character")
    return value


def _is_text(value: str) -> bool:
    """Half of a surrogate pair cannot be written as UTF-8."""
    return not any("\ud800" <= character <= "\udfff" for character in value)


def _refused(call: Call, name: str, problem: str) -> InvalidInput:
    return InvalidInput(f"{name}: {problem}", call=call, outcome=Outcome.NOT_SENT)
