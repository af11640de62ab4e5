"""All the project's own example sentences as cases: of rules, vocabulary, golden set, tests."""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from data_contracts import Verdict
from mining.assertion.judge import Ruling
from mining.assertion.rulebook import RuleBook
from mining.examples import judge_example, read_example, rule_examples
from mining.parsing import Parser
from mining.vocabulary import Vocabulary

GOLDEN = Path(__file__).parent.parent / "golden.toml"
_GOLDEN_KEYS = {"text", "verdict", "rule", "form", "parse", "temporality", "experiencer"}


class GoldenFileError(ValueError):
    """A golden sentence that can't be used: where it stands, what was found, what was expected."""

    def __init__(self, where: str, message: str) -> None:
        self.where = where
        super().__init__(f"{where}: {message}")


@dataclass(frozen=True, slots=True)
class Case:
    """A sentence with its mention in [brackets]; without brackets it is only parsed.

    `form` is the concept form that the mention is judged as; `by_words` cases are judged without
    a parse, as the rules for failed parses are.
    """

    name: str
    marked: str
    form: str = ""
    by_words: bool = False

    @property
    def text(self) -> str:
        """The sentence as it is parsed.

        >>> Case("x", "No [effusion].").text
        'No effusion.'
        """
        return read_example(self.marked).text if "[" in self.marked else self.marked

    def judge(self, book: RuleBook, parser: Parser) -> Ruling | None:
        """The ruling on the marked mention; None where none is marked."""
        if "[" not in self.marked:
            return None
        return judge_example(self.marked, book, None if self.by_words else parser, self.form)


@dataclass(frozen=True, slots=True)
class Golden:
    """A sentence of the golden set: what must be judged, and which rule must have decided it."""

    case: Case
    verdict: Verdict
    rule_id: str
    temporality: str = "current"
    experiencer: str = "patient"

    def met_by(self, ruling: Ruling | None) -> bool:
        """Whether the ruling is the expected one. A context rule decides along with a verdict."""
        return (
            ruling is not None
            and self.rule_id in (ruling.rule_id, *ruling.context_rules)
            and (self.verdict, self.temporality, self.experiencer)
            == (ruling.verdict, ruling.temporality, ruling.experiencer)
        )


def rule_cases(book: RuleBook) -> Iterator[Case]:
    """The `yes` and `no` sentences of the rules, in the order of the files."""
    numbers: dict[tuple[str, str], int] = {}
    for rule, sentence, wanted in rule_examples(book):
        kind = "yes" if wanted else "no"
        number = numbers[rule.id, kind] = numbers.get((rule.id, kind), 0) + 1
        form = min(rule.forms, default="")
        yield Case(f"{rule.id}.{kind}-{number}", sentence, form, rule.fallback)


def vocabulary_cases(vocabulary: Vocabulary) -> Iterator[Case]:
    """The sentences of the vocabulary's phrases and look-alikes."""
    for entry in vocabulary.entries:
        for phrase in entry.phrases:
            name = f"{entry.name}.{phrase.form}"
            for number, sentence in enumerate(phrase.yes, 1):
                yield Case(f"{name}.yes-{number}", sentence, phrase.form)
            for number, sentence in enumerate(phrase.no, 1):
                yield Case(f"{name}.no-{number}", sentence, phrase.form)
        sentences = [s for look_alike in entry.look_alikes for s in look_alike.yes]
        for number, sentence in enumerate(sentences, 1):
            yield Case(f"{entry.name}.look_alike-{number}", sentence)


def table_cases(table: Path) -> Iterator[Case]:
    """The sentences of a table with tabs: sentence, verdict, why; lines with # are comments."""
    with table.open(encoding="utf-8", newline="") as stream:
        rows = csv.reader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)
        sentences = [row[0] for row in rows if row and not row[0].startswith("#")]
    for number, sentence in enumerate(sentences, 1):
        yield Case(f"{table.stem}-{number}", sentence)


def load_golden(path: Path = GOLDEN) -> list[Golden]:
    """The golden set: sentences that are no rule's own examples, with what must be judged.

    Raises:
        GoldenFileError: no TOML, an unknown or missing key, no mention in brackets.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # bytes that are no text; nested too deeply
        raise GoldenFileError(str(path), f"no valid TOML: {error}") from error
    counts: dict[str, int] = {}
    golden = []
    for number, raw in enumerate(data.get("sentence", []), 1):
        where = f"{path.name}: sentence {number}"
        if set(raw) - _GOLDEN_KEYS or not {"text", "verdict", "rule"} <= set(raw):
            raise GoldenFileError(
                where, f"found keys {sorted(raw)}, expected text, verdict, rule and at most"
                " form, parse, temporality, experiencer",
            )  # fmt: skip
        if "[" not in raw["text"]:
            raise GoldenFileError(where, f"{raw['text']!r} marks no mention in [brackets]")
        if raw["verdict"] not in set(Verdict):
            raise GoldenFileError(where, f"verdict {raw['verdict']!r} is none of {list(Verdict)}")
        counts[raw["rule"]] = counts.get(raw["rule"], 0) + 1
        case = Case(
            f"{raw['rule']}.golden-{counts[raw['rule']]}", raw["text"], raw.get("form", ""),
            by_words=not raw.get("parse", True),
        )  # fmt: skip
        golden.append(
            Golden(
                case, Verdict(raw["verdict"]), raw["rule"],
                raw.get("temporality", "current"), raw.get("experiencer", "patient"),
            )
        )  # fmt: skip
    return golden
