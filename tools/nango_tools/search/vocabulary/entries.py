"""The text files, read.

a = b = c                each may be said for each
tool words: said, …      what may be said for each of the tool words, which are separated by blanks
put … on                 in what is said: other words may stand between
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.resources import files

FOREIGN = "languages"
ENGLISH = ("doing", "sales_and_support", "money_and_shops", "work_and_people", "messages_and_files", "systems")


@dataclass(frozen=True, slots=True)
class Entry:
    """said: a phrase of a request. meant: words of tools, any of them."""

    said: str
    meant: tuple[str, ...]


def read_entries(*names: str) -> list[Entry]:
    """Of the files of these names, in their order."""
    folder = files("nango_tools.search.vocabulary")
    return [entry for name in names for entry in parsed((folder / f"{name}.txt").read_text("utf-8").splitlines())]


def parsed(lines: Iterable[str]) -> Iterator[Entry]:
    for line in lines:
        text = line.partition("#")[0]
        if ":" in text:
            meant, _, said = text.partition(":")
            yield from (Entry(phrase.strip(), tuple(meant.split())) for phrase in said.split(","))
        elif "=" in text:
            names = [name.strip() for name in text.split("=")]
            yield from (Entry(said, tuple(name for name in names if name != said)) for said in names)
