"""Train the embedded parser: python -m mining.parsing.training --treebanks DIR --out DIR."""

import argparse
import logging
from pathlib import Path

from mining.parsing.embedded import load_embedded
from mining.parsing.training.augment import lower
from mining.parsing.training.list_probe import GATE, GATE_LISTS, generated_lists, probe
from mining.parsing.training.material import Mix, training_trees
from mining.parsing.training.saving import save_weights
from mining.parsing.training.score import score_pipeline
from mining.parsing.training.train import Settings, train
from mining.parsing.training.treebanks import check_treebanks, read_conllu

_log = logging.getLogger("mining.parsing.training")


def main() -> int:
    """Return 0 when the trained parser passes the list probe, 1 when it does not."""
    arguments = _arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    check_treebanks(arguments.treebanks, any_version=arguments.any_treebanks)
    settings = Settings(epochs=arguments.epochs)
    mix = Mix(radiology=0, clinical=0) if arguments.without_generated else Mix()
    trees = training_trees(arguments.treebanks, mix)
    _log.info("%d sentences, %d words", len(trees), sum(map(len, trees)))
    held_out = {
        name: [lower(tree) for tree in read_conllu(arguments.treebanks / f"{name}.conllu")]
        for name in ("ewt-dev", "genia-dev")
    }
    for epoch, nlp in train(trees, settings):
        for name, gold in held_out.items():
            scores = score_pipeline(nlp, gold)
            _log.info("epoch %d, %s: UAS %.4f LAS %.4f", epoch, name, scores.uas, scores.las)
        if epoch == settings.epochs - 1:
            save_weights(nlp, arguments.out)
    return _gate(arguments.out)


def _gate(folder: Path) -> int:
    lists = generated_lists(GATE_LISTS)
    parses = load_embedded(folder).parse([text for text, _, _ in lists])
    score = probe((parse, cue, heads) for parse, (_, cue, heads) in zip(parses, lists, strict=True))
    passed = score.share >= GATE
    _log.info(
        "list probe: %.4f of the findings reached, %.4f asked: %s",
        score.share,
        GATE,
        "passed" if passed else "FAILED, do not ship these weights",
    )
    return 0 if passed else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m mining.parsing.training",
        description="Train the embedded parser's weights; docs/parser.md names the treebanks.",
    )
    parser.add_argument("--treebanks", type=Path, required=True, help="folder of CoNLL-U files")
    parser.add_argument("--out", type=Path, required=True, help="folder for the weights")
    parser.add_argument("--epochs", type=int, default=Settings().epochs)
    parser.add_argument(
        "--any-treebanks", action="store_true", help="accept other releases (other weights result)"
    )
    parser.add_argument(
        "--without-generated",
        action="store_true",
        help="leave out the generated clinical sentences, to measure what they bring",
    )
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
