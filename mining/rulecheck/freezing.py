"""Freezing the parses of all example sentences, and what has drifted from them since."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mining.assertion.judge import Ruling
from mining.assertion.rule_files import load_rules
from mining.assertion.rulebook import RuleBook
from mining.parsing import Parse, Parser, Unparsed, load_parser
from mining.parsing.frozen import (
    Frozen,
    FrozenFileError,
    FrozenParser,
    MissingParseError,
    read_frozen,
    write_frozen,
)
from mining.reading import cut
from mining.rulecheck.cases import Case, load_golden, rule_cases, table_cases, vocabulary_cases
from mining.vocabulary import load_vocabulary

FOLDER = Path("tests") / "parses"
_TABLE = Path("tests") / "data" / "hard_sentences.tsv"


@dataclass(frozen=True, slots=True)
class Drift:
    """A sentence that is parsed otherwise than its frozen tree says.

    `arcs` tells of each token whose governor or label differs; `before` and `after` are the
    verdicts and rules by the two trees, equal where the drift does no harm.
    """

    file: str
    name: str
    text: str
    arcs: tuple[str, ...]
    before: tuple[str, str]
    after: tuple[str, str]

    @property
    def flipped(self) -> bool:
        """Whether the verdict is another one."""
        return self.before[0] != self.after[0]


def project_cases(root: Path, book: RuleBook) -> dict[str, list[Case]]:
    """All example sentences by the name of the file that their parses are kept in.

    `root` is the project's folder; its table of hard sentences is read from there.
    """
    return {
        "rules": list(rule_cases(book)),
        "golden": [golden.case for golden in load_golden()],
        "hard_sentences": list(table_cases(root / _TABLE)),
        "vocabulary": list(vocabulary_cases(load_vocabulary())),
    }


def freeze(root: Path, parser: Parser) -> dict[str, int]:
    """How many sentences each file holds, after writing the parses of all example sentences."""
    folder = root / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    counts = {}
    for stem, cases in project_cases(root, load_rules()).items():
        parses = parser.parse([case.text for case in cases])
        frozen = [Frozen(c.name, c.text, p) for c, p in zip(cases, parses, strict=True)]
        write_frozen(folder / f"{stem}.conllu", parser.id, frozen)
        counts[stem] = len({case.text for case in cases})
    return counts


def find_drift(root: Path, parser: Parser) -> list[Drift]:
    """The example sentences that the parser reads otherwise than the frozen trees say.

    Raises:
        FrozenFileError: a file that can't be read or is not there.
        MissingParseError: an example sentence that was never frozen.
    """
    book = load_rules()
    drifts = []
    for stem, cases in project_cases(root, book).items():
        path = root / FOLDER / f"{stem}.conllu"
        if not path.is_file():
            raise FrozenFileError(path, 0, "no such file", "frozen parses")
        parser_id, sentences = read_frozen(path)
        before = FrozenParser(parser_id, {s.text: s.parse for s in sentences}, str(path))
        texts = [case.text for case in cases]
        now = parser.parse(texts)
        after = FrozenParser(parser.id, dict(zip(texts, now, strict=True)))
        for case, old, new in zip(cases, before.parse(texts), now, strict=True):
            if old != new:
                drifts.append(
                    Drift(
                        path.name, case.name, case.text, arc_changes(case.text, old, new),
                        _told(case.judge(book, before)), _told(case.judge(book, after)),
                    )
                )  # fmt: skip
    return drifts


def arc_changes(text: str, old: Parse | Unparsed, new: Parse | Unparsed) -> tuple[str, ...]:
    """The arcs that differ, one line each: word, then governor and label before and now."""
    if isinstance(old, Unparsed) or isinstance(new, Unparsed):
        return (f"{_state(old)} → {_state(new)}",)
    words = cut(text).words
    lines = []
    for i, word in enumerate(words):
        if (old.heads[i], old.labels[i]) != (new.heads[i], new.labels[i]):
            lines.append(f"{word}: {_arc(old, i, words)} → {_arc(new, i, words)}")
    return tuple(lines)


def _state(parse: Parse | Unparsed) -> str:
    return f"unparsed ({parse.reason})" if isinstance(parse, Unparsed) else "parsed"


def _arc(parse: Parse, token: int, words: Sequence[str]) -> str:
    head = parse.heads[token]
    return "root" if head == token else f"{parse.labels[token]} of {words[head]}"


def _told(ruling: Ruling | None) -> tuple[str, str]:
    if ruling is None:
        return ("no mention", "")
    context = [ruling.temporality, ruling.experiencer]
    extra = [c for c in context if c not in ("current", "patient")]
    return (" ".join([ruling.verdict.value, *extra]), ruling.rule_id)


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 done, 1 a verdict flipped, 2 a file or sentence is missing."""
    options = argparse.ArgumentParser(
        prog="python -m mining.parsing.frozen",
        description="Parses of the project's example sentences, kept in tests/parses.",
    )
    options.add_argument("what", choices=["freeze", "drift"])
    options.add_argument("--parser", default="embedded", help="who parses (default: embedded)")
    options.add_argument("--root", type=Path, default=Path("."), help="the project's folder")
    given = options.parse_args(arguments)
    try:
        parser = load_parser(given.parser)
        if given.what == "freeze":
            for stem, count in freeze(given.root, parser).items():
                print(f"{given.root / FOLDER / stem}.conllu: {count} sentences by {parser.id}")
            return 0
        return _report(find_drift(given.root, parser), parser.id)
    except (FrozenFileError, MissingParseError, OSError) as error:
        print(error, file=sys.stderr)
        return 2


def _report(drifts: Sequence[Drift], parser_id: str) -> int:
    for drift in sorted(drifts, key=lambda d: not d.flipped):
        print(f"{drift.file} {drift.name}: {drift.text}")
        for arc in drift.arcs:
            print(f"    {arc}")
        if drift.flipped:
            print(f"    VERDICT {' by '.join(drift.before)} → {' by '.join(drift.after)}")
    flipped = sum(drift.flipped for drift in drifts)
    print(f"{parser_id}: {len(drifts)} sentences parsed otherwise, {flipped} verdicts flipped")
    return 1 if flipped else 0
