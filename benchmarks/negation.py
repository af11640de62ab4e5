"""Negation of arbitrary spans in clinical text: `mining.judge` beside negspacy, in one run.

    python -m benchmarks.negation

Two sets of invented sentences, made up by people who had not read the rules. The first is hard on
purpose and was used to develop the rules; the second reads as notes do, and no rule was changed
after looking at its errors. Both are small and ours: what they show is a direction.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import spacy
from negspacy.negation import Negex  # noqa: F401  registers the component "negex"
from negspacy.termsets import termset

from benchmarks.view import Figures, print_figures
from mining import judge
from mining.audit.intervals import f1_from_counts, percentile_interval
from mining.examples import Example, read_example

_DATA = Path(__file__).parent.parent / "tests" / "data"
SETS = {
    "hard, used in development": "clinical_negation.tsv",
    "natural, never looked at": "clinical_negation_natural.tsv",
}
_RESAMPLES = 2_000
Judge = Callable[[Sequence[Example]], list[bool]]


def read_set(path: Path) -> tuple[list[Example], list[bool]]:
    """The sentences with their spans, and whether each span is negated."""
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines() if line]
    return [read_example(row[0]) for row in rows], [row[1] == "negated" for row in rows]


def by_rules(examples: Sequence[Example]) -> list[bool]:
    """Whether our judge calls the span absent."""
    return [judge(e.text, e.spans[:1])[0].verdict == "absent" for e in examples]


def negex() -> Judge:
    """negspacy with its clinical terms on a blank English pipeline, spans as entities."""
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    terms = termset("en_clinical").get_patterns()  # type: ignore[no-untyped-call]
    component = nlp.add_pipe("negex", config={"neg_termset": terms})
    sentencizer = nlp.get_pipe("sentencizer")

    def negated(example: Example) -> bool:
        doc = sentencizer(nlp.make_doc(example.text))
        span = doc.char_span(*example.spans[0], label="SPAN", alignment_mode="expand")
        doc.ents = [span] if span else []
        return bool(component(doc).ents[0]._.negex)

    return lambda examples: [negated(e) for e in examples]


def figures(name: str, judges: dict[str, Judge]) -> Figures:
    """Precision, recall and F1 of every judge on one set."""
    examples, gold = read_set(_DATA / SETS[name])
    rows = []
    for judge_name, decide in judges.items():
        start = time.process_time()
        found = decide(examples)
        seconds = time.process_time() - start
        rows.append([judge_name, *_cells(found, gold), f"{len(gold) / seconds:,.0f}"])
    header = ["judged by", "P", "R", "F1", "tp/fp/fn", "sentences/s"]
    return Figures(f"{name}: {len(gold)} sentences, {sum(gold)} negated", header, rows)


def _cells(found: Sequence[bool], gold: Sequence[bool]) -> list[str]:
    said, true = np.array(found), np.array(gold)
    kinds = np.stack([said & true, said & ~true, ~said & true]).astype(int)
    tp, fp, fn = (int(n) for n in kinds.sum(axis=1))
    draws = np.random.default_rng(0).integers(0, len(gold), (_RESAMPLES, len(gold)))
    samples = f1_from_counts(*(kinds[k][draws].sum(axis=1) for k in range(3)))
    interval = percentile_interval(samples)
    f1 = 2 * tp / (2 * tp + fp + fn)
    spread = f" ({interval[0]:.2f} to {interval[1]:.2f})" if interval else ""
    return [
        f"{tp / (tp + fp):.3f}", f"{tp / (tp + fn):.3f}", f"{f1:.3f}{spread}", f"{tp}/{fp}/{fn}",
    ]  # fmt: skip


def main() -> None:
    """Prints a table per set."""
    judges: dict[str, Judge] = {"cxrmine, mining.judge": by_rules, "negspacy 1.1": negex()}
    by_rules([read_example("No [fever].")])  # loads the parser before the clock starts
    print_figures([figures(name, judges) for name in SETS])


if __name__ == "__main__":
    main()
