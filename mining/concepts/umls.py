"""scispaCy's own linker over the UMLS, where its files are installed; nothing is downloaded.

The files are those of `EntityLinker(linker_name="umls")`, in scispaCy's cache or in a folder. The
vectorizer is a pickle: use files that you trust. Source: Neumann et al., ScispaCy, BioNLP 2019.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mining.concepts.knowledge import LinkerMissingError

_INDEX_FILES = (
    "nmslib_index.bin", "tfidf_vectorizer.joblib", "tfidf_vectors_sparse.npz",
    "concept_aliases.json",
)  # fmt: skip
# The release that scispaCy 0.6 links to by default, and what its cache calls it by.
_RELEASE = "https://s3-us-west-2.amazonaws.com/ai2-s2-scispacy/data"
_INDEX_URL = f"{_RELEASE}/linkers/2023-04-23/umls"
_KNOWLEDGE_URL = f"{_RELEASE}/kbs/2023-04-23/umls_2022_ab_cat0129.jsonl"
_ENDS = 65_536  # bytes at either end of a file that tell one release from another
GET_IT = (
    'run `EntityLinker(linker_name="umls")` of scispacy once on a machine with a network, and give'
    " the folder with its files by --umls; or leave --concepts umls out"
)


class UmlsMissingError(RuntimeError):
    """Files of scispaCy's UMLS linker are not there: where was `looked`, what is `missing`."""

    def __init__(self, looked: Path, missing: str) -> None:
        self.looked, self.missing = looked, missing
        super().__init__(
            f"{looked}: no {missing} of scispaCy's UMLS linker; expected"
            f" {', '.join(_INDEX_FILES)} and a knowledge base in .jsonl. To get them, {GET_IT}"
        )


@dataclass(frozen=True)
class UmlsFiles:
    """The files of the linker: four of the index, and the knowledge base."""

    index: tuple[Path, ...]
    knowledge: Path

    @property
    def fingerprint(self) -> str:
        """A hash of the files' names, sizes and both ends: whole, they are gigabytes."""
        digest = hashlib.sha256()
        for path in (*self.index, self.knowledge):
            size = path.stat().st_size
            digest.update(f"{size}\0".encode())
            with path.open("rb") as stream:
                digest.update(stream.read(_ENDS))
                stream.seek(max(0, size - _ENDS))
                digest.update(stream.read(_ENDS))
        return digest.hexdigest()


def find_umls(folder: str = "") -> UmlsFiles:
    """The files in this folder, or in scispaCy's cache.

    Raises:
        UmlsMissingError: one of them is not there.
    """
    return _in_folder(Path(folder)) if folder else _in_cache()


def _in_folder(folder: Path) -> UmlsFiles:
    for name in _INDEX_FILES:
        if not (folder / name).is_file():
            raise UmlsMissingError(folder, name)
    knowledge = sorted(folder.glob("*.jsonl"))
    if len(knowledge) != 1:
        raise UmlsMissingError(folder, f"single .jsonl ({len(knowledge)} found)")
    return UmlsFiles(tuple(folder / name for name in _INDEX_FILES), knowledge[0])


def _in_cache() -> UmlsFiles:
    # As scispacy.file_cache names them, without asking the network for the newest.
    root = Path(os.environ.get("SCISPACY_CACHE", Path.home() / ".scispacy")) / "datasets"

    def cached(url: str) -> Path:
        name = url.rpartition("/")[2]
        found = sorted(root.glob(f"{hashlib.sha256(url.encode()).hexdigest()}*.{name}"))
        if not found:
            raise UmlsMissingError(root, name)
        return found[-1]

    index = tuple(cached(f"{_INDEX_URL}/{name}") for name in _INDEX_FILES)
    return UmlsFiles(index, cached(_KNOWLEDGE_URL))


class UmlsLinker:
    """Concepts of the UMLS by their names; loaded at the first question, each text asked once.

    Raises:
        UmlsMissingError: a file is not there.
        LinkerMissingError: when loading, scispaCy or nmslib is missing, or a file is damaged.
    """

    def __init__(self, files: UmlsFiles, *, similarity: float) -> None:
        self._files = files
        self._similarity = similarity
        self._linker: Any = None
        self._known: dict[str, tuple[tuple[str, float], ...]] = {}

    def concepts(self, texts: Sequence[str]) -> list[tuple[tuple[str, float], ...]]:
        """Per text its (CUI, similarity), most similar first; none below the least similarity."""
        asked = sorted({text for text in texts if text not in self._known})
        if asked:
            self._ask(asked)
        return [self._known[text] for text in texts]

    def _ask(self, texts: Sequence[str]) -> None:
        from spacy.tokens import Doc, Span

        if self._linker is None:
            self._linker = _load(self._files, self._similarity)
        words = [text.split(" ") for text in texts]
        linker, vocab = self._linker
        doc = Doc(vocab, words=[word for own in words for word in own])
        at, entities = 0, []
        for own in words:
            entities.append(Span(doc, at, at + len(own), label="CHUNK"))
            at += len(own)
        doc.ents = entities
        for text, entity in zip(texts, linker(doc).ents, strict=True):
            found = ((cui, min(1.0, float(score))) for cui, score in entity._.kb_ents)
            self._known[text] = tuple(sorted(found, key=lambda pair: (-pair[1], pair[0])))


def _load(files: UmlsFiles, similarity: float) -> tuple[Any, Any]:
    try:
        import spacy
        from scispacy.candidate_generation import CandidateGenerator, LinkerPaths
        from scispacy.linking import EntityLinker
        from scispacy.linking_utils import KnowledgeBase

        index, vectorizer, vectors, aliases = map(str, files.index)
        names, tfidf, graph = LinkerPaths(index, vectorizer, vectors, aliases).load()
        base = KnowledgeBase(str(files.knowledge))
        generator = CandidateGenerator(graph, tfidf, names, base)
    except Exception as error:
        # Pickles and the index fail in many ways when they were made by other versions.
        raise LinkerMissingError(f"UMLS: {type(error).__name__}: {error}") from error
    linker = EntityLinker(
        candidate_generator=generator, resolve_abbreviations=False, filter_for_definitions=False,
        threshold=similarity,
    )  # fmt: skip
    return linker, spacy.blank("en").vocab


def noun_chunks(words: Sequence[str], breaks: Iterable[str]) -> list[range]:
    """Runs of words between words that end one: candidates for a name of a concept.

    >>> noun_chunks(["there", "is", "a", "small", "effusion", "."], {"there", "is", "a"})
    [range(3, 5)]
    """
    stops = breaks if isinstance(breaks, (set, frozenset)) else frozenset(breaks)
    chunks = []
    start = 0
    for at in range(len(words) + 1):
        if at == len(words) or words[at] in stops or not words[at][0].isalpha():
            if at > start:
                chunks.append(range(start, at))
            start = at + 1
    return chunks
