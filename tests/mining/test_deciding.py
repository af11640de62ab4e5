"""Which mentions decide a label, and which only stand by."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from data_contracts import MENTIONS
from mining.deciding import contributions, deciding_rules
from mining.marking import Mark, cut_at_marks
from mining.profiles import load_profile
from mining.quoting import sentence_of


def mention(start: int, verdict: str, rule: str, **values: Any) -> dict[str, Any]:
    blank: dict[str, Any] = dict.fromkeys(MENTIONS.columns)
    return blank | {
        "report_id": "R1", "section": "findings", "sentence_index": 0,
        "sentence_id": f"{start:032x}", "start": start, "end": start + 4, "text": "mass",
        "finding": "Mass", "concept_form": "mass", "concept_source": "phrase",
        "verdict": verdict, "certainty": 0.5, "temporality": "current",
        "experiencer": "patient", "rule_id": rule, "cue_starts": [0], "cue_ends": [2], **values,
    }  # fmt: skip


def weighed(*rows: dict[str, Any]) -> list[tuple[str, str | None, bool]]:
    table = pa.Table.from_pylist(list(rows), schema=MENTIONS.schema)
    own = contributions(table, load_profile("clinical"))["R1", "Mass"]
    return [(c.rule_id, c.state, c.decides) for c in own]


def test_present_decides_over_absent_and_the_text_gives_the_order() -> None:
    assert weighed(mention(20, "present", "default.present"), mention(3, "absent", "neg.no")) == [
        ("neg.no", "absent", False),
        ("default.present", "present", True),
    ]


def test_all_mentions_of_the_labels_state_decide() -> None:
    found = weighed(mention(3, "absent", "neg.no"), mention(9, "absent", "neg.without"))
    assert [decides for *_, decides in found] == [True, True]


def test_a_mention_that_does_not_count_decides_nothing() -> None:
    past = mention(3, "present", "default.present", temporality="past")
    assert weighed(past, mention(9, "absent", "neg.no")) == [
        ("default.present", None, False),
        ("neg.no", "absent", True),
    ]


def test_rules_are_named_once() -> None:
    rows = [mention(3, "absent", "neg.no"), mention(9, "absent", "neg.no")]
    table = pa.Table.from_pylist(rows, schema=MENTIONS.schema)
    own = contributions(table, load_profile("clinical"))["R1", "Mass"]
    assert deciding_rules(own) == ("neg.no",)
    assert own[0].cues == ((0, 2),)


def test_overlapping_marks_are_cut_into_pieces() -> None:
    pieces = cut_at_marks("no large mass", [Mark(3, 13, "mention", "Mass"), Mark(3, 8, "cue")])
    assert [(p.text, p.kinds, p.title) for p in pieces] == [
        ("no ", "", ""),
        ("large", "mention cue", "Mass"),
        (" mass", "mention", "Mass"),
    ]


def test_marks_beyond_the_text_are_cut_to_it() -> None:
    pieces = cut_at_marks("mass", [Mark(0, 99, "sentence"), Mark(200, 210, "cue")], start=10)
    assert [(p.text, p.kinds) for p in pieces] == [("mass", "sentence")]


@pytest.mark.parametrize(
    ("text", "word", "sentence"),
    [
        ("FINDINGS: Clear. No mass is seen. Done.", "mass", "No mass is seen."),
        ("INDICATION: query mass\nFINDINGS: Clear.", "mass", "INDICATION: query mass"),
    ],
)
def test_a_mentions_sentence(text: str, word: str, sentence: str) -> None:
    at = text.index(word)
    start, end = sentence_of(text, at, at + len(word))
    assert text[start:end] == sentence
