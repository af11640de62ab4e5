"""What the embedded parser can do: speed, size, accuracy, and negated lists, each with its ratio.

    OMP_NUM_THREADS=1 python benchmarks/parser.py --treebanks DIR

Every line is figure, yardstick and their ratio. Without --treebanks the treebank lines are left
out; the lines on OpenI's reports are read from the installed torchxrayvision (its published test
split left out), of which only counts are printed. --model DIR measures other weights.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import spacy  # noqa: F401  imported first, so that loading weights is timed without it

from mining.audit.holdout import held_out_ids
from mining.ingest import RawReport, read_source
from mining.parsing import Parse
from mining.parsing.embedded import MODEL_FOLDER, EmbeddedParser, load_embedded, read_pipeline
from mining.parsing.training.augment import lower
from mining.parsing.training.list_probe import (
    GATE,
    GATE_LISTS,
    generated_lists,
    listed_heads,
    probe,
    training_nouns,
)
from mining.parsing.training.score import score_pipeline, score_trees
from mining.parsing.training.treebanks import Tree, check_treebanks, read_conllu
from mining.sections import mined_sections
from mining.sentences import split_sentences
from mining.tokens import tokenize

ANNOTATIONS = Path(__file__).parent.parent / "tests" / "data" / "openi_trees.json"

# What a first trial of such a parser reached: the yardsticks.
TRIAL_WORDS_PER_SECOND = 28_000
TRIAL_SCORES = {"ewt-test": (0.85, 0.81), "genia-test": (0.87, 0.845)}
SIZE_LIMIT = 8 * 2**20


def main() -> None:
    """Print the table."""
    arguments = _arguments()
    began = time.perf_counter()
    parser = load_embedded(arguments.model)
    load_seconds = time.perf_counter() - began
    size = sum(path.stat().st_size for path in arguments.model.rglob("*") if path.is_file())
    print(parser.id)
    _line("load, seconds", load_seconds, 1.0)
    _line("size, bytes", size, SIZE_LIMIT)
    if arguments.treebanks:
        _treebanks(arguments.treebanks, arguments.model)
    reports = dict(_reports())
    sentences = sorted({text for report in reports.values() for text in _sentences(report)})
    _speed(parser, sentences)
    if ANNOTATIONS.is_file():
        _radiology(parser, reports)
    _lists(parser, sentences)


def _line(what: str, value: float, against: float) -> None:
    shown = f"{value:,.0f}" if value > 100 else f"{value:.4f}"
    limit = f"{against:,.0f}" if against > 100 else f"{against:.4f}"
    print(f"{what:<58} {shown:>11}  /  {limit:>11}  =  {value / against:.3f}")


def _treebanks(folder: Path, model: Path) -> None:
    check_treebanks(folder, any_version=True)
    nlp = read_pipeline(model)
    for name, (uas, las) in TRIAL_SCORES.items():
        trees = [lower(tree) for tree in read_conllu(folder / f"{name}.conllu")]
        for punctuation in (False, True):
            scores = score_pipeline(nlp, trees, punctuation=punctuation)
            how = "with punctuation" if punctuation else "without punctuation"
            _line(f"{name} UAS {how}", scores.uas, uas)
            _line(f"{name} LAS {how}", scores.las, las)


def _reports() -> Iterator[tuple[str, str]]:
    held_out = held_out_ids()
    for report in read_source("openi"):
        if isinstance(report, RawReport) and report.report_id not in held_out:
            yield report.report_id, report.text


def _sentences(report: str) -> Iterator[str]:
    for section in mined_sections(report):
        for start, end in split_sentences(report, section.start, section.end):
            yield report[start:end]


def _speed(parser: EmbeddedParser, sentences: list[str]) -> None:
    words = sum(len(tokenize(sentence)) for sentence in sentences)
    parser.parse(sentences[:500])  # the first call builds tables
    began = time.process_time()
    parser.parse(sentences)
    speed = words / (time.process_time() - began)
    _line("words per second, one core", speed, TRIAL_WORDS_PER_SECOND)


def _radiology(parser: EmbeddedParser, reports: dict[str, str]) -> None:
    pairs = []
    annotated = json.loads(ANNOTATIONS.read_text(encoding="utf-8"))["sentences"]
    for row in annotated:
        text = reports[row["report_id"]][row["start"] : row["end"]]
        [parse] = parser.parse([text])
        gold = Tree(
            tuple(text[a:b] for a, b in tokenize(text)), tuple(row["heads"]), tuple(row["labels"])
        )
        if isinstance(parse, Parse) and len(parse) == len(gold):
            pairs.append((gold, parse.heads, parse.labels))
    print(f"radiology sentences scored: {len(pairs)} of {len(annotated)}")
    scores = score_trees(pairs)
    _line("radiology sentences UAS without punctuation", scores.uas, TRIAL_SCORES["ewt-test"][0])
    _line("radiology sentences LAS without punctuation", scores.las, TRIAL_SCORES["ewt-test"][1])


def _lists(parser: EmbeddedParser, sentences: list[str]) -> None:
    made = generated_lists(GATE_LISTS)
    parses = parser.parse([text for text, _, _ in made])
    score = probe((p, cue, heads) for p, (_, cue, heads) in zip(parses, made, strict=True))
    _line(f"generated lists, findings reached of {score.listed}", score.share, GATE)
    nouns = training_nouns()
    real = [(text, heads) for text in sentences if (heads := listed_heads(text, nouns))]
    parses = parser.parse([text for text, _ in real])
    for least in (2, 3):
        score = probe(
            (p, 0, heads) for p, (_, heads) in zip(parses, real, strict=True) if len(heads) >= least
        )
        of = f"{score.sentences} OpenI lists of {least} or more"
        _line(f"{of}, findings reached", score.share, GATE)
        _line(f"{of}, all reached", score.whole_share, GATE)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--treebanks", type=Path, help="folder of the CoNLL-U files")
    parser.add_argument("--model", type=Path, default=MODEL_FOLDER)
    return parser.parse_args()


if __name__ == "__main__":
    main()
