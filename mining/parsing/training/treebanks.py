"""Treebank sentences as training material, checked against the releases they came from."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mining.parsing.convert import Scheme, scheme_of, to_ud2
from mining.parsing.labels import check_labels
from mining.parsing.spacy_pipeline import Arcs

__all__ = ["TREEBANK_FILES", "Tree", "TreebankError", "check_treebanks", "read_conllu"]

#: sha256 of the files that the shipped weights were trained and scored on.
TREEBANK_FILES = {
    "ewt-train.conllu": "0f5a98fd6daef25b3ca4310cda5acbac5dfcaebbbdc9fbed2faba901aab2ee1a",
    "ewt-dev.conllu": "020f84faa279f236fa2d632c77ced3fc750dce1c146d25d5dafd21e6d6511585",
    "ewt-test.conllu": "b19d454bc72ea7bdbc510d1c7a829f43b5e0cefdaad3265b68f63185f34c9182",
    "genia-train.conllu": "c42bed809ca9520237e708e4d4820bc5bd93399bc5288ffdfb965a19ce2c90c8",
    "genia-dev.conllu": "6082d83f3f4bb8bd3af389c6472d011eea32de057d9537df6cea53fb42f40506",
    "genia-test.conllu": "4cff2718988201ca831e4ea42bb445b056cf116df21ec3371d901180896d0a88",
}

_BRACKETS = {"-LSB-": "[", "-RSB-": "]", "-LRB-": "(", "-RRB-": ")", "``": '"', "''": '"'}


class TreebankError(ValueError):
    """A treebank file that is missing, differs from its release or cannot be read; `path`."""

    def __init__(self, path: Path, found: str, expected: str) -> None:
        self.path = path
        super().__init__(
            f"{path}: found {found}, expected {expected}; docs/parser.md says where the"
            " treebanks come from"
        )


@dataclass(frozen=True, slots=True)
class Tree:
    """Words and arcs: `heads[i]` governs i, the root itself; label "dep" = unknown, not learned."""

    words: tuple[str, ...]
    heads: tuple[int, ...]
    labels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.words)


def check_treebanks(folder: Path, *, any_version: bool = False) -> None:
    """Return nothing when `folder` holds the six files with the known checksums.

    With `any_version` the files must be there, but may be another release (other weights result).

    Raises:
        TreebankError: for the first file that is missing or differs.
    """
    for name, expected in TREEBANK_FILES.items():
        path = folder / name
        if not path.is_file():
            raise TreebankError(path, "no such file", "a CoNLL-U file")
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        if found != expected and not any_version:
            raise TreebankError(path, f"sha256 {found}", expected)


def read_conllu(path: Path) -> Iterator[Tree]:
    """Return the sentences of a CoNLL-U file: basic trees, multiword and empty tokens left out.

    A file labelled in UD v1 (it has "dobj") is translated to v2, so that GENIA's public release
    can be read as it is. English-EWT's own "nmod:desc" is read as compound.

    Raises:
        TreebankError: at a line that is not CoNLL-U.
        UnknownLabelError: at a label that is not Universal Dependencies v2.
    """
    sentences = list(_sentences(path))
    scheme = scheme_of({row[7] for _, rows in sentences for row in rows})
    for line, rows in sentences:
        yield _tree(rows, scheme, path, line)


def _sentences(path: Path) -> Iterator[tuple[int, list[list[str]]]]:
    """Return (number of the line after it, rows of its words) for each sentence."""
    rows: list[list[str]] = []
    number = 0
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            if rows:
                yield number, rows
            rows = []
        elif not line.startswith("#"):
            columns = line.split("\t")
            if len(columns) != 10:
                raise TreebankError(path, f"{len(columns)} columns in line {number}", "10")
            if columns[0].isdigit():
                rows.append(columns)
    if rows:
        yield number + 1, rows


def _tree(rows: list[list[str]], scheme: Scheme, path: Path, line: int) -> Tree:
    heads = tuple(int(row[6]) - 1 if row[6] != "0" else i for i, row in enumerate(rows))
    if any(head >= len(rows) for head in heads):
        raise TreebankError(path, f"a head out of range before line {line}", "a token's number")
    words = tuple(_BRACKETS.get(row[1], row[1]) for row in rows)
    labels = tuple("compound" if row[7] == "nmod:desc" else row[7] for row in rows)
    tags = tuple(row[4] for row in rows)
    arcs = to_ud2(Arcs(words, heads, labels, tags), scheme)
    check_labels(arcs.labels, f"{path}, sentence before line {line}")
    return Tree(words, arcs.heads, arcs.labels)
