"""Sentences of a report, as offsets into its text.

Made for radiology's telegraphic text, where few lines are sentences by the book: list items, lines
wrapped at a width, labels with a word behind them, stops without a space, stops doubled, figures
with units, and XXXX where a name was taken out. Candidates for a sentence's end are found by one
pattern; each is then judged by the words around it (sentences.toml).

A semicolon ends a sentence only in front of a clause of its own ("no effusion; no pneumothorax",
"…; the lungs are clear"): in front of a further item of a list ("no effusion; mass; or edema") the
negation that stands before it must keep its reach.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from pathlib import Path

__all__ = ["sentence_key", "split_sentences"]

_DATA = Path(__file__).with_name("sentences.toml")

# A stop with the brackets and quotes that close behind it, the bracket behind a list number, a
# bullet, a semicolon, or the end of a line.
_CANDIDATE = re.compile(
    r"[.!?]+(?:[\"'”’)\]>*_]|&[gl]t;|&quot;)*|(?<=\d)\)|;|&#?\w{1,7};|\n|[•▪◦‣●:]"
)
_NEXT = re.compile(r"[\s.,;:*_\])>]*([^\W_]+|\S|$)")
_LAST_WORD = re.compile(r"[^\s(\[\"]*$")
# Nothing further away is looked at, so that the time spent on a text grows with its length only.
_LOOK_BACK = 24
_LOOK_AHEAD = 160

# What is cut off in front of a sentence: stray marks, bullets, the number of a list item.
_LEAD = re.compile(
    r"(?:[\s,;:*_#|=~`!)\]}•▪◦‣●·–—-]|\.(?!\d)|>(?=\s*[A-Za-z])|\[?(?:&[gl]t;|<(?=[A-Z][a-z]))|&quot;"
    r"|\(?\d{1,2}(?:\)(?=[\s,.])|\.(?:\)|(?!\d)))|\(?[a-hA-H]\)(?=\s)|[A-H]\.(?=\s+[A-Z][a-z])"
    r"|\d{1,2}\s*[-–]\s+(?=[A-Z][a-z]))+"
)
# What is cut off behind a sentence: markup, and all stops but the first.
_TAIL_MARKS = " \t\r\n*_#|="
_TAIL = re.compile(r"(?<=[.!?])(?:[\s.!*_]|&[gl]t;\]?|&quot;)+$")
_NUMBER = re.compile(r"(?:^|(?<=[\s.,;]))\(?(\d{1,2})$")
_HEADERLIKE = re.compile(r"[A-Za-z][A-Za-z /&,()-]{1,40}:")
_LIST_ITEM = re.compile(r"[-*•▪◦‣●–—#>+]|\(?\d{1,2}[.)](?!\d)|\(?[a-hA-H][.)]\s")
_LABEL = re.compile(r"(?<=[a-z\d)])\s+([A-Z]{4,}(?:[ /&]+[A-Z]{4,})*)\s?$")
_PAIR = re.compile(r"\s[-–—=]+\s|:")
_WORD = re.compile(r"(?:[-–—*•]\s*)?([A-Za-z/]+)")
_ALNUM = re.compile(r"[^\W_]")
_SPACE = re.compile(r"\s")

_LONG_CLAUSE = 6  # words
_WRAPPED_WIDTH = 50  # text set in narrower lines is a list
_SLACK = 12  # a wrapped line may be this much shorter than the others (names taken out, long words)


@dataclass(frozen=True)
class _Words:
    """The word lists of sentences.toml."""

    never_final: frozenset[str]
    final_before_capital: frozenset[str]
    before_figure: frozenset[str]
    open_words: frozenset[str]
    openers: frozenset[str]
    continuers: frozenset[str]
    verbs: frozenset[str]


@cache
def _words() -> _Words:
    data = tomllib.loads(_DATA.read_text(encoding="utf-8"))
    return _Words(**{name: frozenset(words) for name, words in data.items()})


def split_sentences(text: str, start: int = 0, end: int | None = None) -> list[tuple[int, int]]:
    """The (start, end) offsets of the sentences in `text[start:end]`, ascending.

    They do not overlap, have no whitespace around them and hold a letter or a digit each. What
    stands between them is whitespace, stray punctuation, and the bullets and numbers of lists.

    >>> report = "1. A 1.5 cm nodule.. 2. No effusion.Clear lungs\\n- Dr. XXXX was\\n  told. ."
    >>> [report[a:b] for a, b in split_sentences(report)]
    ['A 1.5 cm nodule.', 'No effusion.', 'Clear lungs', 'Dr. XXXX was\\n  told.']
    """
    end = len(text) if end is None else end
    return _Splitter(text, start, end).split()


def sentence_key(text: str) -> tuple[str, str]:
    """The sentence's id (32 hex digits of blake2b-16) and its text with every whitespace a space.

    The text keeps its length, so that offsets into the one are offsets into the other.

    >>> sentence_key("No\\neffusion.")
    ('a4119495c8341ba9df993d2ac7ee9746', 'No effusion.')
    """
    # What is printable holds no whitespace but spaces.
    plain = text if text.isprintable() else _SPACE.sub(" ", text)
    return blake2b(plain.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest(), plain


class _Splitter:
    """One pass over one text."""

    def __init__(self, text: str, start: int, end: int) -> None:
        self.text, self.at, self.end = text, start, end
        self.item = 0  # the last list number seen
        self.words = _words()
        self._width: int | None = None

    def split(self) -> list[tuple[int, int]]:
        text, end = self.text, self.end
        found: list[tuple[int, int]] = []
        for match in _CANDIDATE.finditer(text, self.at, end):
            mark = text[match.start()]
            if mark in ".!?":
                stop = self._full_stop(match.start(), match.end())
            elif mark == ")":
                stop = self._list_number(match.start(), match.end())
            elif mark == "\n":
                stop = match.start() if self._line_ends(match.start()) else None
            elif mark == ":":
                stop = self._label_begins(match.start())
            elif mark == ";":
                stop = match.start() if self._clause_follows(match.end()) else None
            else:  # a bullet, or the semicolon of an entity such as "&lt;"
                stop = None if mark == "&" else match.start()
            if stop is not None:
                self._add(found, stop)
        self._add(found, end)
        return found

    def _add(self, found: list[tuple[int, int]], stop: int) -> None:
        """Adds the sentence up to `stop`, without what is not part of it."""
        if stop <= self.at:
            return
        text, begin = self.text, self.at
        while begin < stop and text[begin].isspace():
            begin += 1
        # Two letters lead nothing; most sentences begin so.
        if not text[begin : begin + 2].isalpha() or begin + 1 >= stop:
            lead = _LEAD.match(text, self.at, stop)
            begin = lead.end() if lead else self.at
            while begin < stop and text[begin].isspace():
                begin += 1
        self.at = stop
        sentence = text[begin:stop].rstrip(_TAIL_MARKS).rstrip()
        # One stop behind a letter or digit is no tail.
        if not sentence[-2:-1].isalnum():
            tail = _TAIL.search(sentence, max(0, len(sentence) - _LOOK_BACK))
            if tail:
                sentence = sentence[: tail.start()]
        if sentence[:1].isalnum() or _ALNUM.search(sentence):
            found.append((begin, begin + len(sentence)))

    def _full_stop(self, mark: int, after: int) -> int | None:
        """Where a sentence ends by this stop, or None."""
        text, words = self.text, self.words
        if after >= self.end:
            return after
        following = text[after]
        before = _LAST_WORD.search(text, max(self.at, mark - _LOOK_BACK), mark)
        word = before[0] if before else ""
        if not following.isspace():
            return self._stop_without_space(word, mark, after)
        if word.isdigit() and len(word) <= 2:
            return self._list_number(mark, after)
        upcoming = _NEXT.match(text, after, min(self.end, after + _LOOK_AHEAD))
        follower = upcoming[1] if upcoming else ""
        lower = word.lower()
        if lower in words.never_final or (follower[:1].isdigit() and lower in words.before_figure):
            return None
        if len(word) == 1 and word.isalpha():
            return after if follower.lower() in words.openers else None
        if not follower[:1].islower():
            return None if text[mark] == "?" and word == "" else after
        return None if self._slip(lower, mark, after) else after

    def _slip(self, word: str, mark: int, after: int) -> bool:
        """Whether the stop in front of a small letter ends nothing."""
        stops = self.text[mark:after]
        return (
            stops.startswith(("?", "..."))
            or word in self.words.final_before_capital
            or word in self.words.open_words
            or "." in word
        )

    def _stop_without_space(self, word: str, mark: int, after: int) -> int | None:
        """ "clear.No effusion" is two sentences; "1.5", "e.g.", "M.D." and "?mass" are none."""
        follower = _WORD.match(self.text, after, min(self.end, after + _LOOK_BACK))
        if not follower or self.text[mark] == "?":
            return None
        if word.isdigit() and len(word) <= 2:
            return self._list_number(mark, after)
        if len(word) < 3 or not word[-3:].isalpha() or word.lower() in self.words.never_final:
            return None
        upper = follower[1][0].isupper() and (len(follower[1]) > 1 or not word.isupper())
        return after if upper or follower[1] in self.words.openers else None

    def _list_number(self, mark: int, after: int) -> int | None:
        """Where the sentence before a list's number ends; a figure in a sentence ends it itself."""
        text = self.text
        number = _NUMBER.search(text, max(self.at, mark - 4), mark)
        if not number:
            return after if text[mark] != ")" else None
        value, begin = int(number[1]), max(number.start(), self.at)
        if not _ALNUM.search(text, self.at, begin):  # first in its sentence: cut off with the lead
            self.item = value
            return None
        words = text[max(self.at, begin - _LOOK_BACK) : begin].split()
        last = words[-1].lower()
        if (
            value == 1
            and (last[-1] == ":" or self._is_short(begin))
            and self._capital_follows(after)
        ):
            self.item = value  # the list under a label: "Chest: 1. Clear lungs."
            return begin
        if value == self.item + 1 > 1 and last.strip(",") not in self.words.open_words:
            self.item = value
            return begin
        return after if text[mark] != ")" else None

    def _is_short(self, begin: int) -> bool:
        """Whether what stands before is a title ("Left hand 1. Old fracture.")."""
        return begin - self.at < _LOOK_BACK and len(self.text[self.at : begin].split()) <= 3

    def _capital_follows(self, after: int) -> bool:
        return self.text[after : min(self.end, after + _LOOK_BACK)].lstrip()[:1].isupper()

    def _label_begins(self, mark: int) -> int | None:
        """Where the label that ends in this colon begins ("LUNGS: Clear HEART: Large"), or None."""
        label = _LABEL.search(self.text, max(self.at, mark - _LOOK_BACK), mark)
        return label.start() if label and label[1] != "XXXX" else None

    def _clause_follows(self, after: int) -> bool:
        """Whether what stands behind a semicolon is a clause of its own."""
        rest = re.split(
            r"[.;\n]", self.text[after : min(after + _LOOK_AHEAD, self.end)], maxsplit=1
        )[0]
        words = [word.lower() for word in rest.split()]
        if not words or words[0].strip(",") in self.words.continuers:
            return not words
        if words[0].strip(",") in self.words.openers and not words[0].startswith("in"):
            first_is_plain = words[0] in ("no", "the", "there", "this", "these", "it", "however")
            if first_is_plain or len(words) >= _LONG_CLAUSE:
                return True
        if not self.words.verbs.isdisjoint(words):
            return True
        return len(words) >= _LONG_CLAUSE and "or" not in words and "nor" not in words

    def _line_ends(self, mark: int) -> bool:
        """Whether this line break ends a sentence, rather than wrapping it."""
        text, words = self.text, self.words
        begin = text.rfind("\n", 0, mark) + 1
        line = text[max(begin, self.at) : mark].rstrip()
        if not line:
            return False
        stop = text.find("\n", mark + 1, self.end)
        following = text[mark + 1 : self.end if stop < 0 else stop].strip()
        last = line.rsplit(None, 1)[-1].lower()
        listed = _PAIR.search(line) and _PAIR.search(following) and len(line) < _WRAPPED_WIDTH
        open_end = not listed and (last in words.open_words or last[-1] in ",/-+(")
        if not following:
            return not (open_end and self._next_letter_is_small(mark))
        if _LIST_ITEM.match(following) or last[-1] in ".!?;":
            return last.strip(".") not in words.never_final
        if open_end:
            return False
        if following[0].islower():
            return bool(listed)
        if _HEADERLIKE.match(following):
            return True
        first = following.split(None, 1)[0]
        if first.lower() in words.openers and not line.isupper():
            return True
        return not self._wrapped(len(text[begin:mark].rstrip()), len(first))

    def _wrapped(self, length: int, next_word: int) -> bool:
        """Whether a line is so long that its next word did not fit the width of the text."""
        if self._width is None:
            self._width = max(map(len, self.text[self.at : self.end].split("\n")))
        return self._width >= _WRAPPED_WIDTH and length + 1 + next_word + _SLACK > self._width

    def _next_letter_is_small(self, mark: int) -> bool:
        upcoming = _NEXT.match(self.text, mark, min(self.end, mark + _LOOK_AHEAD))
        return bool(upcoming and upcoming[1][:1].islower())
