"""Sentences cut into the words that a parser sees."""

from dataclasses import dataclass

from mining.parsing.parse import Unparsed
from mining.tokens import tokenize

__all__ = ["MAX_TOKENS", "Words", "cut_sentence", "normal_form"]

#: A longer "sentence" is a list, a table or a splitter's slip; no tree of it can be trusted.
MAX_TOKENS = 200

# ASCII only, so that the length of a word never changes (str.lower makes two letters of one).
_TABLE = str.maketrans(
    {chr(upper): chr(upper + 32) for upper in range(ord("A"), ord("Z") + 1)}
    | {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": "-"}
)


@dataclass(frozen=True, slots=True)
class Words:
    """The tokens of one sentence: normal forms and offsets, one entry per token."""

    forms: tuple[str, ...]
    starts: tuple[int, ...]
    ends: tuple[int, ...]

    @property
    def spaces(self) -> list[bool]:
        """For each token, whether whitespace follows."""
        following = (*self.starts[1:], self.ends[-1])
        return [end < start for end, start in zip(self.ends, following, strict=True)]


def normal_form(word: str) -> str:
    """Return the word as parsers see it: ASCII letters lower, curly quotes and dashes plain.

    >>> normal_form("ISN\\u2019T")
    "isn't"
    """
    return word.translate(_TABLE)


def cut_sentence(text: str, *, keep_case: bool = False) -> Words | Unparsed:
    """Return the tokens of one sentence, or why it should not be parsed.

    `keep_case` is for models that were trained on cased text; a sentence all in capitals, which
    no treebank holds, is lower-cased even for them.

    >>> cut_sentence("No edema").forms
    ('no', 'edema')
    >>> cut_sentence(" ")
    Unparsed(reason='no tokens')
    """
    spans = tokenize(text)
    if not spans:
        return Unparsed("no tokens")
    if len(spans) > MAX_TOKENS:
        return Unparsed(f"too long: {len(spans)} tokens, limit {MAX_TOKENS}")
    plain = text if keep_case and not text.isupper() else normal_form(text)
    starts, ends = zip(*spans, strict=True)
    return Words(tuple(plain[start:end] for start, end in spans), starts, ends)
