"""Reading sentences: text → mentions with rulings. Every distinct sentence is read once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from data_contracts import Verdict
from mining.assertion.graph import Graph
from mining.assertion.judge import DEFAULT_RULE, UNPARSED_RULE, Ruling, SentenceJudge
from mining.assertion.negex import NegexJudge
from mining.assertion.rulebook import RuleBook
from mining.concepts import Found
from mining.concepts.abbreviations import Finder, find_expanded, long_forms
from mining.parsing import Parse, Parser, Unparsed
from mining.tokens import tokenize

OTHER = "Other"
HEDGED_FORM_RULE = "form.hedged"
READ_BATCH = 4096  # sentences that are asked for their need of a parse, parsed and read together


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence cut into tokens: offsets into its text, and the lower-cased words."""

    text: str
    offsets: tuple[tuple[int, int], ...]
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReadMention:
    """A mention and its ruling; `start`, `end` and `cues` are offsets into the sentence."""

    start: int
    end: int
    found: Found
    ruling: Ruling
    cues: tuple[tuple[int, int], ...]


def cut(text: str) -> Sentence:
    """The sentence, cut into tokens.

    >>> cut("No effusion.").words
    ('no', 'effusion', '.')
    """
    offsets = tuple(tokenize(text))
    lower = text.lower()
    if len(lower) != len(text):  # one letter in lower case may be two
        return Sentence(text, offsets, tuple(text[a:b].lower() for a, b in offsets))
    return Sentence(text, offsets, tuple(lower[a:b] for a, b in offsets))


class SentenceReader:
    """Finds and judges the mentions of sentences.

    A sentence is parsed only if it holds a finding and the words that some rule over the graph
    needs; without them no such rule can fire, whatever the parse. Organs and other abnormalities
    are judged by words alone: no label hangs on their parse.
    """

    def __init__(
        self,
        matcher: Finder,
        book: RuleBook,
        rival: NegexJudge | None = None,
    ) -> None:
        self._matcher = matcher
        self._book = book
        self._rival = rival
        self._asserts = lru_cache(maxsize=4096)(self._plainly_asserts)
        # Whoever asks for a parse reads the same sentence next.
        self._prepared = lru_cache(maxsize=READ_BATCH)(self._prepare)

    def with_rules(self, book: RuleBook) -> SentenceReader:
        """A reader that finds the same mentions and judges them by this book."""
        return SentenceReader(self._matcher, book, self._rival)

    def needs_parse(self, text: str, abbreviations: Sequence[str] | None = None) -> bool:
        """Whether judging this sentence can depend on its parse."""
        sentence, found = self._prepared(text, tuple(abbreviations or ()))
        if self._rival or self._book.trigger_words.isdisjoint(sentence.words):
            return False
        return any(map(_parsed_for, found)) and self._book.needs_graph(frozenset(sentence.words))

    def read(
        self, text: str, parse: Parse | Unparsed | None, abbreviations: Sequence[str] | None = None
    ) -> list[ReadMention]:
        """The judged mentions of a sentence, in order.

        `parse` is None where `needs_parse` is false; an `Unparsed` sentence is judged by the
        rules that need no graph, and where none decides the mention is unparsed. `abbreviations`
        are those that the report has defined and this sentence uses, as "RMLA=long form".
        """
        sentence, found = self._prepared(text, tuple(abbreviations or ()))
        if self._rival:
            return self._by_rival(sentence, found, self._rival)
        return self._by_rules(sentence, found, parse)

    def _by_rules(
        self, sentence: Sentence, found: list[Found], parse: Parse | Unparsed | None
    ) -> list[ReadMention]:
        if not found:
            return []
        graph = Graph(sentence.words, parse if isinstance(parse, Parse) else None)
        judge = SentenceJudge(self._book, graph, parse_failed=isinstance(parse, Unparsed))
        read = (self._judge(sentence, judge, mention) for mention in found)
        return [mention for mention in read if mention is not None]

    def _by_rival(
        self, sentence: Sentence, found: list[Found], rival: NegexJudge
    ) -> list[ReadMention]:
        """Mentions by grace of a rule ("heart size") are none where no rule judges."""
        own = [f for f in found if not f.needs_rule]
        rulings = rival.judge(sentence.text, [f.tokens for f in own])
        return [_read(sentence, f, r) for f, r in zip(own, rulings, strict=True)]

    def _prepare(self, text: str, abbreviations: tuple[str, ...]) -> tuple[Sentence, list[Found]]:
        sentence = cut(text)
        return sentence, self._find(sentence, abbreviations)

    def _find(self, sentence: Sentence, abbreviations: Sequence[str]) -> list[Found]:
        meanings = {s: m for s, m in long_forms(abbreviations).items() if self._asserts(m)}
        if not meanings:
            return self._matcher.find(sentence.words)
        written = [sentence.text[a:b] for a, b in sentence.offsets]
        return find_expanded(self._matcher, written, meanings)

    def _plainly_asserts(self, long_form: str) -> bool:
        # "no pneumothorax (NPTX)": a cue inside of an abbreviation would be lost.
        sentence = cut(long_form)
        found = self._matcher.find(sentence.words)
        rulings = [mention.ruling for mention in self._by_rules(sentence, found, None)]
        return all(r.rule_id == DEFAULT_RULE and not r.context_rules for r in rulings)

    def _judge(self, sentence: Sentence, judge: SentenceJudge, found: Found) -> ReadMention | None:
        ruling = judge.judge(found.tokens, found.form, own_rules_only=found.needs_rule)
        if found.needs_rule and ruling.rule_id in (DEFAULT_RULE, UNPARSED_RULE):
            return None
        if found.certainty < 1 and ruling.rule_id == DEFAULT_RULE:
            ruling = hedged(ruling, found.certainty)
        return _read(sentence, found, ruling)


def _read(sentence: Sentence, found: Found, ruling: Ruling) -> ReadMention:
    offsets = sentence.offsets
    return ReadMention(
        start=offsets[found.tokens[0]][0],
        end=offsets[found.tokens[-1]][1],
        found=found,
        ruling=ruling,
        cues=tuple(offsets[c] for c in ruling.cues),
    )


def _parsed_for(found: Found) -> bool:
    return not found.needs_rule and found.finding != OTHER


def hedged(ruling: Ruling, certainty: float) -> Ruling:
    """The ruling on a phrase that is itself a hedge ("borderline heart size")."""
    return Ruling(
        Verdict.UNCERTAIN, certainty, HEDGED_FORM_RULE, ruling.cues, ruling.arcs,
        ruling.temporality, ruling.experiencer, ruling.context_rules,
    )  # fmt: skip


def read_all(
    texts: Sequence[str], reader: SentenceReader, parser: Parser
) -> list[list[ReadMention]]:
    """The judged mentions of each sentence; those that need a parse are parsed in batches."""
    read: list[list[ReadMention]] = []
    for start in range(0, len(texts), READ_BATCH):
        batch = texts[start : start + READ_BATCH]
        needed = [i for i, text in enumerate(batch) if reader.needs_parse(text)]
        parses = parse_by_number(needed, batch, parser)
        read += [reader.read(text, parses.get(i)) for i, text in enumerate(batch)]
    return read


def parse_by_number(
    needed: Iterable[int], texts: Sequence[str], parser: Parser
) -> Mapping[int, Parse | Unparsed]:
    """The parses of the chosen texts, by their number."""
    numbers = list(needed)
    return dict(zip(numbers, parser.parse([texts[i] for i in numbers]), strict=True))
