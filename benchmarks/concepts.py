"""What scispaCy's linker adds to the phrases: labels against the indexers' headings, and its cost.

    python -m benchmarks.concepts [--json FILE]

Thresholds and known words of mining/concepts/linker.toml were chosen on the reports whose hash is 4
to 9; those of 0 to 3 were never read. OpenI's published test split is in neither part. The
misspellings are our own: one letter of a finding's word lost, doubled, swapped or changed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import resource
import string
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from benchmarks.corpus import Corpus, audited_gold, labels_of, read_corpus
from benchmarks.road import Reading, judged_mentions, read_sentences
from mining.audit import audit, paired_difference
from mining.concepts import PhraseMatcher
from mining.examples import read_example, tokens_of
from mining.profiles import load_profile
from mining.reading import OTHER, cut
from mining.resources import load_resources, the_parser
from mining.settings import MiningSettings
from mining.vocabulary import Vocabulary

PROFILE = "openi-mesh"
MODES = ("phrases", "both")
_PARTS = {"read": range(4, 10), "never read": range(4)}
_SEED = 20
_LEAST = 6  # letters of a word that a letter is spoilt in


def in_part(report_id: str, part: str) -> bool:
    """Whether a report belongs to the part that was read, or to the other.

    >>> in_part("CXR1", "read") != in_part("CXR1", "never read")
    True
    """
    return int(hashlib.md5(report_id.encode()).hexdigest(), 16) % 10 in _PARTS[part]


def measure_part(gold: pa.Table, part: str) -> dict[str, Any]:
    """The figures of one part: F1 of both modes, their difference, and what the linker found."""
    ids = [r for r in gold["report_id"].to_pylist() if in_part(r, part)]
    corpus = read_corpus(ids)
    readings = {mode: _read(corpus, mode) for mode in MODES}
    tables = {
        mode: labels_of(corpus, judged_mentions(reading), load_profile(PROFILE))
        for mode, reading in readings.items()
    }
    difference = paired_difference(tables["both"], tables["phrases"], gold, ids=ids).micro
    scores = {mode: audit(tables[mode], gold, ids=ids).micro.to_json() for mode in MODES}
    linked = Counter(
        f"{m.found.finding}:{m.found.form}"
        for sentence in readings["both"]
        for m in sentence
        if m.found.source != "phrase" and m.found.finding != OTHER
    )
    changed = sum(a != b for a, b in zip(*(t.to_pylist() for t in tables.values()), strict=True))
    return {
        "reports": len(ids), "distinct_sentences": len(corpus.texts), "micro": scores,
        "difference": difference.to_json(), "linked_mentions": dict(linked),
        "reports_with_other_labels": changed,
    }  # fmt: skip


def _read(corpus: Corpus, mode: str) -> Reading:
    settings = MiningSettings(concepts=mode)
    reader = load_resources(settings).reader
    return read_sentences(corpus.texts, reader, the_parser(settings.parser))[0]


def misspelt(vocabulary: Vocabulary, seed: int = _SEED) -> Iterator[tuple[str, str, str]]:
    """Finding, sentence, and the same sentence with one letter of the mention's word spoilt.

    The sentences are the vocabulary's own examples; a spoilt word that it knows is left out.
    """
    draw = random.Random(seed)
    for entry in vocabulary.entries:
        if entry.name == OTHER:
            continue
        for marked in (yes for phrase in entry.phrases for yes in phrase.yes):
            example = read_example(marked)
            sentence = cut(example.text)
            long = [
                n
                for n in tokens_of(sentence.offsets, example.spans)
                if len(sentence.words[n]) >= _LEAST and sentence.words[n].isalpha()
            ]
            for number in long:
                start, end = sentence.offsets[number]
                for _ in range(4):
                    spoilt = spoil(sentence.words[number], draw)
                    yield (
                        entry.name,
                        example.text,
                        example.text[:start] + spoilt + example.text[end:],
                    )


def spoil(word: str, draw: random.Random) -> str:
    """The word with one letter after the first lost, doubled, swapped or changed.

    >>> spoil("effusion", random.Random(1)) != "effusion"
    True
    """
    while True:
        at = draw.randrange(1, len(word) - 1)
        ways = (
            word[:at] + word[at + 1 :],
            word[:at] + word[at] + word[at:],
            word[:at] + word[at + 1] + word[at] + word[at + 2 :],
            word[:at] + draw.choice(string.ascii_lowercase) + word[at + 1 :],
        )
        spoilt = draw.choice(ways)
        if spoilt != word:
            return spoilt


def measure_misspellings() -> dict[str, Any]:
    """The share of misspelt findings that each mode finds, of those it finds when well spelt."""
    vocabulary = load_resources(MiningSettings()).vocabulary
    phrases = PhraseMatcher(vocabulary)
    found: Counter[str] = Counter()
    cases = 0
    for finding, well, badly in misspelt(vocabulary):
        if not any(
            f.finding == finding and not f.needs_rule for f in phrases.find(cut(well).words)
        ):
            continue
        cases += 1
        for mode in MODES:
            reader = load_resources(MiningSettings(concepts=mode)).reader
            found[mode] += any(m.found.finding == finding for m in reader.read(badly, None))
    return {"cases": cases, **{mode: found[mode] / cases for mode in MODES}}


def measure_cost(times: int = 3) -> dict[str, Any]:
    """CPU seconds of `cxrmine mine openi` in each mode, start-up included; the least of some."""
    seconds: dict[str, float] = {}
    for _ in range(times):
        for mode in MODES:
            with tempfile.TemporaryDirectory() as folder:
                before = resource.getrusage(resource.RUSAGE_CHILDREN)
                command = ["mine", "openi", "--concepts", mode, "--out", str(Path(folder) / "out")]
                subprocess.run(
                    [sys.executable, "-m", "flows.cli", *command], check=True, capture_output=True
                )
                after = resource.getrusage(resource.RUSAGE_CHILDREN)
            spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            seconds[mode] = min(seconds.get(mode, spent), spent)
    ratio = seconds["both"] / seconds["phrases"] - 1
    return {"cpu_seconds": seconds, "more": ratio}


def main() -> None:
    """Prints the figures as JSON, and writes them to the file named."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--json", type=Path)
    arguments = options.parse_args()
    gold = audited_gold()
    figures = {
        "parts": {part: measure_part(gold, part) for part in _PARTS},
        "misspellings": measure_misspellings(),
        "cost": measure_cost(),
    }
    text = json.dumps(figures, indent=2)
    if arguments.json:
        arguments.json.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
