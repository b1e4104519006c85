"""BM25 over one field of all tools, by bm25s (Lucene's variant)."""

import math
from collections.abc import Sequence

import bm25s  # type: ignore[import-untyped] # it has no annotations
import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.float32]


class FieldIndex:
    """texts: the stems of the field, one list a tool. stems: all of them."""

    def __init__(self, texts: Sequence[Sequence[str]], *, k1: float = 1.2, b: float = 0.8) -> None:
        self._size = len(texts)
        self._index = bm25s.BM25(method="lucene", k1=k1, b=b)
        self.stems = frozenset[str]()
        if any(texts):
            self._index.index([list(text) for text in texts], show_progress=False)
            self.stems = frozenset(self._index.vocab_dict) - {""}

    def scores(self, stem: str, places: npt.NDArray[np.intp]) -> Scores:
        """What the word says for the tools at these places.

        As if they were all there are: a word that all of them have tells them apart no better because others don't have it.
        """
        if stem not in self.stems:
            return np.zeros(len(places), dtype=np.float32)
        everywhere: Scores = self._index.get_scores([stem])
        here: Scores = everywhere[places]
        if len(places) == self._size:
            return here
        rarity = _idf(len(places), int(np.count_nonzero(here)))
        return here * np.float32(rarity / _idf(self._size, int(np.count_nonzero(everywhere))))


def _idf(documents: int, having: int) -> float:
    return math.log(1 + (documents - having + 0.5) / (having + 0.5))
