"""Reports made out of OpenI's sentences: as many as wanted, and as repetitive as real ones.

    python -m benchmarks.recombination --reports 1000000 --out CORPUS

A made-up report takes the sections of a real one and fills them with sentences that stand in such
sections elsewhere. Real reports never stop bringing new sentences: their number grows about as
n^0.83. So a share of the sentences, which falls as the corpus grows, is varied in its numbers,
sides, sizes and wording, until the corpus grows so as well. Varied words name no finding and are
no cue, so that the share of sentences that judging may need a parse for stays what it was.

The test split is left out. What is written holds OpenI's sentences: keep it in a temporary folder.
Every part is drawn from its own seed: equal bytes whatever the number of processes.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from random import Random
from time import perf_counter

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.corpus import OPENI, Corpus, cut_reports, read_corpus
from benchmarks.material import GROWTH, Material, read_material
from benchmarks.variation import vary
from benchmarks.view import Figures, print_figures
from mining.reading import SentenceReader
from mining.resources import load_resources
from mining.sentences import sentence_key
from mining.settings import MiningSettings

MARGIN = 1.05  # above the law, as some of what is varied comes out as something seen before
PART_REPORTS = 10_000
_BLOCK = 500  # reports that share one rate of new sentences


@dataclass(frozen=True)
class Part:
    """One file of the corpus: which reports it holds."""

    number: int
    first: int
    reports: int


def make_part(
    material: Material, part: Part, seed: int
) -> tuple[list[str], npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    """The texts of a part's reports, a hash of each sentence in them, and sentences per report."""
    random = Random(f"{seed} {part.number}")
    texts, hashes, counts = [], [], []
    share = 0.0
    for number in range(part.first, part.first + part.reports):
        if number == part.first or number % _BLOCK == 0:
            share = new_share(material, number)
        text, sentences = _report(material, random, share)
        texts.append(text)
        hashes += [hash_of(sentence) for sentence in sentences]
        counts.append(len(sentences))
    return texts, np.array(hashes, dtype=np.uint64), np.array(counts)


def new_share(material: Material, reports: int) -> float:
    """The share of sentences to vary after so many reports, so that the corpus grows by the law."""
    at = reports // _BLOCK * _BLOCK
    steps = [max(0.0, MARGIN * material.law(n) - material.expected(n)) for n in (at, at + _BLOCK)]
    return min(1.0, (steps[1] - steps[0]) / (_BLOCK * material.sentences_per_report))


def hash_of(sentence: str) -> int:
    """64 bits of the sentence's id."""
    return int(sentence_key(sentence)[0][:16], 16)


def _report(material: Material, random: Random, share: float) -> tuple[str, list[str]]:
    layout = random.choice(material.layouts)
    lines, sentences = [], []
    for name, count, body in layout.sections:
        if count:
            pool = material.by_section[name]
            found = [
                vary(random.choice(material.distinct), random)
                if random.random() < share
                else random.choice(pool)
                for _ in range(count)
            ]
            sentences += found
            body = " ".join(found)
        lines.append(f"{name.upper()}: {body}" if name else body)
    return "\n".join(lines), sentences


def write_corpus(
    material: Material, out: Path, parts: Sequence[Part], *, seed: int, processes: int
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    """Sentences' hashes and sentences per report of all parts, which now lie as Parquet in `out`.

    FileExistsError when one of the parts is there already.
    """
    out.mkdir(parents=True, exist_ok=True)
    work = [(material, part, seed, out) for part in parts]
    if processes == 1:
        made = [_write(*arguments) for arguments in work]
    else:
        with get_context("spawn").Pool(processes) as pool:
            made = pool.starmap(_write, work, chunksize=1)
    return np.concatenate([h for h, _ in made]), np.concatenate([c for _, c in made])


def _write(
    material: Material, part: Part, seed: int, out: Path
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    texts, hashes, counts = make_part(material, part, seed)
    ids = [f"M{number:09}" for number in range(part.first, part.first + part.reports)]
    path = out / f"reports-{part.number:05}.parquet"
    if path.exists():
        raise FileExistsError(f"{path}: is there already; name an empty folder")
    pq.write_table(pa.table({"report_id": ids, "text": texts}), path, compression="zstd")
    return hashes, counts


def plan(reports: int, *, first: int = 0, part_reports: int = PART_REPORTS) -> list[Part]:
    """The parts that hold so many reports, numbered from `first` on.

    >>> plan(25, part_reports=10)[-1]
    Part(number=2, first=20, reports=5)
    >>> plan(1, first=1000, part_reports=10)
    [Part(number=100, first=1000, reports=1)]
    """
    starts = range(first, first + reports, part_reports)
    return [
        Part(-(-start // part_reports), start, min(part_reports, first + reports - start))
        for start in starts
    ]


def growth_curve(
    material: Material, hashes: npt.NDArray[np.uint64], counts: npt.NDArray[np.int64]
) -> list[tuple[int, int, int, float]]:
    """Reports, sentences, distinct sentences and how many times the law they are, by size."""
    ends = np.cumsum(counts)
    _, first_at = np.unique(hashes, return_index=True)
    first_at.sort()
    sizes = [n for k in range(2, 9) for n in (10**k, 3 * 10**k) if n < len(counts)]
    curve = []
    for size in [*sizes, len(counts)]:
        sentences = int(ends[size - 1])
        distinct = int(np.searchsorted(first_at, sentences))
        curve.append((size, sentences, distinct, distinct / material.law(size)))
    return curve


@dataclass(frozen=True)
class Shares:
    """Which share of sentences holds a finding and a cue: of all, and of the distinct ones."""

    sentences: float
    distinct: float


def judged_shares(corpus: Corpus, reader: SentenceReader) -> Shares:
    """The shares in a corpus, as the reader that mines it sees them."""
    needed = np.array([reader.needs_parse(text) for text in corpus.texts])
    numbers = np.array([n for own in corpus.sentences_of for n in own], dtype=np.int64)
    return Shares(float(needed[numbers].mean()), float(needed.mean()))


def share_figures(real: Corpus, made: Corpus) -> Figures:
    """Both corpora's shares, and the ratio of the made one's to the real one's."""
    reader = load_resources(MiningSettings(concepts="phrases")).reader
    shares = [judged_shares(corpus, reader) for corpus in (real, made)]
    rows = [
        [name, *(f"{getattr(s, field):.1%}" for s in shares),
         f"{getattr(shares[1], field) / getattr(shares[0], field):.2f}"]
        for name, field in (("of all sentences", "sentences"), ("of distinct ones", "distinct"))
    ]  # fmt: skip
    notes = [f"Real: {len(real.report_ids):,} reports. Made: the last part, cut as a run cuts it."]
    return Figures("Sentences with a finding and a cue", ["", "real", "made", "ratio"], rows, notes)


def main(arguments: Sequence[str] | None = None) -> None:
    """Writes the corpus and prints how its distinct sentences grow."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recombination")
    parser.add_argument("--reports", type=int, default=1_000_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first report")
    parser.add_argument("--part-reports", type=int, default=PART_REPORTS, help="reports a file")
    parser.add_argument("--source", default=OPENI)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args(arguments)
    started = perf_counter()
    material = read_material(given.source)
    parts = plan(given.reports, first=given.first, part_reports=given.part_reports)
    hashes, counts = write_corpus(
        material, given.out, parts, seed=given.seed, processes=given.processes
    )
    seconds = perf_counter() - started
    last = pq.read_table(given.out / f"reports-{parts[-1].number:05}.parquet").to_pydict()
    made = cut_reports(dict(zip(last["report_id"], last["text"], strict=True)))
    curve = growth_curve(material, hashes, counts)
    real = read_corpus(material.report_ids, given.source)
    print_figures([curve_figures(material, curve, seconds), share_figures(real, made)])


def curve_figures(
    material: Material, curve: Sequence[tuple[int, int, int, float]], seconds: float
) -> Figures:
    """The curve as a table."""
    rows = [
        [f"{n:,}", f"{sentences:,}", f"{distinct:,}", f"{distinct / sentences:.1%}", f"{ratio:.2f}"]
        for n, sentences, distinct, ratio in curve
    ]
    notes = [
        f"The law: {len(material.distinct):,} distinct sentences in the {material.reports:,} "
        f"reports it is made of, growing as n^{GROWTH}. Below that size there is more of them.",
        f"Written in {seconds:.0f} s.",
    ]
    header = ["reports", "sentences", "distinct", "share", "times the law"]
    return Figures("Growth of distinct sentences", header, rows, notes)


if __name__ == "__main__":
    main()
