"""What de-identification finds, what it costs, and whether labels stay as they are.

    python -m benchmarks.deidentification [--corpus openi]

Recall: made-up identifiers planted in made-up sentences, so that every one is known. Labels: the
reports of the corpus outside the published test split, mined as they are and masked.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mining.deidentifying import MASK, load_deidentifier

_FIRST = ("Marta", "Iwan", "Odile", "Kenji", "Fatima", "Björn", "Leroy", "Siobhan", "Anh", "Tomás")
_LAST = ("Kowalczyk", "O'Hara", "Vandenberg", "Okafor", "Smith-Levy", "Nguyen", "Haddad", "Petrov")
_DATES = (
    "03/17/2019", "3/7/19", "2019-03-17", "17-MAR-2019", "March 17, 2019", "17 March 2019",
    "Mar 2019", "17.03.2019", "20190317", "03/2019", "March 17th", "Sept. 3, 2018",
    "3rd of May 2018", "3/17", "the 17th",
)  # fmt: skip
_NUMBERS = ("4471882", "00-41-223", "A1993847", "MB-884213", "7719934")
_PHONES = (
    "617-253-1000",
    "(212) 736-5000",
    "617.253.1000",
    "+1 617 253 1000",
    "6172531000",
    "x4471",
)
# kind -> sentences with a place for the identifier, and the identifiers
_PLANTED: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "dates": (
        ("Comparison: {}.", "Compared with the film of {}, no change.", "Seen again since {}."),
        _DATES,
    ),
    "names with a title": (
        ("Discussed with Dr. {}.", "Mrs. {} was told.", "Told to doctor {} at once.",
         "DISCUSSED WITH DR. {}."),
        _LAST,
    ),
    "names with a label or degree": (
        ("Patient name: {}", "Dictated by: {}", "{}, M.D.", "Findings were communicated to {}."),
        tuple(f"{first} {last}" for first, last in zip(cycle(_FIRST), _LAST * 3, strict=False)),
    ),
    "names alone": (
        ("{} has an effusion.", "History of {} is known.", "Film of {} repeated."),
        tuple(f"{first} {last}" for first, last in zip(_FIRST, cycle(_LAST), strict=False)),
    ),
    "numbers with a label": (
        ("MRN: {}.", "Medical record number {}.", "Accession # {}", "Acct {} was read."), _NUMBERS
    ),
    "telephones": (
        ("Call {} with questions.", "Telephone {}.", "Reached at {} by the ward."), _PHONES
    ),
    "mail and pages": (
        ("Write to {}.", "See {} for images."),
        ("m.kowal@ward.example.org", "https://pacs.example.org/v?id=4471882"),
    ),
}  # fmt: skip
_EACH = 30


def planted() -> Iterator[tuple[str, str, str]]:
    """Kind, sentence and identifier of every planted one; the same ones every time."""
    for kind, (sentences, values) in _PLANTED.items():
        for number, value in enumerate(islice(cycle(values), _EACH)):
            shown = value.upper() if "DISCUSSED" in sentences[number % len(sentences)] else value
            yield kind, sentences[number % len(sentences)].format(shown), shown


def recall(names: str = "") -> dict[str, tuple[int, int]]:
    """How many of the planted identifiers are gone, and how many there were, by kind."""
    deidentifier = load_deidentifier(names)
    gone, all_of = Counter[str](), Counter[str]()
    for kind, sentence, value in planted():
        masked, _ = deidentifier.mask(f"FINDINGS: No mass is seen. {sentence} Lungs are clear.")
        all_of[kind] += 1
        gone[kind] += not any(part in masked for part in value.split() if len(part) > 2)
    return {kind: (gone[kind], count) for kind, count in all_of.items()}


def flips(source: str) -> dict[str, float]:
    """Reports, masks, labels that differ, and CPU seconds of masking; texts go nowhere.

    Two planted sentences are added to every report: what a corpus has left says little.
    """
    from mining.audit import select_ids
    from mining.ingest import RawReport, read_source

    deidentifier = load_deidentifier()
    rows = [row for row in read_source(source) if isinstance(row, RawReport)]
    kept = set(select_ids([row.report_id for row in rows]).kept)
    more = cycle(sentence for _, sentence, _ in planted())
    texts = {r.report_id: r.text for r in rows if r.report_id in kept}
    with_more = {one: _planted_in(text, next(more), next(more)) for one, text in texts.items()}
    began = time.process_time()
    own = sum(deidentifier.mask(text)[1] for text in texts.values())
    masked = {one: deidentifier.mask(text) for one, text in with_more.items()}
    seconds = (time.process_time() - began) / 2 / len(texts)
    before, after = _labels(with_more), _labels({one: text for one, (text, _) in masked.items()})
    names = [name for name in before.column_names if name != "report_id"]
    differ = sum(
        one != other
        for name in names
        for one, other in zip(before[name].to_pylist(), after[name].to_pylist(), strict=True)
    )
    return {
        "reports": len(texts),
        "masks in the reports as they are": own,
        "masks with two planted sentences in each": sum(count for _, count in masked.values()),
        "labels": len(texts) * len(names),
        "labels that masking flips": differ,
        "CPU seconds per 1,000 reports": round(1000 * seconds, 2),
    }


def _planted_in(text: str, first: str, last: str) -> str:
    """The report with one sentence after its first, and one at its end."""
    head, stop, rest = text.partition(". ")
    return f"{head}{stop}{first} {rest} {last}" if stop else f"{text} {first} {last}"


def _labels(texts: dict[str, str]) -> pa.Table:
    from flows.mine import mine_reports
    from flows.road import Job
    from mining.engine import Engine
    from mining.settings import MiningSettings

    with tempfile.TemporaryDirectory() as folder:
        os.environ["CXRMINE_CACHE"] = str(Path(folder, "cache"))
        source = Path(folder, "r.jsonl")
        lines = (json.dumps({"report_id": one, "text": text}) for one, text in texts.items())
        source.write_text("\n".join(lines), encoding="utf-8")
        mine_reports(
            Job(str(source), MiningSettings()), Path(folder, "out"), engine=Engine(workers=1)
        )
        return pq.read_table(Path(folder, "out", "labels.parquet"))


def main() -> None:
    """Prints both tables."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--corpus", default="openi", help='"none": only the planted ones')
    options.add_argument("--names", default="", help="a spaCy model that knows persons")
    given = options.parse_args()
    print(f"{MASK} for: {load_deidentifier(given.names).id}\n")
    print("| planted | gone | of |\n|---|---|---|")
    found = recall(given.names)
    for kind, (gone, count) in found.items():
        print(f"| {kind} | {gone} | {count} |")
    print(f"| all | {sum(g for g, _ in found.values())} | {sum(n for _, n in found.values())} |\n")
    if given.corpus != "none":
        for name, figure in flips(given.corpus).items():
            print(f"- {name}: {figure:,}")


if __name__ == "__main__":
    main()
