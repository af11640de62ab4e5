"""The project's own knowledge base for scispaCy's linker, built from the vocabulary.

scispaCy's `create_tfidf_ann_index` refuses Python 3.11, so the index is built here in its form: a
`KnowledgeBase`, scikit-learn's TF-IDF over character 3-grams, an nmslib HNSW graph. It needs no
download. Source: Neumann et al., ScispaCy, BioNLP 2019.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mining.vocabulary import LookAlike, Phrase, Vocabulary

OTHER = "Other"
_LIBRARIES = ("nmslib", "scispacy", "sklearn")
_NEIGHBOURS = {"M": 32, "efConstruction": 200, "post": 0}


class LinkerMissingError(RuntimeError):
    """scispaCy's linker cannot be used: what was `found`."""

    def __init__(self, found: str) -> None:
        self.found = found
        super().__init__(
            f"the linker of misspelt words: {found}; expected scispacy, scikit-learn and"
            " nmslib-metabrainz. Install the versions of constraints.txt, or give"
            " --concepts phrases to find mentions by phrases alone"
        )


def require_linker() -> None:
    """Returns when the linker's libraries are installed; none of them is imported.

    Raises:
        LinkerMissingError: with the name of the one that is missing.
    """
    for name in _LIBRARIES:
        if find_spec(name) is None:
            raise LinkerMissingError(f"no module {name}")


def entities(vocabulary: Vocabulary, shortest: int) -> Iterator[dict[str, Any]]:
    """scispaCy's entities: one per finding and form, its aliases the words of its phrases.

    The words of the look-alikes belong to the finding as well: what they take away must be found.
    Other abnormalities are left out: no label hangs on them.
    """
    for entry in vocabulary.entries:
        if entry.name == OTHER:
            continue
        forms: dict[str, set[str]] = {}
        for phrase in entry.phrases:
            forms.setdefault(phrase.form, set()).update(words_of(phrase))
        for look_alike in entry.look_alikes:
            forms.setdefault("look_alike", set()).update(words_of(look_alike))
        for form, words in forms.items():
            aliases = sorted(w for w in words if len(w) >= shortest and w.isalpha())
            if aliases:
                yield {
                    "concept_id": f"{entry.name}:{form}",
                    "canonical_name": aliases[0],
                    "aliases": aliases,
                    "types": [entry.name],
                    "definition": entry.definition,
                }


def words_of(source: Phrase | LookAlike) -> set[str]:
    """The words of all patterns of a phrase or a look-alike."""
    return {word for p in source.patterns for item in p.items for word in item.words}


def aliases_of(vocabulary: Vocabulary, shortest: int) -> set[str]:
    """The words that something can be linked to."""
    return {alias for entity in entities(vocabulary, shortest) for alias in entity["aliases"]}


def write_entities(vocabulary: Vocabulary, path: Path, shortest: int) -> int:
    """How many entities were written, one JSON object per line, as scispaCy reads them."""
    rows = list(entities(vocabulary, shortest))
    path.write_text("".join(json.dumps(row, sort_keys=True) + "\n" for row in rows))
    return len(rows)


def candidate_generator(knowledge: Path) -> Any:
    """scispaCy's `CandidateGenerator` over a knowledge base in JSONL.

    Raises:
        LinkerMissingError: a library that it needs cannot be imported.
    """
    try:
        import nmslib
        import numpy as np
        from scispacy.candidate_generation import CandidateGenerator
        from scispacy.linking_utils import KnowledgeBase
        from sklearn.feature_extraction.text import TfidfVectorizer
    except Exception as error:
        # nmslib fails with other errors than ImportError where its binary does not fit the CPU.
        raise LinkerMissingError(f"{type(error).__name__}: {error}") from error
    base = KnowledgeBase(str(knowledge))
    aliases = sorted(base.alias_to_cuis)
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 3), dtype=np.float32)
    vectors = vectorizer.fit_transform(aliases)
    index = nmslib.init(
        method="hnsw", space="cosinesimil_sparse", data_type=nmslib.DataType.SPARSE_VECTOR
    )
    index.addDataPointBatch(vectors)
    # One thread: with several the graph depends on their order.
    index.createIndex({**_NEIGHBOURS, "indexThreadQty": 1}, print_progress=False)
    index.setQueryTimeParams({"efSearch": 100})
    return CandidateGenerator(index, vectorizer, aliases, base)
