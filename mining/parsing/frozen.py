"""Parses kept in readable CoNLL-U files, and a parser that reads them instead of running a model.

`python -m mining.parsing.frozen freeze` writes them, `drift` compares them with a live parser.
Format: https://universaldependencies.org/format.html, with the comment ``# unparsed = reason``
in place of arcs where a parser gave none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mining.parsing.parse import InvalidParseError, Parse, Unparsed
from mining.tokens import tokenize

__all__ = [
    "FREEZE_COMMAND",
    "Frozen",
    "FrozenFileError",
    "FrozenParser",
    "MissingParseError",
    "frozen_parser",
    "read_frozen",
    "write_frozen",
]

FREEZE_COMMAND = "python -m mining.parsing.frozen freeze"
_HEADER = "# parser = "
_COLUMNS = 10


class FrozenFileError(ValueError):
    """A file of frozen parses that can't be read: `path`, `line`, what was `found`."""

    def __init__(self, path: Path, line: int, found: str, expected: str) -> None:
        self.path, self.line, self.found = path, line, found
        super().__init__(
            f"{path}:{line}: found {found}, expected {expected}; write it anew: {FREEZE_COMMAND}"
        )


class MissingParseError(LookupError):
    """A sentence without a frozen parse; `text` is the sentence."""

    def __init__(self, text: str, files: str) -> None:
        self.text = text
        super().__init__(f"{text!r} has no parse in {files}; freeze it: {FREEZE_COMMAND}")


@dataclass(frozen=True, slots=True)
class Frozen:
    """One sentence of a file: its name there, its text and its tree (or why there is none)."""

    name: str
    text: str
    parse: Parse | Unparsed


class FrozenParser:
    """A parser that knows the trees of certain sentences and no others."""

    def __init__(
        self, parser_id: str, sentences: Mapping[str, Parse | Unparsed], where: str = ""
    ) -> None:
        self.id = parser_id
        self._sentences = sentences
        self._where = where or "these frozen parses"

    def parse(self, texts: Sequence[str]) -> list[Parse | Unparsed]:
        """Return the kept tree of each text, in order.

        Raises:
            MissingParseError: a text that is not among them.
        """
        for text in texts:
            if text not in self._sentences:
                raise MissingParseError(text, self._where)
        return [self._sentences[text] for text in texts]

    def trees(self) -> list[Parse | Unparsed]:
        """Return all kept trees."""
        return list(self._sentences.values())


def frozen_parser(folder: Path) -> FrozenParser:
    """Return the parser made of all ``*.conllu`` files of a folder.

    Raises:
        FrozenFileError: a file that can't be read, or none at all.
    """
    files = sorted(folder.glob("*.conllu"))
    if not files:
        raise FrozenFileError(folder, 0, "no .conllu file", "frozen parses")
    known: dict[str, Parse | Unparsed] = {}
    ids = set()
    for file in files:
        parser_id, sentences = read_frozen(file)
        ids.add(parser_id)
        known.update((sentence.text, sentence.parse) for sentence in sentences)
    return FrozenParser("frozen:" + "+".join(sorted(ids)), known, f"{folder}/*.conllu")


def write_frozen(path: Path, parser_id: str, sentences: Iterable[Frozen]) -> None:
    """Nothing: writes the sentences and, as the first line, which parser gave the trees."""
    lines = [f"{_HEADER}{parser_id}"]
    for sentence in _first_only(sentences):
        lines += [*_block(sentence), ""]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _first_only(sentences: Iterable[Frozen]) -> list[Frozen]:
    """Each text once, under its first name."""
    return list({s.text: s for s in reversed(list(sentences))}.values())[::-1]


def _block(sentence: Frozen) -> Iterator[str]:
    yield f"# sent_id = {sentence.name}"
    yield f"# text = {sentence.text}"
    parse = sentence.parse
    if isinstance(parse, Unparsed):
        yield f"# unparsed = {parse.reason}"
    spans = tokenize(sentence.text)
    for i, (start, end) in enumerate(spans):
        head, label = "_", "_"
        if isinstance(parse, Parse):
            head = str(0 if parse.heads[i] == i else parse.heads[i] + 1)
            label = parse.labels[i]
        glued = i + 1 < len(spans) and spans[i + 1][0] == end
        form, misc = sentence.text[start:end], "SpaceAfter=No" if glued else "_"
        yield "\t".join([str(i + 1), form, "_", "_", "_", "_", head, label, "_", misc])


def read_frozen(path: Path) -> tuple[str, list[Frozen]]:
    """Return the parser's id and the sentences of a file that `write_frozen` wrote.

    Raises:
        FrozenFileError: no header, a line of the wrong form, or tokens that the tokenizer would
            cut in another way today.
    """
    lines = path.read_text(encoding="utf-8").split("\n")
    if not lines[0].startswith(_HEADER):
        raise FrozenFileError(path, 1, repr(lines[0][:40]), f"'{_HEADER}…'")
    sentences = []
    comments: dict[str, str] = {}
    rows: list[list[str]] = []
    for number, line in enumerate(lines[1:], start=2):
        if line.startswith("# "):
            key, _, value = line[2:].partition(" = ")
            comments[key] = value
        elif line:
            rows.append(line.split("\t"))
            if len(rows[-1]) != _COLUMNS:
                raise FrozenFileError(path, number, f"{len(rows[-1])} columns", str(_COLUMNS))
        elif rows:
            sentences.append(_sentence(path, number - len(rows), comments, rows))
            comments, rows = {}, []
    return lines[0][len(_HEADER) :], sentences


def _sentence(path: Path, line: int, comments: Mapping[str, str], rows: list[list[str]]) -> Frozen:
    text = comments.get("text", "")
    spans = tokenize(text)
    if [text[a:b] for a, b in spans] != [row[1] for row in rows]:
        raise FrozenFileError(path, line, "other tokens", "those of mining.tokens")
    if "unparsed" in comments:
        return Frozen(comments.get("sent_id", ""), text, Unparsed(comments["unparsed"]))
    try:
        heads = [i if row[6] == "0" else int(row[6]) - 1 for i, row in enumerate(rows)]
        starts, ends = zip(*spans, strict=True)
        parse = Parse(starts, ends, tuple(heads), tuple(row[7] for row in rows))
    except (InvalidParseError, ValueError) as error:
        raise FrozenFileError(path, line, str(error), "one tree with UD v2 labels") from error
    return Frozen(comments.get("sent_id", ""), text, parse)


if __name__ == "__main__":
    import sys

    from mining.rulecheck.freezing import main

    sys.exit(main())
