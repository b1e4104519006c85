"""How a name is written: its words, in whichever case and script, and whether it hides what it says."""

import re
import unicodedata
from dataclasses import dataclass

_SEGMENTS = re.compile(r"[./:\\]+")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_A-Za-z]+")
_CHUNK = re.compile(r"[^\W\d_]+")
# DELETEUser is split before its last capital; DELETEuser would be too, so that its capitals are read on their own as well.
_CAPITALS = re.compile(r"(?<![A-Z])([A-Z]{3,})([a-z]+)")
# Letters of other alphabets that look like Latin ones, in small letters after casefolding.
_LOOKALIKES = str.maketrans("авеёзікмнорстухѕјԁһӏԛԝґьαβγεηικνορτυχω", "abee3ikmhopctyxsjdhlqwrbabyenikvoptuxw")
_LETTERS_WITHOUT_PARTS = str.maketrans("łøđıæœ", "lodiao")


@dataclass(frozen=True, slots=True)
class Writing:
    """segments: the words between dots, slashes and colons, in small letters and without accents
    also: readings of the same letters that another way of splitting gives
    foreign: written in another script than Latin, in one and the same
    disguise: what makes it look other than it is, None where nothing does
    """

    segments: tuple[tuple[str, ...], ...]
    also: frozenset[str]
    foreign: bool
    disguise: str | None

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(word for segment in self.segments for word in segment)


def unmasked(text: str) -> str:
    """Without accents, without what can't be seen, and with Latin letters for those that stand in for them inside a word."""
    if text.isascii():
        return text
    seen = "".join(letter for letter in text if unicodedata.category(letter) not in {"Cf", "Co", "Cn"})
    plain = _plain(seen)
    return _CHUNK.sub(lambda word: _latin(word[0]), plain)


def _latin(word: str) -> str:
    """A word of several alphabets in the one that it pretends to be in."""
    if word.isascii() or not any(letter.isascii() for letter in word):
        return word
    return "".join(
        letter if letter.isascii() else letter.casefold().translate(_LOOKALIKES).translate(_LETTERS_WITHOUT_PARTS)
        for letter in word
    )


def _plain(seen: str) -> str:
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", seen) if not unicodedata.combining(letter))
    return unicodedata.normalize("NFC", plain).translate(_LETTERS_WITHOUT_PARTS)


def written(name: str) -> Writing:
    """Takes time in proportion to the length of the name, whatever it is made of."""
    if name.isascii():
        disguise = None if name.isprintable() else "characters that can't be seen"
        return Writing(_segments(name), _also(name), foreign=False, disguise=disguise)
    seen = [letter for letter in name if unicodedata.category(letter)[0] != "C"]
    plain = _plain("".join(seen))
    scripts = {_script(letter) for letter in plain if letter.isalpha()}
    also = _also(plain)
    disguise = None
    if len(seen) < len(name):
        disguise = "characters that can't be seen"
    elif "LATIN" in scripts and len(scripts) > 1:
        disguise = "letters of several alphabets"
        also |= _also(plain.casefold().translate(_LOOKALIKES))
    return Writing(_segments(plain), also, foreign=bool(scripts) and "LATIN" not in scripts, disguise=disguise)


def _segments(name: str) -> tuple[tuple[str, ...], ...]:
    split = (tuple(word.casefold() for word in _WORD.findall(segment)) for segment in _SEGMENTS.split(name))
    return tuple(words for words in split if words)


def _also(name: str) -> frozenset[str]:
    capitals = (part for match in _CAPITALS.finditer(name) for part in match.groups())
    return frozenset(part.casefold() for part in (*capitals, *_CHUNK.findall(name)))


def _script(letter: str) -> str:
    """The first word of the letter's name; the Japanese scripts count as one with the Chinese."""
    script = unicodedata.name(letter, "UNKNOWN").split(" ", 1)[0].split("-", 1)[0]
    return "CJK" if script in {"HIRAGANA", "KATAKANA"} else script
