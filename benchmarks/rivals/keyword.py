"""Naive search: a finding that is mentioned is there."""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.corpus import Judged, MentionedSentence
from data_contracts import Verdict

RULE = "keyword"


def judge_by_keyword(sentences: Iterable[MentionedSentence]) -> list[list[Judged]]:
    """Every mention present."""
    return [
        [Judged(m.finding, m.form, Verdict.PRESENT, RULE) for m in sentence.found]
        for sentence in sentences
    ]
