"""cxrmine's own reading of the distinct sentences, whole or with a part taken out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from benchmarks.corpus import Judged, JudgedSentences, MentionedSentence, timed
from benchmarks.rivals.negex import NEGATED_RULE, Negations
from data_contracts import Verdict
from mining.assertion.rulebook import Rule, RuleBook
from mining.parsing import Parser, Unparsed
from mining.reading import ReadMention, SentenceReader, read_all

Reading = list[list[ReadMention]]

UNCERTAINTY_FILES = ("10_", "30_")  # the files of rules that find a hedge


def read_sentences(
    texts: Sequence[str], reader: SentenceReader, parser: Parser
) -> tuple[Reading, float]:
    """The judged mentions of each sentence as a run of cxrmine judges them, and the CPU seconds."""
    return timed(lambda: read_all(texts, reader, parser))


def read_words_only(texts: Sequence[str], reader: SentenceReader) -> tuple[Reading, float]:
    """The same without any parse: only rules over words can fire, the rest is plainly asserted."""
    return timed(lambda: [reader.read(text, None) for text in texts])


def read_unparsed(texts: Sequence[str], reader: SentenceReader) -> tuple[Reading, float]:
    """The same as if the parser failed on every sentence that it is given: fail closed."""
    failed = Unparsed("withheld")

    def read(text: str) -> list[ReadMention]:
        return reader.read(text, failed if reader.needs_parse(text) else None)

    return timed(lambda: [read(text) for text in texts])


def drop_rules(book: RuleBook, dropped: Callable[[Rule], bool]) -> RuleBook:
    """The rule book without these rules. ValueError when there are none of them.

    >>> from mining.assertion.rule_files import load_rules
    >>> {rule.file[:2] for rule in drop_rules(load_rules(), is_hedge).rules} & {"10", "30"}
    set()
    """
    kept = tuple(rule for rule in book.rules if not dropped(rule))
    if len(kept) == len(book.rules):
        raise ValueError(f"none of the {len(kept)} rules was dropped; expected at least one")
    return replace(book, rules=kept, content_hash=f"{book.content_hash}-{len(kept)}-rules")


def is_hedge(rule: Rule) -> bool:
    """Whether the rule stands in a file of uncertainty rules."""
    return rule.file.startswith(UNCERTAINTY_FILES)


def is_negation(rule: Rule) -> bool:
    """Whether the rule makes a mention absent."""
    return rule.verdict is Verdict.ABSENT


def judged_mentions(reading: Iterable[Iterable[ReadMention]]) -> JudgedSentences:
    """The reading in the words that all engines share."""
    return [[_judged(mention) for mention in sentence] for sentence in reading]


def negated_by_negex(
    reading: Reading, sentences: Sequence[MentionedSentence], negations: Negations
) -> JudgedSentences:
    """The reading with NegEx's negations laid over it: what it negates is absent."""
    result = []
    for read, sentence, flags in zip(reading, sentences, negations, strict=True):
        negated = {m for m, flag in zip(sentence.found, flags, strict=True) if flag}
        result.append(
            [
                replace(_judged(m), verdict=Verdict.ABSENT, rule_id=NEGATED_RULE)
                if m.found in negated
                else _judged(m)
                for m in read
            ]
        )
    return result


def _judged(mention: ReadMention) -> Judged:
    found, ruling = mention.found, mention.ruling
    return Judged(
        found.finding, found.form, ruling.verdict, ruling.rule_id,
        ruling.temporality, ruling.experiencer,
    )  # fmt: skip
