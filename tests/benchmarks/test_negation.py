"""The span-negation benchmark's sets and judges."""

from __future__ import annotations

import pytest

from benchmarks.negation import _DATA, SETS, by_rules, negex, read_set
from mining.examples import read_example

NAMES = sorted(SETS)


@pytest.mark.parametrize("name", NAMES)
def test_a_set_holds_one_span_a_sentence_and_both_answers(name: str) -> None:
    examples, gold = read_set(_DATA / SETS[name])
    assert all(len(e.spans) == 1 for e in examples)
    assert 0.15 < sum(gold) / len(gold) < 0.4
    assert len({e.text for e in examples}) > 0.98 * len(examples)


@pytest.mark.parametrize(("name", "least"), [(NAMES[0], 0.92), (NAMES[1], 0.95)])
def test_negation_of_clinical_spans_does_not_get_worse(name: str, least: float) -> None:
    examples, gold = read_set(_DATA / SETS[name])
    found = by_rules(examples)
    tp = sum(f and g for f, g in zip(found, gold, strict=True))
    assert 2 * tp / (sum(found) + sum(gold)) >= least


def test_negex_negates_a_span_behind_its_cue() -> None:
    assert negex()([read_example("He denies [pain]."), read_example("He has [pain].")]) == [
        True,
        False,
    ]
