"""The check of a rule book: what each rule does on a corpus, and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from data_contracts import finding_set
from mining.assertion.rulebook import Rule, RuleBook
from mining.concepts import PhraseMatcher
from mining.parsing import Parse, Unparsed, load_parser
from mining.parsing.frozen import FrozenParser
from mining.reading import OTHER, SentenceReader
from mining.rulecheck import lint
from mining.rulecheck.corpus import Corpus
from mining.rulecheck.firing import FiringReader
from mining.rulecheck.tally import Tallies, Tally
from mining.settings import MiningSettings
from mining.vocabulary import load_vocabulary

_SHOWN = 2


@dataclass(frozen=True)
class RuleReport:
    """One rule: what it looks at, what it does on the corpus, and what speaks against it.

    ``errors`` must be mended (dead in its own examples, a duplicate, a label that can't be);
    ``warnings`` deserve a look (never fires, always decided by an earlier rule).
    """

    rule: Rule
    kind: str
    tally: Tally
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    vain_labels: tuple[str, ...] = ()

    @property
    def shared(self) -> list[tuple[str, int]]:
        """The rules that most often match the same mentions."""
        return self.tally.shared.most_common(_SHOWN)

    @property
    def examples(self) -> tuple[str, ...]:
        """Two of the rule's own sentences."""
        return self.rule.yes[:_SHOWN]

    def to_json(self) -> dict[str, Any]:
        """The report as plain data; no text of the corpus is in it."""
        tally = self.tally
        return {
            "id": self.rule.id,
            "file": self.rule.file,
            "verdict": self.rule.verdict.value if self.rule.verdict else None,
            "kind": self.kind,
            "fires": tally.fires,
            "decides": tally.decides,
            "decides_alone": tally.alone,
            "shared": dict(self.shared),
            "precision": tally.precision,
            "precision_over": tally.judged,
            "examples": list(self.examples),
            "reports": tally.reports,
            "errors": list(self.errors),
            "warnings": list(self.warnings),
            "labels_in_vain": list(self.vain_labels),
        }


@dataclass(frozen=True)
class RuleCheck:
    """The check of a whole book. `labels_known`: the parser's labels are all that it can give."""

    rules: tuple[RuleReport, ...]
    corpus: Corpus
    parser_id: str
    book_hash: str
    mentions: int
    verdicts: dict[str, int]
    unparsed: int
    unseen: tuple[lint.WordList, ...]
    labels_known: bool
    gold: bool = field(default=False)

    @property
    def failed(self) -> bool:
        """Whether any rule has an error."""
        return any(report.errors for report in self.rules)

    def to_json(self) -> dict[str, Any]:
        """The check as plain data; no text of the corpus is in it."""
        return {
            "parser": self.parser_id,
            "rules_sha256": self.book_hash,
            "reports": self.corpus.report_count,
            "reports_left_out_test_split": self.corpus.left_out,
            "distinct_sentences": len(self.corpus.texts),
            "mentions": self.mentions,
            "verdicts": self.verdicts,
            "unparsed_sentences": self.unparsed,
            "failed": self.failed,
            "rules": [report.to_json() for report in self.rules],
            "words_never_seen": [
                {"list": u.name, "rules": list(u.rules), "words": list(u.words)}
                for u in self.unseen
            ],
        }


def check_rules(
    book: RuleBook,
    corpus: Corpus,
    *,
    gold: pa.Table | None = None,
    parser: str = "embedded",
    findings: str = MiningSettings.findings,
) -> RuleCheck:
    """What each rule does on the corpus, compared with the gold if there is one.

    Raises:
        mining.parsing.MissingModelError: the parser's model is not installed.
    """
    live = load_parser(parser)
    wanted = {f.name for f in finding_set(findings)} | {OTHER}
    reader = SentenceReader(PhraseMatcher(load_vocabulary().only(wanted)), book)
    parses = corpus.parses(reader, live)
    tallies = _tally(book, reader, corpus, parses)
    if gold is not None:
        tallies.score(gold)
    examples = lint.example_parser(book, live)
    labels, known = lint.parser_labels(parser, [*parses.values(), *examples.trees()])
    return RuleCheck(
        rules=tuple(_reports(book, tallies, examples, labels, labels_known=known)),
        corpus=corpus,
        parser_id=live.id,
        book_hash=book.content_hash,
        mentions=tallies.mentions,
        verdicts=dict(sorted(tallies.verdicts.items())),
        unparsed=sum(isinstance(p, Unparsed) for p in parses.values()),
        unseen=tuple(lint.unseen_words(book, corpus.words)),
        labels_known=known,
        gold=gold is not None,
    )


def _tally(
    book: RuleBook, reader: SentenceReader, corpus: Corpus, parses: dict[int, Parse | Unparsed]
) -> Tallies:
    tallies = Tallies(book)
    firing = FiringReader(reader, book)
    for number, (text, reports) in enumerate(zip(corpus.texts, corpus.reports, strict=True)):
        for fired in firing.read(text, parses.get(number)):
            tallies.add(fired, reports)
    return tallies


def _reports(
    book: RuleBook,
    tallies: Tallies,
    examples: FrozenParser,
    labels: frozenset[str],
    *,
    labels_known: bool,
) -> list[RuleReport]:
    broken = lint.broken_examples(book, examples)
    twins = lint.duplicates(book)
    dead, vain = lint.impossible_labels(book, labels)
    reports = []
    for rule in book.rules:
        tally = tallies.by_rule[rule.id]
        errors = list(broken.get(rule.id, ()))
        if rule.id in twins:
            errors.append(f"an expression stands in {', '.join(sorted(twins[rule.id]))} too")
        labelled = [f"no parse has the label of: {text}" for text in dead.get(rule.id, ())]
        warnings = _idle(tally)
        (errors if labels_known else warnings).extend(labelled)
        reports.append(
            RuleReport(
                rule, lint.kind_of(rule), tally, tuple(errors), tuple(warnings),
                tuple(sorted(vain.get(rule.id, ()))),
            )
        )  # fmt: skip
    return reports


def _idle(tally: Tally) -> list[str]:
    if not tally.fires:
        return ["never fires on this corpus"]
    return [] if tally.decides else ["shadowed: an earlier rule decides whatever it matches"]
