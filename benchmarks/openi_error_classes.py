"""The classes of errors on OpenI, and the errors that a reader of the reports has classed.

`openi_errors.csv` holds one row per error: report id, finding, FP or FN, class, and whether the
parser is at fault, that is whether the same rules are right once the tree is put right by hand.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

from data_contracts import CHESTXRAY14
from mining.audit import select_ids

CLASSES_FILE = Path(__file__).with_name("openi_errors.csv")
FP, FN = "FP", "FN"
GOLD, TEXT, HABIT, OURS = "gold", "text", "habit", "ours"

# class → whose error it is, and when it is given.
CLASSES = {
    "gold-no-mention": (GOLD, "the finding is nowhere in the text (or the heading means an organ)"),
    "gold-contradicts-text": (GOLD, "coded, and the text plainly says otherwise"),
    "gold-overlooked": (GOLD, "the text plainly says it, not coded, or under another heading"),
    "de-identification": (TEXT, "a mask stands where the deciding word stood"),
    "text-garbled": (TEXT, "as written the words say something else than was meant"),
    "hedge-counted": (HABIT, "coded on a weak hedge; such are mostly not"),
    "hedge-not-counted": (HABIT, "not coded on a firm hedge, or the second of two alternatives"),
    "other-words": (HABIT, "near words that the indexers code now as this finding, now not"),
    "history-or-earlier-study": (OURS, "said of another examination or another time"),
    "generic-statement": (OURS, "advice, or a remark that is not about the patient"),
    "vocabulary-gap": (OURS, "a phrase, spelling or look-alike that is not in the vocabulary"),
    "masked-phrase": (OURS, "a mask inside a phrase hides it, though the words left say enough"),
    "rule-or-scope-error": (OURS, "no rule, the wrong rule, or its reach"),
    "parser-error": (OURS, "put right by hand, the tree gives the right verdict"),
    "sentence-or-section-error": (OURS, "cut in the wrong place"),
}


class Error(NamedTuple):
    """A report and finding on which labels and gold differ: FP or FN."""

    report_id: str
    finding: str
    kind: str


class Reading(NamedTuple):
    """What a reader of the report made of an error."""

    name: str
    parser_at_fault: bool


Readings = dict[Error, Reading]


class ErrorClassesError(ValueError):
    """The file of classes is not usable: `path`, `line`, what was `found` and `expected`."""

    def __init__(self, path: Path, line: int, found: str, expected: str) -> None:
        self.path, self.line, self.found, self.expected = path, line, found, expected
        super().__init__(f"{path}:{line}: found {found}; expected {expected}. Mend this row.")


def read_classes(path: Path = CLASSES_FILE) -> Readings:
    """The classed errors of a CSV file.

    Errors: ErrorClassesError for an unknown class, finding or kind, a row twice, a parser at fault
    in an error that is not ours, or a report of the published test split.
    """
    readings: Readings = {}
    with path.open(encoding="utf-8", newline="") as stream:
        for line, row in enumerate(csv.DictReader(stream), 2):
            error = Error(row["report_id"], row["finding"], row["kind"])
            for value, allowed in (
                (row["class"], CLASSES), (error.kind, (FP, FN)), (error.finding, CHESTXRAY14),
                (row["parser_at_fault"], ("yes", "no")),
            ):  # fmt: skip
                if value not in allowed:
                    raise ErrorClassesError(path, line, repr(value), "one of " + ", ".join(allowed))
            if not select_ids([error.report_id]).kept:
                raise ErrorClassesError(path, line, error.report_id, "no report of the test split")
            if error in readings:
                raise ErrorClassesError(path, line, f"{' '.join(error)} twice", "one row per error")
            reading = Reading(row["class"], row["parser_at_fault"] == "yes")
            if reading.parser_at_fault and CLASSES[reading.name][0] != OURS:
                raise ErrorClassesError(path, line, f"parser and {reading.name}", "a class of ours")
            readings[error] = reading
    return readings


def order(error: Error) -> tuple[int, Error]:
    """The sort key that puts errors in the order of the numbers in their report ids."""
    digits = "".join(filter(str.isdigit, error.report_id))
    return int(digits or 0), error
