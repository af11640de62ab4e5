"""How many findings of a "no X, Y, or Z" list a parser reaches from its cue.

The scores on treebanks do not predict this, and it is what negation rests on: a finding that is
not reached counts as present. The probe is the gate of the build: `GATE`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from mining.parsing.parse import Parse, Unparsed
from mining.parsing.training.grammar import read_grammar
from mining.parsing.training.material import GRAMMAR_FOLDER, generate_sentences
from mining.parsing.training.treebanks import Tree
from mining.parsing.words import normal_form
from mining.tokens import tokenize

__all__ = [
    "GATE",
    "GATE_LISTS",
    "ProbeScore",
    "generated_lists",
    "listed_heads",
    "probe",
    "reached_from",
    "training_nouns",
]

#: The share of listed findings that must be reached before weights may ship.
GATE = 0.97
#: On so many generated lists; fewer would leave it to chance.
GATE_LISTS = 2000

_PROBE_FOLDER = Path(__file__).parent / "probe"
_SEPARATORS = frozenset({",", "or", "and", "nor", "/"})
_STRETCHED = frozenset({"amod", "compound", "nummod"})
# Where the list that opens a sentence may end.
_ENDS = """
    is are was were be has have . ; : ( - in of on at over within along to with without from by for
    but which that seen identified noted visualized demonstrated appreciated present evident
    suggesting suggest although however
"""
_LIST_ENDS = frozenset(_ENDS.split())


@dataclass(frozen=True, slots=True)
class ProbeScore:
    """Listed findings reached from the cue; `whole` counts sentences with all of theirs."""

    listed: int
    reached: int
    sentences: int
    whole: int

    @property
    def share(self) -> float:
        """The share of listed findings that were reached."""
        return self.reached / self.listed

    @property
    def whole_share(self) -> float:
        """The share of sentences in which every listed finding was reached."""
        return self.whole / self.sentences


def reached_from(parse: Parse, cue: int, *, climb: bool = False) -> set[int]:
    """Return the tokens that the determiner `cue` negates: its head and that one's conjuncts.

    With `climb`, a cue that landed on a modifier counts for the modified noun too, as the rules
    have it.
    """
    head = parse.heads[cue]
    while climb and parse.labels[head] in _STRETCHED:
        head = parse.heads[head]
    reached = {head}
    for _ in range(len(parse)):
        reached |= {
            i for i, h in enumerate(parse.heads) if h in reached and parse.labels[i] == "conj"
        }
    return reached


def probe(
    sentences: Iterable[tuple[Parse | Unparsed, int, set[int]]], *, climb: bool = False
) -> ProbeScore:
    """Return the score over (parse, cue, listed heads); an unparsed sentence reaches nothing."""
    listed = reached = count = whole = 0
    for parse, cue, heads in sentences:
        found = reached_from(parse, cue, climb=climb) if isinstance(parse, Parse) else set()
        listed += len(heads)
        reached += len(heads & found)
        count += 1
        whole += heads <= found
    return ProbeScore(listed, reached, count, whole)


def generated_lists(count: int, *, seed: int = 5) -> list[tuple[str, int, set[int]]]:
    """Return (sentence, cue, listed heads) from a grammar whose words training never saw."""
    # The training grammar is not read: the probe's own files must stand alone.
    grammar = read_grammar(sorted(_PROBE_FOLDER.glob("*.dep")))
    trees = generate_sentences(grammar, "PROBE", count, Random(seed))
    return [_as_probe(tree) for tree in trees]


def listed_heads(text: str, nouns: frozenset[str]) -> set[int]:
    """Return the heads of the findings listed after a sentence-initial "no", without any parse.

    The list ends at the first verb, preposition or full stop; between its separators the last
    word is a head if it is one of `nouns`. An empty set means: no list that one can be sure of.

    >>> nouns = frozenset({"effusion", "edema"})
    >>> sorted(listed_heads("No large effusion, or edema is seen.", nouns))
    [2, 5]
    >>> listed_heads("No free or loculated effusion", nouns)
    set()
    """
    words = [normal_form(text[start:end]) for start, end in tokenize(text)]
    if not words or words[0] != "no":
        return set()
    end = next((i for i, word in enumerate(words) if word in _LIST_ENDS), len(words))
    bounds = [i for i in range(1, end) if words[i] in _SEPARATORS] + [end]
    heads = {bound - 1 for bound in bounds if words[bound - 1] in nouns}
    return heads if len(heads) > 1 else set()


def training_nouns() -> frozenset[str]:
    """Return the finding nouns of the training grammar (the last word of each entry)."""
    line = next(
        line
        for line in (GRAMMAR_FOLDER / "lexicon.dep").read_text(encoding="utf-8").splitlines()
        if line.startswith("FINDING =")
    )
    return frozenset(entry.split()[-1] for entry in line.partition("=")[2].split(";"))


def _as_probe(tree: Tree) -> tuple[str, int, set[int]]:
    cue = tree.words.index("no")
    gold = Parse(tuple(range(len(tree))), tuple(range(1, len(tree) + 1)), tree.heads, tree.labels)
    return " ".join(tree.words), cue, reached_from(gold, cue)
