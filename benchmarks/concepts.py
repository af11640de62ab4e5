"""What scispaCy's linker adds to the phrases: labels against the indexers' headings, and its cost.

    python -m benchmarks.concepts [--json FILE]
    python -m benchmarks.concepts --thresholds

Thresholds and known words of mining/concepts/linker.toml were chosen on the reports whose hash is 4
to 9; those of 0 to 3 were never read. OpenI's published test split is in neither part. The
misspellings are our own: one letter of a finding's word lost, doubled, swapped or changed, or the
word cut in two. Thresholds were chosen on those of one seed and are reported on those of another.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import re
import string
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from benchmarks.corpus import OPENI, Corpus, audited_gold, labels_of, read_corpus
from benchmarks.road import Reading, judged_mentions, read_sentences
from flows.cli.options import leave_torch_out
from mining.audit import audit, paired_difference
from mining.audit.holdout import held_out_ids
from mining.comparing import read_with
from mining.concepts import LinkedMatcher, Linker, PhraseMatcher
from mining.concepts.linker import load_linker_settings
from mining.examples import read_example, tokens_of
from mining.ingest import RawReport, read_source
from mining.profiles import load_profile
from mining.reading import OTHER, cut
from mining.resources import load_resources, the_parser
from mining.settings import MiningSettings
from mining.vocabulary import Vocabulary

Cases = Iterator[tuple[str, str, str]]  # finding, sentence, the sentence misspelt

PROFILE = "openi-mesh"
MODES = ("phrases", "both")
_PARTS = {"read": range(4, 10), "never read": range(4)}
_SEED, _OTHER_SEED = 20, 21  # thresholds were chosen on the first
_STEPS = (0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8)
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


def cut_in_two(vocabulary: Vocabulary, seed: int) -> Iterator[tuple[str, str, str]]:
    """As `misspelt`, but with a space inside of the word."""
    draw = random.Random(seed)
    for finding, well, badly in misspelt(vocabulary, seed):
        at = next(n for n, (a, b) in enumerate(zip(well, badly, strict=False)) if a != b)
        start = max(well.rfind(" ", 0, at) + 1, 0)
        length = len(re.match(r"[A-Za-z]*", well[start:]).group())  # type: ignore[union-attr]
        if length >= _LEAST:
            place = start + draw.randrange(3, length - 2)
            yield finding, well, f"{well[:place]} {well[place:]}"


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


def measure_misspellings(kind: Callable[..., Cases], seed: int) -> dict[str, Any]:
    """The share of misspelt findings that each mode finds, of those it finds when well spelt."""
    found: Counter[str] = Counter()
    cases = list(_well_found(kind(load_resources(MiningSettings()).vocabulary, seed)))
    for finding, _, badly in cases:
        for mode in MODES:
            reader = load_resources(MiningSettings(concepts=mode)).reader
            found[mode] += any(m.found.finding == finding for m in reader.read(badly, None))
    return {"cases": len(cases), **{mode: found[mode] / len(cases) for mode in MODES}}


def _well_found(cases: Cases) -> Cases:
    phrases = PhraseMatcher(load_resources(MiningSettings()).vocabulary)
    for finding, well, badly in cases:
        mentions = phrases.find(cut(well).words)
        if any(m.finding == finding and not m.needs_rule for m in mentions):
            yield finding, well, badly


def measure_thresholds(seed: int = _SEED) -> dict[str, Any]:
    """By finding: cases, how many are found at each least similarity, and the known words near."""
    vocabulary = load_resources(MiningSettings()).vocabulary
    chosen = load_linker_settings()
    least = replace(chosen, similarity=(_STEPS[0], 0.6), known=frozenset(), findings={})
    matcher = LinkedMatcher(PhraseMatcher(vocabulary), Linker(vocabulary, least))
    rows: dict[str, dict[str, Any]] = {}
    for finding, _, badly in _well_found(misspelt(vocabulary, seed)):
        row = rows.setdefault(finding, {"cases": 0, "found": dict.fromkeys(_STEPS, 0), "near": []})
        row["cases"] += 1
        own = [m for m in matcher.find(cut(badly).words) if m.finding == finding]
        best = max((m.similarity or 1.0 for m in own), default=0.0)
        for step in _STEPS:
            row["found"][step] += best >= step
    for word in sorted(chosen.known):
        for m in matcher.find([word]):
            if m.similarity is not None and m.finding in rows and not m.needs_rule:
                rows[m.finding]["near"].append((word, round(m.similarity, 2)))
    return rows


def measure_cost(times: int = 5) -> dict[str, Any]:
    """CPU seconds of reading OpenI in each mode, each time in a process of its own; the least."""
    figures: dict[str, dict[str, float]] = {mode: {} for mode in MODES}
    for _ in range(times):
        for mode, least in figures.items():
            command = [sys.executable, "-m", "benchmarks.concepts", "--cost", mode]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            for name, value in json.loads(done.stdout).items():
                least[name] = min(least.get(name, value), value)
    whole = {mode: sum(own.values()) for mode, own in figures.items()}
    return {**figures, "more": whole["both"] / whole["phrases"] - 1}


def cost_of(mode: str) -> dict[str, float]:
    """CPU seconds of this process: loading, and all reports from text to verdicts."""
    leave_torch_out("embedded")  # as every verb does
    settings = MiningSettings(concepts=mode, profile=PROFILE)
    reports = {r: t for r, t in _openi_texts() if r not in held_out_ids()}
    begin = time.process_time()
    load_resources(settings)
    the_parser(settings.parser)
    loaded = time.process_time()
    read_with(reports, settings)
    return {"loading": loaded - begin, "reading": time.process_time() - loaded}


def _openi_texts() -> Iterator[tuple[str, str]]:
    for row in read_source(OPENI):
        if isinstance(row, RawReport):
            yield row.report_id, row.text


def main() -> None:
    """Prints the figures as JSON, and writes them to the file named."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--json", type=Path)
    options.add_argument("--thresholds", action="store_true", help="by finding, and nothing else")
    options.add_argument("--cost", choices=MODES, help="of this mode in this process")
    arguments = options.parse_args()
    if arguments.cost:
        print(json.dumps(cost_of(arguments.cost)))
        return
    if arguments.thresholds:
        for finding, row in measure_thresholds().items():
            print(finding, row["cases"], row["found"], row["near"])
        return
    gold = audited_gold()
    figures = {
        "parts": {part: measure_part(gold, part) for part in _PARTS},
        "misspellings": {
            "seed of the thresholds": measure_misspellings(misspelt, _SEED),
            "another seed": measure_misspellings(misspelt, _OTHER_SEED),
            "cut in two": measure_misspellings(cut_in_two, _OTHER_SEED),
        },
        "cost": measure_cost(),
    }
    text = json.dumps(figures, indent=2)
    if arguments.json:
        arguments.json.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
