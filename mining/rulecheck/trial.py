"""What other rules would change: a run's labels judged anew, but only where that can matter."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import (
    DISTINCT_SENTENCES,
    MENTIONS,
    PARSES,
    SENTENCES,
    iter_tables,
    read_table,
)
from mining.assertion.reach import rule_prints, rule_reach
from mining.assertion.rulebook import Rule, RuleBook
from mining.deciding import Contribution, Pair, columns_of, contributions, deciding_rules
from mining.diffing import LabelDiff, diff_labels, with_reasons
from mining.labels import label_table
from mining.parsing import Parse, Unparsed
from mining.reading import ReadMention, SentenceReader, cut
from mining.resources import load_resources, the_findings, the_parser, the_profile
from mining.settings import MiningSettings

Texts = Mapping[str, tuple[str, Sequence[str]]]  # sentence -> text, abbreviations
_Read = Mapping[str, list[ReadMention]]
_Reasons = Mapping[Pair, list[Contribution]]
_Rules = Mapping[Pair, tuple[str, ...]]


@dataclass(frozen=True)
class RunTables:
    """The tables of a run: what it published, and the sentences and parses it rests on."""

    sentences: Path
    distinct: Path
    parses: Path
    mentions: Path
    labels: pa.Table


@dataclass(frozen=True)
class RuleChanges:
    """How a rule book differs from another in what it does; examples and readings do not count."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    everything: bool  # the edges that a mention climbs changed: any sentence may be judged anew

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed or self.everything)


@dataclass(frozen=True)
class Trial:
    """What the rules tried would change. `flips` is under the contract FLIPS, without text.

    `looked_at` distinct sentences were judged anew, `judged_otherwise` of them differently;
    `parsed` had no stored parse. `after` are all labels as they would be, `reasons` the mentions
    before and after of the reports that hold such a sentence.
    """

    changes: RuleChanges | None
    looked_at: int
    judged_otherwise: int
    parsed: int
    reports: int
    seconds: float
    diff: LabelDiff
    book_hash: str
    reasons: tuple[_Reasons, _Reasons] = field(repr=False)
    flips: pa.Table = field(repr=False)
    after: pa.Table = field(repr=False)

    @property
    def rules(self) -> tuple[_Rules, _Rules]:
        """The rules that decided these labels, before and after."""
        return _rules(self.reasons[0]), _rules(self.reasons[1])


def changed_rules(before: RuleBook, after: RuleBook) -> RuleChanges:
    """The rules that were added, removed, or do something else than before, moved ones included."""
    old, new = ({rule.id: _deed(rule) for rule in book.rules} for book in (before, after))
    common = [rule for rule in old if rule in new]
    order = [rule for rule in new if rule in old]
    moved = {a for a, b in zip(common, order, strict=True) if a != b}
    return RuleChanges(
        added=tuple(rule for rule in new if rule not in old),
        removed=tuple(rule for rule in old if rule not in new),
        changed=tuple(r for r in common if r in moved or old[r] != new[r]),
        everything=before.policy != after.policy,
    )


def try_rules(book: RuleBook, run: RunTables, settings: MiningSettings, *, known: bool) -> Trial:
    """What judging the run's sentences by this book would change in its labels.

    `known`: the run was mined by the package's rules as they are now, so that only sentences with a
    word of a changed rule need a look. Otherwise every sentence is judged anew.
    """
    started = time.perf_counter()
    resources = load_resources(settings)
    changes = changed_rules(resources.book, book) if known else None
    texts = _affected(run.distinct, resources.book, book, changes)
    reader = resources.reader.with_rules(book)
    trees, parsed = _parses(run.parses, texts, reader, settings)
    new = {key: reader.read(*_asked(key, texts, trees)) for key in texts}
    if known:
        old = resources.reader
        new = {
            key: read for key, read in new.items() if read != old.read(*_asked(key, texts, trees))
        }
    before, after, ids = _mentions(run, new)
    after_labels = _labels(run.labels, ids, after, settings)
    diff = diff_labels(run.labels, after_labels)
    profile = the_profile(settings.profile)
    reasons = (contributions(before, profile), contributions(after, profile))
    return Trial(
        changes=changes,
        looked_at=len(texts),
        judged_otherwise=len(new),
        parsed=parsed,
        reports=len(ids),
        seconds=time.perf_counter() - started,
        diff=diff,
        book_hash=book.content_hash,
        reasons=reasons,
        flips=with_reasons(diff.flips, (_rules(reasons[0]), _rules(reasons[1]))),
        after=after_labels,
    )


def _deed(rule: Rule) -> Rule:
    """The rule without what does not bear on a judgement."""
    return replace(rule, yes=(), no=(), source="", file="", reads="")


def _affected(
    distinct: Path, before: RuleBook, after: RuleBook, changes: RuleChanges | None
) -> Texts:
    """The sentences whose judgement can differ: those in which a changed rule could fire."""
    known = changes is not None
    reach = rule_reach(rule_prints(before), rule_prints(after)) if known else None
    found: dict[str, tuple[str, Sequence[str]]] = {}
    columns = ["sentence_id", "text", "abbreviations"]
    for table in iter_tables(distinct, DISTINCT_SENTENCES, columns=columns):
        if reach:
            table = table.filter(reach.may_hold(table.column("text")))
        rows = zip(*(table.column(name).to_pylist() for name in columns), strict=True)
        for key, text, abbreviations in rows:
            if reach is None or reach.holds(cut(text).words):
                found[key] = (text, abbreviations or ())
    return found


def _parses(
    path: Path, texts: Texts, reader: SentenceReader, settings: MiningSettings
) -> tuple[dict[str, Parse | Unparsed], int]:
    """The parses of these sentences, and how many had to be made."""
    stored = read_table(path, PARSES)
    stored = stored.filter(pc.is_in(stored["sentence_id"], value_set=pa.array(texts, pa.string())))
    trees: dict[str, Parse | Unparsed] = {}
    for row in stored.to_pylist():
        trees[row["sentence_id"]] = (
            Unparsed(row["unparsed_reason"])
            if row["unparsed_reason"] is not None
            else Parse(*(tuple(row[name]) for name in ("starts", "ends", "heads", "labels")))
        )
    missing = [
        key for key, (text, used) in texts.items()
        if key not in trees and reader.needs_parse(text, used)
    ]  # fmt: skip
    made = the_parser(settings.parser).parse([texts[key][0] for key in missing]) if missing else []
    trees.update(zip(missing, made, strict=True))
    return trees, len(missing)


def _asked(
    key: str, texts: Texts, trees: Mapping[str, Parse | Unparsed]
) -> tuple[str, Parse | Unparsed | None, Sequence[str]]:
    text, abbreviations = texts[key]
    return text, trees.get(key), abbreviations


def _mentions(run: RunTables, new: _Read) -> tuple[pa.Table, pa.Table, list[str]]:
    """The mentions before and after of the reports that hold a sentence judged otherwise."""
    keys = pa.array(new, pa.string())
    tables = iter_tables(run.sentences, SENTENCES)
    parts = [t.filter(pc.is_in(t["sentence_id"], value_set=keys)) for t in tables]
    places = pa.concat_tables(parts) if parts else SENTENCES.empty()
    ids = list(dict.fromkeys(places["report_id"].to_pylist()))
    wanted = pa.array(ids, pa.string())
    columns = columns_of(run.mentions)
    tables = iter_tables(run.mentions, MENTIONS, columns=columns)
    kept = [t.filter(pc.is_in(t["report_id"], value_set=wanted)) for t in tables]
    before = pa.concat_tables([MENTIONS.empty().select(columns), *kept])
    same = before.filter(pc.invert(pc.is_in(before["sentence_id"], value_set=keys)))
    rows = [_row(place, m) for place in places.to_pylist() for m in new[place["sentence_id"]]]
    fresh = pa.Table.from_pylist(rows, schema=same.schema)
    return before, pa.concat_tables([same, fresh]), ids


def _row(place: Mapping[str, Any], mention: ReadMention) -> dict[str, Any]:
    """A row of mentions, with the columns of COLUMNS; text is left out: no label hangs on it."""
    found, ruling, at = mention.found, mention.ruling, place["start"]
    return {
        "report_id": place["report_id"],
        "section": place["section"],
        "sentence_id": place["sentence_id"],
        "start": at + mention.start,
        "end": at + mention.end,
        "text": "",
        "finding": found.finding,
        "concept_form": found.form,
        "verdict": ruling.verdict.value,
        "certainty": ruling.certainty,
        "temporality": ruling.temporality,
        "experiencer": ruling.experiencer,
        "rule_id": ruling.rule_id,
        "cue_starts": [at + start for start, _ in mention.cues],
        "cue_ends": [at + end for _, end in mention.cues],
    }


def _labels(
    labels: pa.Table, ids: Sequence[str], mentions: pa.Table, settings: MiningSettings
) -> pa.Table:
    """All labels, with those of these reports made anew out of their mentions."""
    findings = the_findings(settings.findings).findings
    column = pa.chunked_array([pa.array(ids, pa.string())])
    made = label_table(column, mentions, the_profile(settings.profile), findings)
    others = pc.invert(pc.is_in(labels["report_id"], value_set=pa.array(ids, pa.string())))
    untouched = labels.filter(others)
    return pa.concat_tables([untouched, made.select(labels.column_names).cast(labels.schema)])


def _rules(reasons: _Reasons) -> _Rules:
    return {pair: deciding_rules(own) for pair, own in reasons.items()}
