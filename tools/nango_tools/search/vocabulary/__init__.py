"""What people say, and what tools call it: phrases from the text files beside this one. Sources: README.md one folder up."""

from functools import cache

from nango_tools.search.vocabulary.entries import ENGLISH, FOREIGN, Entry, read_entries
from nango_tools.search.vocabulary.foreign import Foreign
from nango_tools.search.vocabulary.phrases import Phrases

__all__ = ["ENGLISH", "FOREIGN", "Entry", "Foreign", "Phrases", "english", "foreign", "read_entries"]


@cache
def english() -> Phrases:
    """Read once a process: it is part of the program, and never changes."""
    return Phrases(read_entries(*ENGLISH))


@cache
def foreign() -> Foreign:
    return Foreign(read_entries(FOREIGN))
