"""Which lists of words a sentence meets, asked of many lists at once: a bit for each list."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from operator import or_

__all__ = ["WordLists"]


class WordLists:
    """Lists of words, each with a bit of its own.

    >>> lists = WordLists([frozenset({"no", "not"}), frozenset({"seen"})])
    >>> asked = lists.bits([frozenset({"no", "not"}), frozenset({"seen"})])
    >>> asked & lists.met_by(["not", "seen"]) == asked, asked & lists.met_by(["seen"]) == asked
    (True, False)
    """

    def __init__(self, lists: Iterable[frozenset[str]]) -> None:
        self._bits = {words: 1 << number for number, words in enumerate(dict.fromkeys(lists))}
        self._meets: dict[str, int] = {}
        for words, bit in self._bits.items():
            for word in words:
                self._meets[word] = self._meets.get(word, 0) | bit
        self.words = frozenset(self._meets)

    def bits(self, lists: Iterable[frozenset[str]]) -> int:
        """The bits of these lists, each one of ours."""
        return reduce(or_, (self._bits[words] for words in lists), 0)

    def met_by(self, words: Iterable[str]) -> int:
        """The bits of the lists that hold one of these words."""
        return reduce(or_, (self._meets.get(word, 0) for word in words), 0)
